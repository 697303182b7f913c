// Gives filters to the kernel.
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/explain.h"
#include "sandbox/filter.h"
#include "sandbox/step.h"

namespace skerry::sandbox {

namespace {

Failure Install(std::vector<sock_filter> program, unsigned flags) {
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  const long failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
  if (failed == 0) return {};
  // A positive answer is the thread that has a filter which is not an ancestor of ours: there is none.
  return {"seccomp", failed > 0 ? ESRCH : errno};
}

}  // namespace

Failure RefuseRings() {
  static constexpr Rule kRings[] = {
      {SYS_io_uring_setup, "io_uring_setup", Verdict::kNotImplemented},
      {SYS_io_uring_enter, "io_uring_enter", Verdict::kNotImplemented},
      {SYS_io_uring_register, "io_uring_register", Verdict::kNotImplemented},
  };
  std::vector<sock_filter> program = Compile(kRings, Verdict::kKill);
  program.back().k = static_cast<uint32_t>(Verdict::kAllow);  // All others, for now.
  return Install(std::move(program), 0);
}

Failure AllowListedCalls(bool explain) {
  if (explain) {
    const Failure failure = ExplainTraps();
    if (failure.call != nullptr) return failure;
  }
  return Install(Compile(Rules(), explain ? Verdict::kTrap : Verdict::kKill), SECCOMP_FILTER_FLAG_TSYNC);
}

}  // namespace skerry::sandbox
