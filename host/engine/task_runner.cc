#include "engine/task_runner.h"

#include "limits/cpu_clock.h"

namespace skerry {

void TaskRunner::SetNotify(Notify notify) {
  std::lock_guard hold(mutex_);
  notify_ = std::move(notify);
}

void TaskRunner::Close() {
  std::vector<Entry> dropped;
  std::lock_guard hold(mutex_);
  closed_ = true;
  notify_ = nullptr;
  dropped.swap(entries_);
}

void TaskRunner::Add(std::unique_ptr<v8::Task> task, double delay_seconds) {
  Notify notify;
  {
    std::lock_guard hold(mutex_);
    if (closed_) return;
    const uint64_t delay_ns = delay_seconds > 0 ? static_cast<uint64_t>(delay_seconds * 1e9) : 0;
    entries_.push_back({MonotonicNs() + delay_ns, std::move(task)});
    notify = notify_;
  }
  if (notify) notify(delay_seconds);
}

std::vector<std::unique_ptr<v8::Task>> TaskRunner::TakeDue() {
  std::vector<std::unique_ptr<v8::Task>> due;
  std::lock_guard hold(mutex_);
  if (entries_.empty()) return due;
  const uint64_t now = MonotonicNs();
  size_t kept = 0;
  for (Entry& entry : entries_) {
    if (entry.due_ns <= now) {
      due.push_back(std::move(entry.task));
    } else {
      entries_[kept++] = std::move(entry);
    }
  }
  entries_.resize(kept);
  return due;
}

bool TaskRunner::HasDue() {
  std::lock_guard hold(mutex_);
  if (entries_.empty()) return false;
  const uint64_t now = MonotonicNs();
  for (const Entry& entry : entries_) {
    if (entry.due_ns <= now) return true;
  }
  return false;
}

}  // namespace skerry
