// Which instance gets an event, which one runs next, which one goes; ids and timers.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/host.h"
#include "limits/cpu_clock.h"

namespace skerry {

namespace {
// Mail of a busy instance that waited this long asks for another instance.
constexpr uint64_t kScaleOutNs = 2'000'000;
}  // namespace

// The first instance that is free; else the one with the least mail. A worker whose mail waits while executors are free
// gets one more instance, up to one per executor.
Host::Instance Host::ChooseInstance(WorkerEntry& entry) {
  Instance best;
  for (const Instance& instance : entry.instances) {
    if (!instance->scheduling.queued) return instance;
    if (best == nullptr || instance->scheduling.mailbox.size() < best->scheduling.mailbox.size()) best = instance;
  }
  if (best != nullptr) {
    const bool waits = !best->scheduling.mailbox.empty() && MonotonicNs() - best->scheduling.mail_ns > kScaleOutNs;
    if (!waits || entry.instances.size() >= options_.executors || busy_ >= options_.executors) return best;
  }
  if (resident_ >= kInstancesMax) return best;
  Instance fresh = std::make_shared<WorkerInstance>(*this, entry.worker);
  fresh->scheduling.loaded = true;
  entry.instances.push_back(fresh);
  resident_++;
  cold_starts_++;
  return fresh;
}

bool Host::ReassignLocked(WorkerInstance& from, Mail& mail) {
  auto found = workers_.find(from.worker()->id);
  if (found == workers_.end()) return false;
  const Instance instance = ChooseInstance(found->second);
  if (instance == nullptr) return false;
  from.scheduling.live_events--;
  instance->scheduling.live_events++;
  events_.insert_or_assign(mail.id, instance);
  wire::Fetch fetch;
  const std::span<const uint8_t> payload(reinterpret_cast<const uint8_t*>(mail.payload.data()), mail.payload.size());
  if (wire::Fetch::Decode(payload, fetch) && fetch.stream != 0) streams_.insert_or_assign(fetch.stream, instance);
  Post(instance, std::move(mail));
  return true;
}

void Host::Post(const Instance& instance, Mail mail) {
  if (instance->scheduling.mailbox.empty()) instance->scheduling.mail_ns = MonotonicNs();
  instance->scheduling.mailbox.push_back(std::move(mail));
  if (!instance->scheduling.queued) Queue(instance);
}

void Host::Queue(const Instance& instance) {
  WorkerInstance::Scheduling& s = instance->scheduling;
  s.queued = true;
  s.queued_ns = MonotonicNs();
  if (s.idle_listed) {
    idle_.erase(s.idle_position);
    s.idle_listed = false;
  }
  runnable_.push_back(instance);
}

bool Host::TakeMail(WorkerInstance& instance, std::vector<Mail>& into) {
  std::lock_guard hold(mutex_);
  if (instance.scheduling.mailbox.empty()) return false;
  into.swap(instance.scheduling.mailbox);
  return true;
}

bool Host::HasMail(WorkerInstance& instance) {
  std::lock_guard hold(mutex_);
  return !instance.scheduling.mailbox.empty();
}

void Host::PostSelf(WorkerInstance& instance, Mail mail) {
  std::lock_guard hold(mutex_);
  instance.scheduling.mailbox.push_back(std::move(mail));  // It runs, so it will look.
}

void Host::PostTasks(const Instance& instance, double delay_seconds) {
  if (delay_seconds > 0) {
    AddTimer(instance, 0, MonotonicNs() + static_cast<uint64_t>(delay_seconds * 1e9));
    return;
  }
  std::lock_guard hold(mutex_);
  if (instance->scheduling.queued) return;  // AfterRun looks for due tasks.
  Post(instance, Mail{.kind = Mail::Kind::kTasks});
  WakeSomeone();
}

void Host::PostJob(const Instance& instance, uint32_t job) {
  std::lock_guard hold(mutex_);
  if (!instance->scheduling.loaded) return;
  Post(instance, Mail{.kind = Mail::Kind::kJob, .id = job});
  WakeSomeone();
}

void Host::AfterRun(const Instance& instance) {
  WorkerInstance::Scheduling& s = instance->scheduling;
  if (s.mailbox.empty() && instance->HasDueTasks()) s.mailbox.push_back(Mail{.kind = Mail::Kind::kTasks});
  if (!s.mailbox.empty()) {
    s.queued_ns = MonotonicNs();
    runnable_.push_back(instance);
    return;
  }
  s.queued = false;
  if (s.live_events > 0) return;
  if (s.condemned) {
    Discard(instance);
    return;
  }
  if (!s.idle_listed && s.loaded) {
    idle_.push_back(instance);
    s.idle_position = std::prev(idle_.end());
    s.idle_listed = true;
  }
  EvictSurplus();
}

void Host::EvictSurplus() {
  while (!idle_.empty() &&
         (resident_ > options_.isolates_max || (options_.memory_budget > 0 && memory_ > options_.memory_budget))) {
    Instance oldest = idle_.front();
    evictions_++;
    CondemnLocked(*oldest, false);
  }
}

void Host::Condemn(WorkerInstance& instance, bool for_cause) {
  std::lock_guard hold(mutex_);
  CondemnLocked(instance, for_cause);
}

void Host::CondemnLocked(WorkerInstance& instance, bool for_cause) {
  WorkerInstance::Scheduling& s = instance.scheduling;
  if (s.condemned) return;
  s.condemned = true;
  if (for_cause) condemned_++;
  const Instance self = instance.shared_from_this();
  if (auto found = workers_.find(instance.worker()->id); found != workers_.end()) {
    std::erase(found->second.instances, self);
  }
  if (s.idle_listed) {
    idle_.erase(s.idle_position);
    s.idle_listed = false;
  }
  if (!s.queued && s.live_events == 0) Discard(self);
}

void Host::Discard(const Instance& instance) {
  WorkerInstance::Scheduling& s = instance->scheduling;
  if (!s.loaded) return;
  s.loaded = false;
  resident_--;
  memory_ -= std::min(memory_, s.heap_bytes + s.external_bytes);
  discarded_.push_back(instance);
  keeper_wake_.notify_one();
}

std::unique_ptr<Isolate> Host::TakeIsolate(size_t memory_bytes) {
  {
    std::lock_guard hold(mutex_);
    if (memory_bytes == kDefaultMemory && !spares_.empty()) {
      std::unique_ptr<Isolate> spare = std::move(spares_.back());
      spares_.pop_back();
      keeper_wake_.notify_one();
      return spare;
    }
    isolates_started_++;
  }
  return std::make_unique<Isolate>(isolates_, memory_bytes);
}

void Host::CountStart() {
  std::lock_guard hold(mutex_);
  EvictSurplus();
}

void Host::SetMemory(WorkerInstance& instance, uint64_t heap_bytes, uint64_t external_bytes) {
  std::lock_guard hold(mutex_);
  WorkerInstance::Scheduling& s = instance.scheduling;
  if (!s.loaded) return;
  memory_ -= std::min(memory_, s.heap_bytes + s.external_bytes);
  s.heap_bytes = heap_bytes;
  s.external_bytes = external_bytes;
  memory_ += heap_bytes + external_bytes;
}

uint32_t Host::RouteCall(Instance instance) {
  std::lock_guard hold(mutex_);
  while (next_call_ == 0 || calls_.contains(next_call_)) next_call_++;
  const uint32_t id = next_call_++;
  calls_.emplace(id, std::move(instance));
  return id;
}

uint32_t Host::RouteStream(Instance instance) {
  std::lock_guard hold(mutex_);
  while (streams_.contains(next_stream_)) next_stream_ += 2;
  const uint32_t id = next_stream_;
  next_stream_ += 2;
  streams_.emplace(id, std::move(instance));
  return id;
}

uint32_t Host::RouteSocket(Instance instance) {
  std::lock_guard hold(mutex_);
  while (sockets_.contains(next_socket_)) next_socket_ += 2;
  const uint32_t id = next_socket_;
  next_socket_ += 2;
  sockets_.emplace(id, std::move(instance));
  return id;
}

bool Host::Unroute(WorkerInstance& instance, const std::vector<uint32_t>& events, const std::vector<uint32_t>& calls,
                   const std::vector<uint32_t>& streams, const std::vector<uint32_t>& sockets) {
  std::lock_guard hold(mutex_);
  if (instance.given_up()) return false;
  for (uint32_t id : events) events_.erase(id);
  for (uint32_t id : calls) calls_.erase(id);
  for (uint32_t id : streams) streams_.erase(id);
  for (uint32_t id : sockets) sockets_.erase(id);
  instance.scheduling.live_events -= static_cast<uint32_t>(events.size());
  return true;
}

uint64_t Host::AddTimer(std::weak_ptr<WorkerInstance> instance, uint32_t timer, uint64_t deadline_ns) {
  std::lock_guard hold(mutex_);
  const uint64_t key = next_timer_++;
  timers_.emplace(std::pair(deadline_ns, key), Timer{std::move(instance), timer});
  if (leading_ && leader_blocked_ && deadline_ns < leader_until_ns_) {
    const uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof one);
  }
  return key;
}

void Host::RemoveTimer(uint64_t deadline_ns, uint64_t key) {
  std::lock_guard hold(mutex_);
  timers_.erase(std::pair(deadline_ns, key));
}

}  // namespace skerry
