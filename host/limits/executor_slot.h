// What one executor thread is running, as the watchdog sees it.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>

namespace v8 {
class Isolate;
}

namespace skerry {

enum class Termination : uint8_t { kNone, kCpu, kMemory };

// An item is one delivery into an isolate: an event's start, data for it, a timer. Its executor calls BeginItem and
// EndItem around it; the watchdog looks in between. The mutex makes sure that a termination meets the item it is for.
class ExecutorSlot {
 public:
  explicit ExecutorSlot(size_t index) : index_(index) {}
  ExecutorSlot(const ExecutorSlot&) = delete;
  ExecutorSlot& operator=(const ExecutorSlot&) = delete;

  size_t index() const { return index_; }

  // By the executor, once, on its own thread.
  void Attach(pid_t tid, clockid_t cpu_clock) {
    std::lock_guard hold(mutex_);
    tid_ = tid;
    cpu_clock_ = cpu_clock;
    demoted_ = false;
    attached_ = true;
  }
  void Detach() {
    std::lock_guard hold(mutex_);
    attached_ = false;
    isolate_ = nullptr;
  }

  // By the executor, around a run of items and before it wakes the watchdog: that does not sleep in between, or an item
  // that begins as it falls asleep would never be looked at.
  void Enter() { active_.store(true, std::memory_order_seq_cst); }
  void Leave() { active_.store(false, std::memory_order_release); }

  // limit_ns is the CPU the item may still use; 0 means none at all, which ends it at the first look.
  void BeginItem(v8::Isolate* isolate, uint64_t limit_ns, uint64_t cpu_now_ns) {
    std::lock_guard hold(mutex_);
    isolate_ = isolate;
    began_cpu_ns_ = cpu_now_ns;
    limit_ns_ = limit_ns;
    terminated_ = Termination::kNone;
    terminated_at_ns_ = 0;
    stuck_ = Stuck::kNo;
  }

  // By the executor within an item: nothing more of the worker's may run.
  bool terminated() {
    std::lock_guard hold(mutex_);
    return terminated_ != Termination::kNone;
  }

  // Returns why the item was terminated, if it was.
  Termination EndItem() {
    std::lock_guard hold(mutex_);
    isolate_ = nullptr;
    return terminated_;
  }

  // By the thread that runs the item, from inside V8 (heap limit).
  void MarkTerminated(Termination why) {
    std::lock_guard hold(mutex_);
    if (terminated_ == Termination::kNone) terminated_ = why;
  }

  // By the watchdog, after Inspect: true once for an item that goes on long after it was terminated. spent_ns is its
  // CPU.
  bool TakeStuck(Termination& why, uint64_t& spent_ns) {
    if (!maybe_stuck_.load(std::memory_order_relaxed)) return false;
    std::lock_guard hold(mutex_);
    maybe_stuck_.store(false, std::memory_order_relaxed);
    if (stuck_ != Stuck::kFound || isolate_ == nullptr) return false;
    stuck_ = Stuck::kTold;
    why = terminated_;
    spent_ns = spent_ns_;
    return true;
  }

  // By the watchdog: the thread runs an item that was told to be one that does not stop.
  bool lost() {
    std::lock_guard hold(mutex_);
    return stuck_ == Stuck::kTold && isolate_ != nullptr;
  }

  bool demoted() {
    std::lock_guard hold(mutex_);
    return demoted_;
  }

  // By the watchdog. Terminates an item over its limit; lowers the priority of a thread that has run one item for
  // longer than demote_after_ns. Returns true if an item is running or about to.
  bool Inspect(uint64_t demote_after_ns, bool& demoted_now);

 private:
  enum class Stuck : uint8_t { kNo, kFound, kTold };

  const size_t index_;
  std::atomic<bool> active_{false};
  std::mutex mutex_;
  v8::Isolate* isolate_ = nullptr;  // Set while an item runs.
  uint64_t began_cpu_ns_ = 0;
  uint64_t limit_ns_ = 0;
  uint64_t spent_ns_ = 0;  // CPU of the item at the last look.
  Termination terminated_ = Termination::kNone;
  uint64_t terminated_at_ns_ = 0;      // When the watchdog first saw it terminated; 0: not yet.
  uint64_t terminated_at_cpu_ns_ = 0;  // The item's CPU then.
  Stuck stuck_ = Stuck::kNo;
  std::atomic<bool> maybe_stuck_{false};
  pid_t tid_ = 0;
  clockid_t cpu_clock_ = 0;
  bool attached_ = false;
  bool demoted_ = false;
};

}  // namespace skerry
