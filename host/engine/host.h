// The isolate host: frames from the supervisor become mail for instances, and executor threads run the instances that
// have some. One mutex guards all scheduling state; V8 is never called while it is held.
//
// Threads: the executors, of which one at a time leads (reads the socket, fires timers); the watchdog; the keeper,
// which starts executors, keeps spare isolates ready and disposes of those that are done; those of the job pool; V8's
// own workers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/instance.h"
#include "engine/isolate.h"
#include "engine/job_pool.h"
#include "limits/crash_page.h"
#include "limits/watchdog.h"
#include "wire/channel.h"

namespace skerry {

struct HostOptions {
  size_t executors = 2;
  size_t executors_max = 16;
  size_t spares = 4;
  size_t isolates_max = 1500;
  uint64_t memory_budget = 0;
  bool clock_frozen = true;
  bool dev = false;
};

class Host {
 public:
  // Instances, resident or not, beyond which new events are shed: what the kernel's mappings can carry.
  static constexpr size_t kInstancesMax = 4000;
  static constexpr size_t kDefaultMemory = 128u << 20;
  // Threads that run jobs: one for two executors, within these bounds. They have the last slots of the crash page.
  static constexpr size_t kJobThreadsMax = 8;

  Host(int socket, int crash_page, const IsolateTemplate& isolates, std::string build);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Greets, starts the threads and never returns; the process ends when the supervisor closes the socket.
  [[noreturn]] void Run();

  const HostOptions& options() const { return options_; }

  // ---- for instances
  // Sends whole frames from any executor. What the socket does not take at once, whoever leads sends later.
  void Send(std::string_view frames);
  // A spare isolate, or a new one made on the spot.
  std::unique_ptr<Isolate> TakeIsolate(size_t memory_bytes);
  // Moves the waiting mail into `into`. False if there is none.
  bool TakeMail(WorkerInstance& instance, std::vector<Mail>& into);
  bool HasMail(WorkerInstance& instance);
  void PostSelf(WorkerInstance& instance, Mail mail);
  void PostTasks(const std::shared_ptr<WorkerInstance>& instance, double delay_seconds);
  // A job of the instance is done. By a thread of the pool.
  void PostJob(const std::shared_ptr<WorkerInstance>& instance, uint32_t job);
  JobPool& jobs() { return *jobs_; }
  // Hands an event that has not begun to another instance of the worker. False if the worker is unloaded or full.
  bool Reassign(WorkerInstance& from, Mail& mail) {
    std::lock_guard hold(mutex_);
    return ReassignLocked(from, mail);
  }
  uint32_t RouteCall(std::shared_ptr<WorkerInstance> instance);
  uint32_t RouteStream(std::shared_ptr<WorkerInstance> instance);
  uint32_t RouteSocket(std::shared_ptr<WorkerInstance> instance);
  // False: the instance was given up, and its ids may be others' by now.
  bool Unroute(WorkerInstance& instance, const std::vector<uint32_t>& events, const std::vector<uint32_t>& calls,
               const std::vector<uint32_t>& streams, const std::vector<uint32_t>& sockets);
  uint64_t AddTimer(std::weak_ptr<WorkerInstance> instance, uint32_t timer, uint64_t deadline_ns);
  void RemoveTimer(uint64_t deadline_ns, uint64_t key);
  // No new events for the instance; it goes when its events have ended.
  void Condemn(WorkerInstance& instance, bool for_cause);
  void CountStart();
  void SetMemory(WorkerInstance& instance, uint64_t heap_bytes, uint64_t external_bytes);
  // The supervisor broke the protocol: a bug. Says so and ends the process.
  [[noreturn]] void Violation(const char* what);

 private:
  using Instance = std::shared_ptr<WorkerInstance>;
  struct WorkerEntry {
    std::string data;  // Accumulates until WorkerLoad.
    std::shared_ptr<Worker> worker;
    std::vector<Instance> instances;
  };
  struct Timer {
    std::weak_ptr<WorkerInstance> instance;
    uint32_t id;  // 0: V8's tasks.
  };
  struct Idler {
    std::condition_variable wake;
    bool woken = false;
  };

  void Greet();
  void ExecutorMain(size_t index);
  void KeeperMain();
  void Tick();
  // Ends the events of instances that will not stop, and asks to be replaced.
  void GiveUpStuck();

  // Leading: returns when something can run.
  void Lead();
  void FireTimers();
  void DispatchBuffered();
  void Dispatch(const wire::FrameHeader& header, std::span<const uint8_t> payload);
  void DispatchFetch(uint32_t id, std::span<const uint8_t> payload);
  void LoadWorker(uint32_t id, std::span<const uint8_t> payload);
  void UnloadWorker(uint32_t id);
  void SendStats(uint32_t id);

  // All with mutex_ held.
  bool ReassignLocked(WorkerInstance& from, Mail& mail);
  Instance ChooseInstance(WorkerEntry& entry);
  void Post(const Instance& instance, Mail mail);
  void Queue(const Instance& instance);
  void WakeSomeone();
  bool WakeIdler();
  void AfterRun(const Instance& instance);
  void CondemnLocked(WorkerInstance& instance, bool for_cause);
  void Discard(const Instance& instance);
  void EvictSurplus();
  void StartExecutorLocked();

  wire::Channel channel_;
  CrashPage crash_page_;
  const IsolateTemplate& isolates_;
  const std::string build_;
  HostOptions options_;
  int wake_fd_;

  std::vector<std::unique_ptr<ExecutorSlot>> slots_;
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<JobPool> jobs_;

  std::mutex mutex_;
  std::unordered_map<uint32_t, WorkerEntry> workers_;
  std::unordered_map<uint32_t, Instance> events_, calls_, streams_, sockets_;
  std::map<std::pair<uint64_t, uint64_t>, Timer> timers_;
  uint64_t next_timer_ = 1;
  uint32_t next_call_ = 1;
  uint32_t next_stream_ = 1;
  uint32_t next_socket_ = 1;
  std::deque<Instance> runnable_;
  std::vector<Instance> running_;  // By slot.
  std::list<Instance> idle_;       // Without events, least recently used first.
  std::vector<Idler*> idlers_;
  std::vector<size_t> free_slots_;
  std::vector<size_t> to_start_;  // Slots for which the keeper shall start a thread.
  std::vector<Instance> discarded_;
  std::vector<std::unique_ptr<Isolate>> spares_;
  std::condition_variable keeper_wake_;
  bool leading_ = false;
  bool leader_blocked_ = false;
  uint64_t leader_until_ns_ = 0;
  size_t threads_ = 0;
  size_t busy_ = 0;
  size_t resident_ = 0;
  uint64_t memory_ = 0;

  // Counters for Stats.
  uint64_t isolates_started_ = 0;
  uint64_t cold_starts_ = 0;
  uint64_t evictions_ = 0;
  uint64_t condemned_ = 0;
};

}  // namespace skerry
