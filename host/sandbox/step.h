// What each wall is made of. Functions return 0 or the errno of the call that failed, named in `call`.
#pragma once

namespace skerry::sandbox {

struct Failure {
  const char* call = nullptr;  // nullptr: it stands.
  int error = 0;
};

// An empty, read-only root in place of the machine's files. Needs CAP_SYS_ADMIN and a mount namespace of its own.
Failure EmptyRoot();
// A host name that says nothing. Needs CAP_SYS_ADMIN and a UTS namespace of its own.
Failure AnonymousHostname();
// No capability in any set, nor a way to one; securebits locked where that is allowed.
Failure DropCapabilities();
// Neither a program that is executed nor anything else grants privileges again.
Failure NoNewPrivileges();
// The kernel's limits for the process: no core dump, no files, few descriptors and threads.
Failure ResourceLimits();
// No path of any file system may be used, no TCP port, no abstract socket and no signal of the outside.
Failure Landlock();
// io_uring answers ENOSYS from now on: rings would pass the filter that comes later.
Failure RefuseRings();
// The allow-list on all threads. explain: a forbidden call is named on standard error before the process ends.
Failure AllowListedCalls(bool explain);

}  // namespace skerry::sandbox
