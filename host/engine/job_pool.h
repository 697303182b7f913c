// The threads that run jobs, and the queues before them. Owners, which are the isolates that sent jobs, take turns:
// however many jobs one has, another's is the next but one.
//
// Threads: the manager, which starts the others; up to `threads` that run jobs. A thread that has run one job for some
// milliseconds lowers its priority, so that short requests get the core at once, and ends after that job, like an
// executor.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "engine/job.h"
#include "limits/crash_page.h"

namespace skerry {

// CPU that the jobs of one event may still use, all together.
struct JobBudget {
  std::atomic<int64_t> left_ns;
};

// A job on its way: made by the owner, run by the pool, looked at by the owner again when done has been called.
struct JobTicket {
  std::shared_ptr<Job> job;
  std::shared_ptr<JobBudget> budget;
  // For the crash page.
  uint32_t worker = 0;
  uint32_t event = 0;
  // On the pool's thread, after the job; not if it was canceled.
  std::function<void()> done;
  // Set by anybody: nobody wants the result.
  std::atomic<bool> canceled{false};

  // After done.
  uint64_t cpu_ns = 0;
  bool exceeded = false;  // It stopped because the budget was used up.
};

class JobPool {
 public:
  // Jobs of one owner, and of all, that may wait or run at one time.
  static constexpr size_t kJobsPerOwnerMax = 1000;
  static constexpr size_t kJobsMax = 16'000;
  // CPU of one job after which its thread steps back.
  static constexpr uint64_t kStepBackNs = 5'000'000;

  // Starts the manager. crash_page may be null; thread number i writes slot first_slot + i.
  JobPool(size_t threads, CrashPage* crash_page, size_t first_slot);
  // Cancels what waits, and waits for what runs.
  ~JobPool();
  JobPool(const JobPool&) = delete;
  JobPool& operator=(const JobPool&) = delete;

  // Puts a job into its owner's queue. False if there are too many already. owner is only compared.
  [[nodiscard]] bool Submit(const void* owner, std::shared_ptr<JobTicket> ticket);

 private:
  struct Queue {
    std::deque<std::shared_ptr<JobTicket>> waiting;
    size_t running = 0;
    bool listed = false;  // In turns_.
  };

  void Manage();
  void Work(size_t index);
  // Whether the thread has lowered its priority for it.
  bool RunTicket(JobTicket& ticket, size_t index);
  // With mutex_ held: puts the owner at the end of the line if it has a job that may run.
  void List(const void* owner, Queue& queue);

  const size_t threads_max_;
  // One thread is always left for the others.
  const size_t running_per_owner_max_;
  CrashPage* const crash_page_;
  const size_t first_slot_;

  std::mutex mutex_;
  std::condition_variable work_wake_, manager_wake_, ended_;
  std::unordered_map<const void*, Queue> queues_;
  std::deque<const void*> turns_;
  std::deque<size_t> free_indexes_;
  size_t jobs_ = 0;
  size_t threads_ = 0;
  size_t idle_ = 0;
  size_t to_start_ = 0;
  bool stopping_ = false;
  std::thread manager_;
};

}  // namespace skerry
