#include "sandbox/descriptors.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace skerry::sandbox {

void CloseSurplusDescriptors() {
  close(kAddonDescriptor);
  if (syscall(SYS_close_range, kSnapshotDescriptor + 1, ~0u, 0) == 0) return;
  // Before Linux 5.9.
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  for (rlim_t fd = kSnapshotDescriptor + 1; fd < limit.rlim_cur; fd++) close(static_cast<int>(fd));
}

}  // namespace skerry::sandbox
