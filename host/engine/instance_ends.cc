// How events end: by themselves, at a limit, or because nothing can wake them any more.
#include "engine/host.h"
#include "engine/instance.h"
#include "engine/text.h"
#include "limits/cpu_clock.h"

namespace skerry {

using v8::Local;

namespace {

constexpr char kHungMessage[] =
    "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never "
    "generate a response.";

// An item that takes less CPU cannot have filled much memory; the samples see what many of them do together.
constexpr uint64_t kMemoryLookNs = 1'000'000;

}  // namespace

// CPU of the item that just ended. Reading the thread's CPU clock is a system call of about half a microsecond, so for
// a short item elapsed time stands in; the next reading sets right what that was off.
uint64_t WorkerInstance::BillItem() {
  const uint64_t elapsed = MonotonicNs() - item_began_ns_;
  guessed_ns_ += elapsed;
  if (elapsed < kShortItemNs && guessed_ns_ < kGuessMaxNs) {
    cpu_mark_ns_ += elapsed;
    return elapsed;
  }
  guessed_ns_ = 0;
  const uint64_t cpu_now = ThreadCpuNs();
  const uint64_t spent = cpu_now > cpu_mark_ns_ ? cpu_now - cpu_mark_ns_ : 0;
  cpu_mark_ns_ = cpu_now;
  return spent;
}

void WorkerInstance::AfterItem(const IsolateLock& lock, uint32_t event_id, v8::TryCatch& caught) {
  v8::Isolate* isolate = lock.v8();
  const uint64_t spent = BillItem();
  const Termination ended = run_->slot.EndItem();
  auto found = events_.find(event_id);
  EventRecord* event = found == events_.end() ? nullptr : &found->second;
  if (event != nullptr) event->cpu_ns += spent;

  if (isolate_->out_of_memory() || (spent > kMemoryLookNs && isolate_->OverLimit())) {
    EndOutOfMemory(lock);
    return;
  }
  if (ended == Termination::kCpu) {
    isolate->CancelTerminateExecution();
    caught.Reset();
    if (event != nullptr) {
      KillEvent(lock, *event, wire::Outcome::exceededCpu, kCpuMessage, true);
    } else {
      KillAll(lock, wire::Outcome::exceededCpu, kCpuMessage, true);
    }
    // Microtasks of other events may have been lost with the queue, so nothing new may start here.
    if (!condemned_) {
      condemned_ = true;
      host_.Condemn(*this, true);
    }
    return;
  }
  if (worn_out_ && !condemned_) {
    condemned_ = true;
    host_.Condemn(*this, true);
  }
  if (caught.HasCaught() && event != nullptr && !event->done) {
    std::string message = FromV8(isolate, caught.Exception());
    KillEvent(lock, *event, wire::Outcome::internalError, "internal error in the runtime layer: " + message, true);
  }
}

void WorkerInstance::EndOutOfMemory(const IsolateLock& lock) {
  lock.v8()->CancelTerminateExecution();
  KillAll(lock, wire::Outcome::exceededMemory, kMemoryMessage, false);
  condemned_ = true;
  host_.Condemn(*this, true);
}

void WorkerInstance::KillEvent(const IsolateLock& lock, EventRecord& event, wire::Outcome outcome, std::string message,
                               bool tell) {
  const uint32_t id = event.id;
  if (!event.done) {
    FinishEvent(event, outcome, false, std::move(message), {});
  } else {
    event.outcome = outcome;  // It ended itself in the very item that broke the limit.
    event.message = std::move(message);
  }
  if (!tell) return;
  v8::HandleScope handles(lock.v8());
  v8::TryCatch quiet(lock.v8());
  lock.v8()->SetContinuationPreservedEmbedderDataV2(v8::Undefined(lock.v8()));
  Local<v8::Value> argument = ToV8(lock.v8(), id);
  (void)Handle(lock.context(), Handler::kEventKilled, 1, &argument);
}

void WorkerInstance::KillAll(const IsolateLock& lock, wire::Outcome outcome, const char* message, bool tell) {
  std::vector<uint32_t> ids;
  for (auto& [id, event] : events_) {
    if (!event.done) ids.push_back(id);
  }
  for (uint32_t id : ids) KillEvent(lock, events_[id], outcome, message, tell);
}

bool WorkerInstance::Waiting() const {
  if (!calls_.empty() || !timers_.empty() || !jobs_.empty()) return true;
  for (const auto& [id, stream] : streams_) {
    if (stream.inbound ? stream.credit > 0 : stream.wants_credit) return true;
  }
  for (const auto& [id, socket] : sockets_) {
    if (socket.closed_in ? !socket.unsent.empty() : socket.accepted || socket.closed_out) return true;
  }
  return false;
}

// Nothing is under way that could call back into this isolate, and yet events wait: they would wait for ever.
void WorkerInstance::EndHungEvents(const IsolateLock& lock) {
  if (events_.empty() || Waiting() || host_.HasMail(*this) || isolate_->tasks().HasDue()) return;
  std::vector<uint32_t> ids;
  for (auto& [id, event] : events_) {
    if (!event.done) ids.push_back(id);
  }
  for (uint32_t id : ids) {
    EventRecord& event = events_[id];
    if (event.responded && !event.body_open) {
      // Only a waitUntil() promise is left that will never settle.
      KillEvent(lock, event, wire::Outcome::ok, {}, true);
    } else {
      KillEvent(lock, event, event.canceled ? wire::Outcome::canceled : wire::Outcome::hung, kHungMessage, true);
    }
  }
  EmitDone();
}

void WorkerInstance::Responded(EventRecord& event, uint32_t stream) {
  event.responded = true;
  if (stream == 0) return;
  StreamRecord* record = FindStream(stream);
  if (record == nullptr) return;
  if (record->inbound) {
    CloseStream(stream);  // Spliced: the supervisor does the rest.
  } else {
    record->response_body = true;
    event.body_open = true;
  }
}

void WorkerInstance::FinishEvent(EventRecord& event, wire::Outcome outcome, bool pass_through, std::string message,
                                 std::string stack) {
  if (event.done) return;
  event.done = true;
  event.outcome = outcome;
  event.pass_through = pass_through;
  event.message = std::move(message);
  event.stack = std::move(stack);
  finished_.push_back(event.id);
}

void WorkerInstance::EmitDone() {
  if (finished_.empty()) return;
  for (uint32_t id : finished_) {
    auto found = events_.find(id);
    if (found == events_.end()) continue;
    EventRecord& event = found->second;
    for (uint32_t stream : event.streams) {
      if (streams_.erase(stream) != 0) closed_streams_.push_back(stream);
    }
    for (uint32_t call : event.calls) {
      if (calls_.erase(call) != 0) closed_calls_.push_back(call);
    }
    for (uint32_t socket : event.sockets) {
      auto open = sockets_.find(socket);
      if (open == sockets_.end()) continue;
      ReleaseSocket(open->second);
      sockets_.erase(open);
      closed_sockets_.push_back(socket);
    }
    for (uint32_t timer : event.timers) {
      auto running = timers_.find(timer);
      if (running == timers_.end() || running->second.event != id) continue;
      host_.RemoveTimer(running->second.deadline_ns, running->second.key);
      timers_.erase(running);
    }
    DropJobs(event);
    wire::AppendFrame(out(), id,
                      wire::EventDone{.outcome = event.outcome,
                                      .cpu_ns = event.cpu_ns,
                                      .startup_ns = event.startup_ns,
                                      .cold = event.cold,
                                      .pass_through = event.pass_through,
                                      .message = CutUtf8(event.message, wire::kLogTextMax),
                                      .stack = CutUtf8(event.stack, wire::kStackTextMax)});
    closed_events_.push_back(id);
    events_.erase(found);
  }
  finished_.clear();
  if (modules_ != nullptr && modules_->wants_code_caches() && evaluated_ && !condemned_) {
    host_.PostSelf(*this, Mail{.kind = Mail::Kind::kCodeCache});
  }
}

}  // namespace skerry
