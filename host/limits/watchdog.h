// The thread that looks at every executor each millisecond while any of them runs, and sleeps otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "limits/executor_slot.h"

namespace skerry {

class Watchdog {
 public:
  static constexpr uint64_t kTickNs = 1'000'000;
  // CPU of one item after which its thread steps back.
  static constexpr uint64_t kDemoteAfterNs = 5'000'000;
  // Ticks without work after which the thread sleeps until woken.
  static constexpr int kIdleTicks = 20;

  // on_tick runs on the watchdog's thread after each look; it must be short and must not enter an isolate.
  Watchdog(std::vector<ExecutorSlot*> slots, std::function<void()> on_tick)
      : slots_(std::move(slots)), on_tick_(std::move(on_tick)) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Body of the thread; never returns.
  [[noreturn]] void Run();

  // By any thread that has entered its slot: cheap unless the watchdog sleeps.
  void Wake() {
    if (asleep_.load(std::memory_order_seq_cst) != 0) WakeSlow();
  }

  uint64_t demotions() const { return demotions_.load(std::memory_order_relaxed); }

 private:
  void WakeSlow();

  const std::vector<ExecutorSlot*> slots_;
  const std::function<void()> on_tick_;
  std::atomic<uint32_t> asleep_{0};
  std::atomic<uint64_t> demotions_{0};
};

}  // namespace skerry
