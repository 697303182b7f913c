// The queue of V8's foreground tasks of one isolate (garbage collection steps, finished compilations, wasm). V8 posts
// from any thread; the tasks run when an executor next holds the isolate.
#pragma once

#include <v8-platform.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace skerry {

class TaskRunner final : public v8::TaskRunner {
 public:
  // What to do when a task arrives, with the delay in seconds after which it wants to run.
  using Notify = std::function<void(double)>;

  bool IdleTasksEnabled() override { return false; }
  bool NonNestableTasksEnabled() const override { return true; }
  bool NonNestableDelayedTasksEnabled() const override { return true; }

  // Without a notifier tasks wait for the next natural entry.
  void SetNotify(Notify notify);
  // No more tasks are taken or run.
  void Close();

  // By the thread that holds the isolate: the tasks that are due now.
  std::vector<std::unique_ptr<v8::Task>> TakeDue();
  bool HasDue();

 protected:
  void PostTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) override { Add(std::move(task), 0); }
  void PostNonNestableTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) override {
    Add(std::move(task), 0);
  }
  void PostDelayedTaskImpl(std::unique_ptr<v8::Task> task, double delay, const v8::SourceLocation&) override {
    Add(std::move(task), delay);
  }
  void PostNonNestableDelayedTaskImpl(std::unique_ptr<v8::Task> task, double delay,
                                      const v8::SourceLocation&) override {
    Add(std::move(task), delay);
  }

 private:
  struct Entry {
    uint64_t due_ns;
    std::unique_ptr<v8::Task> task;
  };
  void Add(std::unique_ptr<v8::Task> task, double delay_seconds);

  std::mutex mutex_;
  std::vector<Entry> entries_;
  Notify notify_;
  bool closed_ = false;
};
}  // namespace skerry
