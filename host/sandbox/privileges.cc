// Capabilities, and the ways to get some.
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/step.h"

namespace skerry::sandbox {

Failure DropCapabilities() {
  // The bounding set and the securebits can be lowered by CAP_SETPCAP only. Who has none has nothing to lower: a
  // program that is executed gains nothing after no_new_privs, and none can be executed.
  for (int capability = 0; capability <= 63; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // The kernel has no more.
    if (errno == EPERM) break;
    return {"drop from the bounding set", errno};
  }
  constexpr unsigned long kLocked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (prctl(PR_SET_SECUREBITS, kLocked, 0, 0, 0) != 0 && errno != EPERM) return {"lock the securebits", errno};
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return {"clear the ambient set", errno};
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, data) != 0) return {"capset", errno};
  if (syscall(SYS_capget, &header, data) != 0) return {"capget", errno};
  for (const auto& part : data) {
    if ((part.effective | part.permitted | part.inheritable) != 0) return {"capset had no effect", EPERM};
  }
  return {};
}

Failure NoNewPrivileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return {"PR_SET_NO_NEW_PRIVS", errno};
  // Nobody of the same user may trace the process or read its memory.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return {"PR_SET_DUMPABLE", errno};
  return {};
}

}  // namespace skerry::sandbox
