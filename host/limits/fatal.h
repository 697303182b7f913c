// Who was it: a thread that V8 or the processor stops with a fatal signal says so in its slot of the crash page, so
// that the supervisor need not suspect whatever else was running at the time.
#pragma once

#include "limits/crash_page.h"

namespace skerry {

// Takes the fatal signals of the process. Once, before the sandbox closes: afterwards no signal can be taken.
void TakeFatalSignals();

// The slot of the calling thread. Of the initial-exec model: the first use by a thread may be in a signal handler,
// which must not allocate.
__attribute__((tls_model("initial-exec"))) inline constinit thread_local CrashSlot* own_crash_slot = nullptr;

// Makes a slot that of the calling thread, for the time of the object.
class FatalSlot {
 public:
  explicit FatalSlot(CrashSlot& slot) {
    __atomic_store_n(&slot.fatal, 0u, __ATOMIC_RELEASE);
    own_crash_slot = &slot;
  }
  ~FatalSlot() { own_crash_slot = nullptr; }
  FatalSlot(const FatalSlot&) = delete;
  FatalSlot& operator=(const FatalSlot&) = delete;
};

}  // namespace skerry
