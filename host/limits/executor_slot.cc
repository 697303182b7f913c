#include "limits/executor_slot.h"

#include <sys/resource.h>
#include <v8-isolate.h>

#include "limits/cpu_clock.h"

namespace skerry {

namespace {
// A thread that has run long steps back, so that short requests of others get the core at once. It cannot be
// raised again without privileges: the thread ends after its item and a new one takes its place.
constexpr int kDemotedNice = 15;
// CPU after a termination from which it is repeated with each look, in case V8 forgot it.
constexpr uint64_t kAgainCpuNs = 5'000'000;
// V8 looks at a termination between calls of its own builtins. An item that spends so much CPU after it is in one that
// will not end soon; on a machine too busy to spend it, so much time.
constexpr uint64_t kStuckCpuNs = 240'000'000;
constexpr uint64_t kStuckNs = 5'000'000'000;
}  // namespace

bool ExecutorSlot::Inspect(uint64_t demote_after_ns, bool& demoted_now) {
  std::lock_guard hold(mutex_);
  demoted_now = false;
  if (!attached_) return false;
  if (isolate_ == nullptr) return active_.load(std::memory_order_seq_cst);
  const uint64_t now = ReadClock(cpu_clock_);
  const uint64_t used = now > began_cpu_ns_ ? now - began_cpu_ns_ : 0;
  if (used > limit_ns_ && terminated_ == Termination::kNone) {
    terminated_ = Termination::kCpu;
    isolate_->TerminateExecution();
  }
  spent_ns_ = used;
  if (terminated_ != Termination::kNone) {
    const uint64_t at = MonotonicNs();
    if (terminated_at_ns_ == 0) {
      terminated_at_ns_ = at;
      terminated_at_cpu_ns_ = used;
    } else if (stuck_ == Stuck::kNo && used > terminated_at_cpu_ns_ + kAgainCpuNs) {
      isolate_->TerminateExecution();  // V8 forgets it when it has left all frames, and what runs then is no less over.
    }
    if (stuck_ == Stuck::kNo && (used > terminated_at_cpu_ns_ + kStuckCpuNs || at > terminated_at_ns_ + kStuckNs)) {
      stuck_ = Stuck::kFound;
      maybe_stuck_.store(true, std::memory_order_relaxed);
    }
  }
  if (used > demote_after_ns && !demoted_) {
    demoted_ = setpriority(PRIO_PROCESS, static_cast<id_t>(tid_), kDemotedNice) == 0;
    demoted_now = demoted_;
  }
  return true;
}

}  // namespace skerry
