#include "limits/watchdog.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace skerry {

void Watchdog::Run() {
  pthread_setname_np(pthread_self(), "watchdog");
  int idle = 0;
  for (;;) {
    bool busy = false;
    for (ExecutorSlot* slot : slots_) {
      bool demoted = false;
      busy |= slot->Inspect(kDemoteAfterNs, demoted);
      if (demoted) demotions_.fetch_add(1, std::memory_order_relaxed);
    }
    on_tick_();
    idle = busy ? 0 : idle + 1;
    if (idle > kIdleTicks) {
      // A Wake that comes between the store and the wait finds the word changed and the wait returns at once.
      asleep_.store(1, std::memory_order_seq_cst);
      bool still_idle = true;
      for (ExecutorSlot* slot : slots_) {
        bool demoted = false;
        if (slot->Inspect(kDemoteAfterNs, demoted)) still_idle = false;
      }
      if (still_idle) syscall(SYS_futex, &asleep_, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
      asleep_.store(0, std::memory_order_seq_cst);
      idle = 0;
      continue;
    }
    timespec tick{0, static_cast<long>(kTickNs)};
    nanosleep(&tick, nullptr);
  }
}

void Watchdog::WakeSlow() {
  if (asleep_.exchange(0, std::memory_order_seq_cst) != 0) {
    syscall(SYS_futex, &asleep_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
}

}  // namespace skerry
