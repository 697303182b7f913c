// The life of the host: greeting, threads, and the executor that leads.
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
#include "limits/fatal.h"

namespace skerry {

namespace {
// An executor beyond the configured number that had nothing to do for this long ends.
constexpr auto kSurplusIdle = std::chrono::seconds(10);
// A runnable instance that waited this long gets one more executor.
constexpr uint64_t kStarvedNs = 2'000'000;
constexpr auto kDisposeRetry = std::chrono::milliseconds(5);
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
  std::span<const uint8_t> payload{};
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
  constexpr size_t kExecutorsMax = kCrashSlots - kJobThreadsMax;
  options_.executors = std::clamp<size_t>(hello.executors, 1, kExecutorsMax);
  options_.executors_max = std::clamp<size_t>(hello.executors_max, options_.executors, kExecutorsMax);
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
  running_.resize(options_.executors_max);
  watchdog_ = std::make_unique<Watchdog>(std::move(watched), [this] { Tick(); });
  jobs_ = std::make_unique<JobPool>(std::clamp<size_t>(options_.executors / 2, 1, kJobThreadsMax), &crash_page_,
                                    kCrashSlots - kJobThreadsMax);
  DispatchBuffered();  // What came in one read with Hello.
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
      // One that somebody still looks at (a task of V8 that was just posted) waits for the next round, so that the
      // isolate is always disposed of here.
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
  const FatalSlot fatal(run.crash);
  std::unique_lock hold(mutex_);
  for (;;) {
    if (!runnable_.empty()) {
      Instance instance = std::move(runnable_.front());
      runnable_.pop_front();
      busy_++;
      running_[index] = instance;
      if (!runnable_.empty() && busy_ < options_.executors) WakeIdler();
      hold.unlock();
      slot.Enter();
      watchdog_->Wake();
      instance->Run(run);
      slot.Leave();
      hold.lock();
      busy_--;
      running_[index].reset();
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
  GiveUpStuck();
  std::lock_guard hold(mutex_);
  const bool starved = !runnable_.empty() && MonotonicNs() - runnable_.front()->scheduling.queued_ns > kStarvedNs;
  // Whoever led has been busy for a tick: someone else reads on. And what waits too long gets a thread of its own.
  if (leading_ && !starved) return;
  if (WakeIdler()) return;
  if (threads_ < options_.executors_max && to_start_.empty()) StartExecutorLocked();
}

void Host::Send(std::string_view frames) {
  channel_.Send(frames);
  if (!channel_.wants_write()) return;
  // A leader that went to sleep before does not wait for room in the socket.
  std::lock_guard hold(mutex_);
  if (leading_ && leader_blocked_) WakeSomeone();
}

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

}  // namespace skerry
