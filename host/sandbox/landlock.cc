// Landlock (Linux 5.13, landlock(7)). The root is empty anyway: this stands if it should not be, and where there are no
// namespaces it is what keeps the process from the machine's files.
#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/step.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

namespace skerry::sandbox {

namespace {

// struct landlock_ruleset_attr as of ABI 6; older kernels take a prefix of it.
struct Ruleset {
  uint64_t files;
  uint64_t network;
  uint64_t scoped;
};

constexpr uint32_t kVersion = 1;  // LANDLOCK_CREATE_RULESET_VERSION

}  // namespace

Failure Landlock() {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersion);
  if (abi < 1) return {"landlock_create_ruleset", errno};
  Ruleset ruleset{};
  size_t size = sizeof ruleset.files;
  ruleset.files = (1u << 13) - 1;           // Execute, read, write, list, make and remove.
  if (abi >= 2) ruleset.files |= 1u << 13;  // Link and rename elsewhere.
  if (abi >= 3) ruleset.files |= 1u << 14;  // Truncate.
  if (abi >= 5) ruleset.files |= 1u << 15;  // ioctl on devices.
  if (abi >= 4) {
    ruleset.network = 3;  // Bind and connect TCP.
    size = 2 * sizeof(uint64_t);
  }
  if (abi >= 6) {
    ruleset.scoped = 3;  // Abstract sockets, signals.
    size = sizeof ruleset;
  }
  const long fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
  if (fd < 0) return {"landlock_create_ruleset", errno};
  // A rule would allow something; there is none.
  const long restricted = syscall(SYS_landlock_restrict_self, fd, 0);
  const int error = errno;
  close(static_cast<int>(fd));
  if (restricted != 0) return {"landlock_restrict_self", error};
  return {};
}

}  // namespace skerry::sandbox
