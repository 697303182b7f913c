#include "engine/host.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <v8.h>

#include <algorithm>
#include <utility>

#include "limits/cpu_clock.h"

namespace skerry {

namespace {
// An executor beyond the configured number that had nothing to do for this long ends.
constexpr auto kSurplusIdle = std::chrono::seconds(10);
// A runnable instance that waited this long gets one more executor.
constexpr uint64_t kStarvedNs = 2'000'000;
constexpr auto kDisposeRetry = std::chrono::milliseconds(5);

std::span<const uint8_t> Nothing() { return {}; }
}  // namespace

Host::Host(int socket, int crash_page, const IsolateTemplate& isolates, std::string build)
    : channel_(socket),
      crash_page_(crash_page),
      isolates_(isolates),
      build_(std::move(build)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

void Host::Violation(const char* what) {
  std::string out;
  const std::string text = std::string("protocol violation by the supervisor: ") + what;
  wire::AppendFrame(out, 0, wire::Fatal{.message = text});
  channel_.Send(out);
  fprintf(stderr, "skerry host: %s\n", text.c_str());
  _exit(70);
}

void Host::Greet() {
  wire::FrameHeader header;
  std::span<const uint8_t> payload = Nothing();
  for (;;) {
    const wire::Channel::Next next = channel_.Take(header, payload);
    if (next == wire::Channel::Next::kFrame) break;
    if (next == wire::Channel::Next::kViolation) Violation("first frame");
    pollfd waiter{channel_.fd(), POLLIN, 0};
    poll(&waiter, 1, -1);
    if (channel_.Fill() == wire::Channel::Read::kClosed) _exit(0);
  }
  wire::Hello hello;
  if (header.type != static_cast<uint16_t>(wire::MessageType::Hello) || !wire::Hello::Decode(payload, hello)) {
    Violation("the first frame is not a Hello");
  }
  if (hello.protocol != wire::kProtocol || hello.build != build_) {
    const std::string text = "the supervisor speaks protocol " + std::to_string(hello.protocol) + " of build " +
                             std::string(hello.build) + ", this host protocol " + std::to_string(wire::kProtocol) +
                             " of build " + build_;
    std::string out;
    wire::AppendFrame(out, 0, wire::Fatal{.message = text});
    channel_.Send(out);
    fprintf(stderr, "skerry host: %s\n", text.c_str());
    _exit(71);
  }
  options_.executors = std::clamp<size_t>(hello.executors, 1, kCrashSlots);
  options_.executors_max = std::clamp<size_t>(hello.executors_max, options_.executors, kCrashSlots);
  options_.spares = hello.spares;
  options_.isolates_max = std::max<size_t>(hello.isolates_max, 1);
  options_.memory_budget = hello.memory_budget;
  options_.clock_frozen = hello.clock_frozen;
  options_.dev = hello.dev;
  std::string out;
  wire::AppendFrame(out, 0, wire::Ready{.protocol = wire::kProtocol, .build = build_, .v8 = v8::V8::GetVersion()});
  channel_.Send(out);
}

void Host::Run() {
  Greet();
  std::vector<ExecutorSlot*> watched;
  for (size_t i = 0; i < options_.executors_max; i++) {
    slots_.push_back(std::make_unique<ExecutorSlot>(i));
    watched.push_back(slots_.back().get());
    free_slots_.push_back(options_.executors_max - 1 - i);
  }
  watchdog_ = std::make_unique<Watchdog>(std::move(watched), [this] { Tick(); });
  {
    std::lock_guard hold(mutex_);
    for (size_t i = 0; i < options_.executors; i++) StartExecutorLocked();
  }
  std::thread watchdog([this] { watchdog_->Run(); });
  // Threads that enter V8 must descend from the one that initialised it; the keeper does, and starts all executors,
  // so that none of them inherits the lowered priority of another.
  std::thread keeper([this] { KeeperMain(); });
  keeper.join();
  _exit(0);
}

// ---------------------------------------------------------------------------------------------------- threads

void Host::StartExecutorLocked() {
  if (free_slots_.empty()) return;
  to_start_.push_back(free_slots_.back());
  free_slots_.pop_back();
  threads_++;
  keeper_wake_.notify_one();
}

void Host::KeeperMain() {
  pthread_setname_np(pthread_self(), "keeper");
  std::unique_lock hold(mutex_);
  for (;;) {
    if (!to_start_.empty()) {
      const size_t index = to_start_.back();
      to_start_.pop_back();
      std::thread([this, index] { ExecutorMain(index); }).detach();
      continue;
    }
    if (!discarded_.empty()) {
      std::vector<Instance> gone;
      gone.swap(discarded_);
      hold.unlock();
      for (const Instance& instance : gone) instance->StopTasks();
      // One that somebody still looks at (a task of V8 that was just posted) waits for the next round, so that the isolate
      // is always disposed of here.
      const auto free = std::partition(gone.begin(), gone.end(), [](const Instance& i) { return i.use_count() > 1; });
      gone.erase(free, gone.end());
      hold.lock();
      const bool again = !gone.empty();
      discarded_.insert(discarded_.end(), gone.begin(), gone.end());
      if (again) keeper_wake_.wait_for(hold, kDisposeRetry);
      continue;
    }
    if (spares_.size() < options_.spares) {
      hold.unlock();
      auto isolate = std::make_unique<Isolate>(isolates_, kDefaultMemory);
      hold.lock();
      spares_.push_back(std::move(isolate));
      isolates_started_++;
      continue;
    }
    keeper_wake_.wait(hold);
  }
}

void Host::ExecutorMain(size_t index) {
  pthread_setname_np(pthread_self(), "executor");
  ExecutorSlot& slot = *slots_[index];
  slot.Attach(static_cast<pid_t>(syscall(SYS_gettid)), [] {
    clockid_t clock;
    pthread_getcpuclockid(pthread_self(), &clock);
    return clock;
  }());
  RunContext run{slot, crash_page_.slot(index), {}, {}};
  std::unique_lock hold(mutex_);
  for (;;) {
    if (!runnable_.empty()) {
      Instance instance = std::move(runnable_.front());
      runnable_.pop_front();
      busy_++;
      if (!runnable_.empty() && busy_ < options_.executors) WakeIdler();
      hold.unlock();
      watchdog_->Wake();
      instance->Run(run);
      hold.lock();
      busy_--;
      AfterRun(instance);
      hold.unlock();
      instance.reset();
      hold.lock();
      if (!slot.demoted()) continue;
      // This thread cannot get its priority back: another one takes over.
      threads_--;
      slot.Detach();
      free_slots_.push_back(index);
      StartExecutorLocked();
      return;
    }
    if (!leading_) {
      leading_ = true;
      hold.unlock();
      Lead();
      hold.lock();
      leading_ = false;
      continue;
    }
    Idler self;
    idlers_.push_back(&self);
    const bool surplus = threads_ > options_.executors;
    if (surplus) {
      self.wake.wait_for(hold, kSurplusIdle, [&] { return self.woken; });
    } else {
      self.wake.wait(hold, [&] { return self.woken; });
    }
    if (self.woken) continue;
    std::erase(idlers_, &self);
    if (threads_ <= options_.executors || !runnable_.empty()) continue;
    threads_--;
    slot.Detach();
    free_slots_.push_back(index);
    return;
  }
}

bool Host::WakeIdler() {
  if (idlers_.empty()) return false;
  Idler* idler = idlers_.back();  // The one that slept shortest has the warmest caches.
  idlers_.pop_back();
  idler->woken = true;
  idler->wake.notify_one();
  return true;
}

void Host::WakeSomeone() {
  if (leading_ && leader_blocked_) {
    const uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof one);
    return;
  }
  if (busy_ < options_.executors) WakeIdler();
}

void Host::Tick() {
  std::lock_guard hold(mutex_);
  const bool starved = !runnable_.empty() && MonotonicNs() - runnable_.front()->scheduling.queued_ns > kStarvedNs;
  // Whoever led has been busy for a tick: someone else reads on. And what waits too long gets a thread of its own.
  if (leading_ && !starved) return;
  if (WakeIdler()) return;
  if (threads_ < options_.executors_max && to_start_.empty()) StartExecutorLocked();
}

// ---------------------------------------------------------------------------------------------------- leading

void Host::Lead() {
  for (;;) {
    if (channel_.wants_write()) channel_.FlushPending();
    FireTimers();
    const wire::Channel::Read read = channel_.Fill();
    if (read == wire::Channel::Read::kClosed) _exit(0);
    if (read == wire::Channel::Read::kData) DispatchBuffered();

    int timeout = -1;
    {
      std::lock_guard hold(mutex_);
      if (!runnable_.empty()) return;
      if (read == wire::Channel::Read::kData) continue;
      leader_until_ns_ = UINT64_MAX;
      if (!timers_.empty()) {
        leader_until_ns_ = timers_.begin()->first.first;
        const uint64_t now = MonotonicNs();
        if (leader_until_ns_ <= now) continue;
        timeout = static_cast<int>(std::min<uint64_t>((leader_until_ns_ - now + 999'999) / 1'000'000, 60'000));
      }
      leader_blocked_ = true;
    }
    const short wanted = channel_.wants_write() ? POLLIN | POLLOUT : POLLIN;
    pollfd waiters[] = {{channel_.fd(), wanted, 0}, {wake_fd_, POLLIN, 0}};
    poll(waiters, 2, timeout);
    if (waiters[1].revents != 0) {
      uint64_t count;
      (void)!::read(wake_fd_, &count, sizeof count);
    }
    std::lock_guard hold(mutex_);
    leader_blocked_ = false;
    if (!runnable_.empty()) return;
  }
}

void Host::FireTimers() {
  std::lock_guard hold(mutex_);
  if (timers_.empty()) return;
  const uint64_t now = MonotonicNs();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto node = timers_.extract(timers_.begin());
    Instance instance = node.mapped().instance.lock();
    if (instance == nullptr) continue;
    const uint32_t id = node.mapped().id;
    Post(instance, id == 0 ? Mail{.kind = Mail::Kind::kTasks}
                           : Mail{.kind = Mail::Kind::kTimer, .id = id, .number = node.key().second});
  }
}

void Host::DispatchBuffered() {
  std::lock_guard hold(mutex_);
  wire::FrameHeader header;
  std::span<const uint8_t> payload = Nothing();
  for (;;) {
    switch (channel_.Take(header, payload)) {
      case wire::Channel::Next::kNeedMore:
        return;
      case wire::Channel::Next::kViolation:
        Violation("frame header");
      case wire::Channel::Next::kFrame:
        Dispatch(header, payload);
    }
  }
}

void Host::Dispatch(const wire::FrameHeader& header, std::span<const uint8_t> payload) {
  const auto text = [&] { return std::string(reinterpret_cast<const char*>(payload.data()), payload.size()); };
  const auto route = [&](std::unordered_map<uint32_t, Instance>& table, Mail mail) {
    // What is not found has ended on this side while the frame was on its way.
    if (auto found = table.find(header.id); found != table.end()) Post(found->second, std::move(mail));
  };
  switch (static_cast<wire::MessageType>(header.type)) {
    case wire::MessageType::WorkerData: {
      std::string& data = workers_[header.id].data;
      if (data.size() + payload.size() > wire::kWorkerDataMax) Violation("WorkerData over its limit");
      data.append(reinterpret_cast<const char*>(payload.data()), payload.size());
      return;
    }
    case wire::MessageType::WorkerLoad:
      LoadWorker(header.id, payload);
      return;
    case wire::MessageType::WorkerUnload:
      UnloadWorker(header.id);
      return;
    case wire::MessageType::Fetch:
      DispatchFetch(header.id, payload);
      return;
    case wire::MessageType::Cancel: {
      wire::Cancel cancel;
      if (!wire::Cancel::Decode(payload, cancel)) Violation("Cancel");
      route(events_, Mail{.kind = Mail::Kind::kCancel, .id = header.id, .number = static_cast<uint64_t>(cancel.reason)});
      return;
    }
    case wire::MessageType::CallResult: {
      auto found = calls_.find(header.id);
      if (found == calls_.end()) return;
      wire::CallResult result;
      if (!wire::CallResult::Decode(payload, result)) Violation("CallResult");
      if (result.stream != 0) streams_.insert_or_assign(result.stream, found->second);
      Post(found->second, Mail{.kind = Mail::Kind::kCallResult, .id = header.id, .payload = text()});
      return;
    }
    case wire::MessageType::StreamData: {
      auto found = streams_.find(header.id);
      if (found == streams_.end() || payload.empty()) return;
      Mail mail{.kind = Mail::Kind::kStreamData, .id = header.id};
      mail.bytes.reset(static_cast<uint8_t*>(malloc(payload.size())));
      mail.size = payload.size();
      std::copy(payload.begin(), payload.end(), mail.bytes.get());
      Post(found->second, std::move(mail));
      return;
    }
    case wire::MessageType::StreamEnd:
      route(streams_, Mail{.kind = Mail::Kind::kStreamEnd, .id = header.id});
      return;
    case wire::MessageType::StreamReset:
      route(streams_, Mail{.kind = Mail::Kind::kStreamReset, .id = header.id, .payload = text()});
      return;
    case wire::MessageType::StreamCancel:
      route(streams_, Mail{.kind = Mail::Kind::kStreamCancel, .id = header.id, .payload = text()});
      return;
    case wire::MessageType::StreamCredit: {
      wire::StreamCredit credit;
      if (!wire::StreamCredit::Decode(payload, credit)) Violation("StreamCredit");
      route(streams_, Mail{.kind = Mail::Kind::kStreamCredit, .id = header.id, .number = credit.bytes});
      return;
    }
    case wire::MessageType::StatsRequest:
      SendStats(header.id);
      return;
    default:
      Violation("a message of this type is not for the host");
  }
}

void Host::DispatchFetch(uint32_t id, std::span<const uint8_t> payload) {
  wire::Fetch fetch;
  if (!wire::Fetch::Decode(payload, fetch)) Violation("Fetch");
  auto found = workers_.find(fetch.worker);
  if (found == workers_.end() || found->second.worker == nullptr) Violation("Fetch for a worker that was not loaded");
  WorkerEntry& entry = found->second;
  if (entry.instances.empty()) {
    if (resident_ >= kInstancesMax) {
      std::string out;
      wire::AppendFrame(out, id, wire::EventDone{.outcome = wire::Outcome::loadShed, .message = "too many isolates"});
      channel_.Send(out);
      return;
    }
    entry.instances.push_back(std::make_shared<WorkerInstance>(*this, entry.worker));
    entry.instances.back()->scheduling.loaded = true;
    resident_++;
    cold_starts_++;
  }
  const Instance& instance = entry.instances.front();
  instance->scheduling.live_events++;
  events_.insert_or_assign(id, instance);
  if (fetch.stream != 0) streams_.insert_or_assign(fetch.stream, instance);
  Post(instance, Mail{.kind = Mail::Kind::kFetch,
                      .id = id,
                      .payload = std::string(reinterpret_cast<const char*>(payload.data()), payload.size())});
}

void Host::LoadWorker(uint32_t id, std::span<const uint8_t> payload) {
  wire::WorkerLoad load;
  if (!wire::WorkerLoad::Decode(payload, load)) Violation("WorkerLoad");
  WorkerEntry& entry = workers_[id];
  if (entry.worker != nullptr) Violation("WorkerLoad twice for one worker");
  entry.worker = Worker::Make(id, load, std::exchange(entry.data, {}), options_.dev);
  if (entry.worker == nullptr) Violation("WorkerLoad describes bytes that were not sent");
}

void Host::UnloadWorker(uint32_t id) {
  auto found = workers_.find(id);
  if (found == workers_.end()) return;
  std::vector<Instance> instances = found->second.instances;
  for (const Instance& instance : instances) CondemnLocked(*instance, false);
  workers_.erase(id);
}

void Host::SendStats(uint32_t id) {
  wire::Stats stats{};
  stats.isolates_live = static_cast<uint32_t>(resident_);
  stats.isolates_spare = static_cast<uint32_t>(spares_.size());
  stats.isolates_started = isolates_started_;
  stats.cold_starts = cold_starts_;
  stats.evictions = evictions_;
  stats.condemned = condemned_;
  for (auto& [worker, entry] : workers_) {
    for (const Instance& instance : entry.instances) {
      stats.heap_bytes += instance->scheduling.heap_bytes;
      stats.external_bytes += instance->scheduling.external_bytes;
    }
  }
  stats.runnable = static_cast<uint32_t>(runnable_.size());
  for (const Instance& instance : runnable_) {
    stats.mailbox_items += static_cast<uint32_t>(instance->scheduling.mailbox.size());
  }
  stats.events_live = static_cast<uint32_t>(events_.size());
  stats.executors = static_cast<uint16_t>(threads_);
  stats.executors_busy = static_cast<uint16_t>(busy_);
  stats.executors_demoted = watchdog_->demotions();
  std::string out;
  wire::AppendFrame(out, id, stats);
  channel_.Send(out);
}

// ---------------------------------------------------------------------------------------------------- scheduling

void Host::Post(const Instance& instance, Mail mail) {
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
  if (instance->scheduling.queued) return;  // A turn looks for due tasks after every item and before it ends.
  Post(instance, Mail{.kind = Mail::Kind::kTasks});
  WakeSomeone();
}

void Host::AfterRun(const Instance& instance) {
  WorkerInstance::Scheduling& s = instance->scheduling;
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

// ---------------------------------------------------------------------------------------------------- routing and timers

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

void Host::Unroute(WorkerInstance& instance, const std::vector<uint32_t>& events, const std::vector<uint32_t>& calls,
                   const std::vector<uint32_t>& streams) {
  std::lock_guard hold(mutex_);
  for (uint32_t id : events) events_.erase(id);
  for (uint32_t id : calls) calls_.erase(id);
  for (uint32_t id : streams) streams_.erase(id);
  instance.scheduling.live_events -= static_cast<uint32_t>(events.size());
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
