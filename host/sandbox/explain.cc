#include "sandbox/explain.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/rules.h"
#include "sandbox/walls.h"

namespace skerry::sandbox {

namespace {

// In a signal handler: only what is safe there.
class Line {
 public:
  Line& operator<<(const char* text) {
    for (; *text != '\0' && used_ < sizeof text_; text++) text_[used_++] = *text;
    return *this;
  }
  Line& operator<<(unsigned number) {
    char digits[12];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do digits[--at] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    return *this << &digits[at];
  }
  void Print() const { (void)!write(STDERR_FILENO, text_, used_); }

 private:
  char text_[160];
  size_t used_ = 0;
};

void Explain(int, siginfo_t* info, void*) {
  Line line;
  line << "skerry host: sandbox: forbidden system call " << static_cast<unsigned>(info->si_syscall);
  for (const Rule& rule : Rules()) {
    if (rule.number == info->si_syscall) line << " (" << rule.name << ", with these arguments)";
  }
  line << "\n";
  line.Print();
  _exit(kExitWall);
}

}  // namespace

Failure ExplainTraps() {
  struct sigaction action {};
  action.sa_sigaction = Explain;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return {"sigaction", errno};
  return {};
}

}  // namespace skerry::sandbox
