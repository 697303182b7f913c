// The file system and the host name.
#include <errno.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/step.h"

namespace skerry::sandbox {

Failure EmptyRoot() {
  // Nothing done below may reach the namespace that this one was copied from.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return {"mount private", errno};
  // Any directory that is there can be the place; /proc surely is: the supervisor named this library through it.
  if (mount("empty", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1,mode=0555") != 0) {
    return {"mount tmpfs", errno};
  }
  if (chdir("/proc") != 0) return {"chdir", errno};
  // The old root is stacked on the new one and taken off: no directory for it is needed (pivot_root(2),
  // "pivot_root(".", ".")").
  if (syscall(SYS_pivot_root, ".", ".") != 0) return {"pivot_root", errno};
  if (umount2(".", MNT_DETACH) != 0) return {"umount of the old root", errno};
  if (chdir("/") != 0) return {"chdir", errno};
  if (mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return {"mount read-only", errno};
  }
  return {};
}

Failure AnonymousHostname() {
  if (sethostname("isolate", 7) != 0) return {"sethostname", errno};
  if (setdomainname("", 0) != 0) return {"setdomainname", errno};
  return {};
}

}  // namespace skerry::sandbox
