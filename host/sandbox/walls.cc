#include "sandbox/walls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/descriptors.h"
#include "sandbox/step.h"

namespace skerry::sandbox {

namespace {

constexpr char kVariable[] = "SKERRY_WALLS";

bool filter_wanted = false;
bool explain_wanted = false;

// Whether `list` (names separated by commas) holds `name`.
bool Has(const char* list, const char* name) {
  const size_t length = strlen(name);
  for (const char* at = list; *at != '\0';) {
    const char* end = strchrnul(at, ',');
    if (static_cast<size_t>(end - at) == length && memcmp(at, name, length) == 0) return true;
    at = *end == ',' ? end + 1 : end;
  }
  return false;
}

[[noreturn]] void Die(const char* wall, const Failure& failure) {
  fprintf(stderr, "skerry host: sandbox: the wall \"%s\" cannot be put up: %s: %s\n", wall, failure.call,
          strerror(failure.error));
  _exit(kExitWall);
}

struct Step {
  const char* wall;
  Failure (*put_up)();
};

// The order matters: capabilities are needed for what is above them, and a filter without them needs no_new_privs.
constexpr Step kSteps[] = {
    {"hostname", AnonymousHostname},     {"root", EmptyRoot},
    {"capabilities", DropCapabilities},  {"no_new_privs", NoNewPrivileges},
    {"resource_limits", ResourceLimits}, {"landlock", Landlock},
};

void Probe(const char* list) {
  const auto report = [](const char* wall, const Failure& failure) {
    char line[256];
    const int length = failure.call == nullptr
                           ? snprintf(line, sizeof line, "%s ok\n", wall)
                           : snprintf(line, sizeof line, "%s %s: %s\n", wall, failure.call, strerror(failure.error));
    (void)!write(STDOUT_FILENO, line, static_cast<size_t>(length));  // The filter may stand already: no stdio.
  };
  for (const Step& step : kSteps) {
    if (Has(list, step.wall)) report(step.wall, step.put_up());
  }
  if (Has(list, "seccomp")) {
    Failure failure = RefuseRings();
    if (failure.call == nullptr) failure = AllowListedCalls(false);
    report("seccomp", failure);
  }
  _exit(0);
}

// By the dynamic loader, before main: there is one thread.
__attribute__((constructor)) void Enter() {
  const char* given = getenv(kVariable);
  if (given == nullptr) return;
  char list[512];
  if (strlen(given) >= sizeof list) Die(kVariable, {"parse", E2BIG});
  strcpy(list, given);
  CloseSurplusDescriptors();
  // Node shall see no variable that was meant for the loader or for us.
  clearenv();
  setenv("TZ", "UTC", 1);
  setenv("OPENSSL_CONF", "/nonexistent", 1);  // A file that is missing is no error, one that is forbidden would be.
  if (Has(list, "probe")) Probe(list);
  for (const Step& step : kSteps) {
    if (!Has(list, step.wall)) continue;
    const Failure failure = step.put_up();
    if (failure.call != nullptr) Die(step.wall, failure);
  }
  filter_wanted = Has(list, "seccomp");
  explain_wanted = Has(list, "explain");
  if (!filter_wanted) return;
  const Failure failure = RefuseRings();
  if (failure.call != nullptr) Die("seccomp", failure);
}

}  // namespace

void CloseFilter() {
  if (!filter_wanted) return;
  const Failure failure = AllowListedCalls(explain_wanted);
  if (failure.call != nullptr) Die("seccomp", failure);
}

}  // namespace skerry::sandbox
