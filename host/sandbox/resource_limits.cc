#include <errno.h>
#include <sys/resource.h>

#include <algorithm>

#include "sandbox/step.h"

namespace skerry::sandbox {

namespace {

struct Limit {
  decltype(RLIMIT_CORE) resource;
  rlim_t most;
  const char* name;
};

// Memory is not limited here: V8 reserves address space by the terabyte. A control group or the supervisor's sampler
// does that.
constexpr Limit kLimits[] = {
    {RLIMIT_CORE, 0, "RLIMIT_CORE"},          // No tenant's data in a core file.
    {RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"},        // No file grows.
    {RLIMIT_NOFILE, 64, "RLIMIT_NOFILE"},     // Five that it is born with, and those of Node's event loop.
    {RLIMIT_NPROC, 256, "RLIMIT_NPROC"},      // Threads: 64 executors, V8's workers, a few of our own.
    {RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK"},    // No locked memory.
    {RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE"},  // No POSIX message queues.
    {RLIMIT_LOCKS, 0, "RLIMIT_LOCKS"},
    {RLIMIT_RTPRIO, 0, "RLIMIT_RTPRIO"},  // No real-time scheduling.
    {RLIMIT_NICE, 0, "RLIMIT_NICE"},      // A lowered priority stays lowered.
    {RLIMIT_SIGPENDING, 64, "RLIMIT_SIGPENDING"},
};

}  // namespace

Failure ResourceLimits() {
  for (const Limit& limit : kLimits) {
    rlimit now{};
    if (getrlimit(limit.resource, &now) != 0) return {limit.name, errno};
    const rlim_t value = std::min(now.rlim_max, limit.most);
    const rlimit lowered{value, value};
    if (setrlimit(limit.resource, &lowered) != 0) return {limit.name, errno};
  }
  return {};
}

}  // namespace skerry::sandbox
