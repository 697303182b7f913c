#include "engine/job_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "limits/cpu_clock.h"
#include "limits/fatal.h"

namespace skerry {

namespace {

// As executors have it when they step back; the sandbox allows no other.
constexpr int kSteppedBackNice = 15;

class Control final : public WorkControl {
 public:
  explicit Control(JobTicket& ticket) : ticket_(ticket), mark_ns_(ThreadCpuNs()) {}

  bool Continue() override {
    if (ticket_.canceled.load(std::memory_order_relaxed) || ticket_.exceeded) return false;
    Bill();
    if (!stepped_back_ && ticket_.cpu_ns > JobPool::kStepBackNs) {
      stepped_back_ = setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kSteppedBackNice) == 0;
    }
    return !ticket_.exceeded;
  }

  void Bill() {
    const uint64_t now = ThreadCpuNs();
    const int64_t spent = static_cast<int64_t>(now - mark_ns_);
    mark_ns_ = now;
    ticket_.cpu_ns += static_cast<uint64_t>(spent);
    if (ticket_.budget != nullptr && ticket_.budget->left_ns.fetch_sub(spent) < spent) ticket_.exceeded = true;
  }

  bool stepped_back() const { return stepped_back_; }

 private:
  JobTicket& ticket_;
  uint64_t mark_ns_;
  bool stepped_back_ = false;
};

}  // namespace

JobPool::JobPool(size_t threads, CrashPage* crash_page, size_t first_slot)
    : threads_max_(std::max<size_t>(threads, 1)),
      running_per_owner_max_(std::max<size_t>(threads_max_, 2) - 1),
      crash_page_(crash_page),
      first_slot_(first_slot) {
  for (size_t i = 0; i < threads_max_; i++) free_indexes_.push_back(i);
  manager_ = std::thread([this] { Manage(); });
}

JobPool::~JobPool() {
  {
    std::unique_lock hold(mutex_);
    stopping_ = true;
    for (auto& [owner, queue] : queues_) {
      for (auto& ticket : queue.waiting) ticket->canceled = true;
    }
    work_wake_.notify_all();
    manager_wake_.notify_all();
    ended_.wait(hold, [&] { return threads_ == 0; });
  }
  manager_.join();
}

bool JobPool::Submit(const void* owner, std::shared_ptr<JobTicket> ticket) {
  std::lock_guard hold(mutex_);
  Queue& queue = queues_[owner];
  if (jobs_ >= kJobsMax || queue.waiting.size() + queue.running >= kJobsPerOwnerMax || stopping_) {
    if (queue.waiting.empty() && queue.running == 0) queues_.erase(owner);
    return false;
  }
  jobs_++;
  queue.waiting.push_back(std::move(ticket));
  List(owner, queue);
  if (idle_ > 0) work_wake_.notify_one();
  if (turns_.size() > idle_ && threads_ + to_start_ < threads_max_) {
    to_start_++;
    manager_wake_.notify_one();
  }
  return true;
}

void JobPool::List(const void* owner, Queue& queue) {
  if (queue.listed || queue.waiting.empty() || queue.running >= running_per_owner_max_) return;
  queue.listed = true;
  turns_.push_back(owner);
}

void JobPool::Manage() {
  pthread_setname_np(pthread_self(), "jobs");
  std::unique_lock hold(mutex_);
  for (;;) {
    manager_wake_.wait(hold, [&] { return stopping_ || to_start_ > 0; });
    if (stopping_) return;
    to_start_--;
    threads_++;
    const size_t index = free_indexes_.front();
    free_indexes_.pop_front();
    std::thread([this, index] { Work(index); }).detach();
  }
}

void JobPool::Work(size_t index) {
  pthread_setname_np(pthread_self(), "job");
  std::unique_lock hold(mutex_);
  for (bool stepped_back = false; !stepped_back && !stopping_;) {
    if (turns_.empty()) {
      idle_++;
      work_wake_.wait(hold);
      idle_--;
      continue;
    }
    const void* owner = turns_.front();
    turns_.pop_front();
    Queue& queue = queues_[owner];
    queue.listed = false;
    std::shared_ptr<JobTicket> ticket = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    queue.running++;
    List(owner, queue);
    hold.unlock();
    stepped_back = RunTicket(*ticket, index);
    ticket.reset();  // What it owns may be large.
    hold.lock();
    jobs_--;
    Queue& after = queues_[owner];
    after.running--;
    if (after.waiting.empty() && after.running == 0) {
      queues_.erase(owner);
    } else {
      List(owner, after);
      if (idle_ > 0 && !turns_.empty()) work_wake_.notify_one();
    }
  }
  threads_--;
  free_indexes_.push_back(index);
  if (stopping_) {
    ended_.notify_all();
  } else if (!turns_.empty() && threads_ + to_start_ < threads_max_) {
    to_start_++;
    manager_wake_.notify_one();
  }
}

bool JobPool::RunTicket(JobTicket& ticket, size_t index) {
  if (ticket.canceled.load(std::memory_order_relaxed)) return false;
  Control control(ticket);
  {
    CrashSlot none{};
    CrashSlot& slot = crash_page_ == nullptr ? none : crash_page_->slot(first_slot_ + index);
    const FatalSlot fatal(slot);
    CrashMark mark(slot, ticket.worker, ticket.event, MonotonicNs());
    if (ticket.budget == nullptr || ticket.budget->left_ns.load() > 0) {
      ticket.job->Run(control);
    } else {
      ticket.exceeded = true;
    }
  }
  control.Bill();
  if (!ticket.canceled.load(std::memory_order_relaxed)) ticket.done();
  return control.stepped_back();
}

}  // namespace skerry
