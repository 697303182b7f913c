#include "engine/instance.h"

#include <algorithm>
#include <utility>

#include "engine/host.h"
#include "limits/cpu_clock.h"

namespace skerry {

using v8::Local;

namespace {

constexpr char kHungMessage[] =
    "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never "
    "generate a response.";
constexpr char kCpuMessage[] = "Worker exceeded CPU time limit.";
constexpr char kMemoryMessage[] = "Worker exceeded memory limit.";

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Local<v8::String> Text(v8::Isolate* isolate, std::string_view text) {
  return v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal, static_cast<int>(text.size()))
      .FromMaybe(v8::String::Empty(isolate));
}

// At most `max` bytes, without half a character at the end.
std::string_view Cut(std::string_view utf8, size_t max) {
  if (utf8.size() <= max) return utf8;
  while (max > 0 && (static_cast<uint8_t>(utf8[max]) & 0xc0) == 0x80) max--;
  return utf8.substr(0, max);
}

Local<v8::Value> Number(v8::Isolate* isolate, uint32_t value) {
  return v8::Integer::NewFromUnsigned(isolate, value);
}

std::string Utf8(v8::Isolate* isolate, Local<v8::Value> value) {
  if (value.IsEmpty()) return {};
  v8::TryCatch quiet(isolate);
  v8::String::Utf8Value text(isolate, value);
  return *text == nullptr ? std::string() : std::string(*text, static_cast<size_t>(text.length()));
}

// Bytes that V8 adopts with their malloc'ed memory; counted as the isolate's until V8 lets go of them.
Local<v8::ArrayBuffer> Adopt(Isolate& isolate, std::unique_ptr<uint8_t, FreeBytes> bytes, size_t size) {
  v8::Isolate* v8 = isolate.v8();
  if (size == 0) return v8::ArrayBuffer::New(v8, 0);
  isolate.buffers().Charge(size);
  auto store = v8::ArrayBuffer::NewBackingStore(
      bytes.release(), size,
      [](void* data, size_t length, void* allocator) {
        free(data);
        static_cast<BufferAllocator*>(allocator)->Release(length);
      },
      &isolate.buffers());
  return v8::ArrayBuffer::New(v8, std::move(store));
}

void PromiseRejected(v8::PromiseRejectMessage message) {
  WorkerInstance* instance = WorkerInstance::From(v8::Isolate::GetCurrent());
  if (instance != nullptr) instance->OnPromiseReject(message);
}

}  // namespace

WorkerInstance::WorkerInstance(Host& host, std::shared_ptr<Worker> worker) : host_(host), worker_(std::move(worker)) {}

WorkerInstance::~WorkerInstance() {
  if (isolate_ == nullptr) return;
  isolate_->tasks().Close();
  {
    TeardownLock lock(isolate_->v8());
    v8::HandleScope handles(isolate_->v8());
    isolate_->v8()->SetData(Isolate::kOwnerSlot, nullptr);
    modules_.reset();
  }
}

EventRecord* WorkerInstance::FindEvent(uint32_t id) {
  auto found = events_.find(id);
  return found == events_.end() || found->second.done ? nullptr : &found->second;
}

StreamRecord* WorkerInstance::FindStream(uint32_t id) {
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

double WorkerInstance::NowMs() const { return host_.options().clock_frozen ? now_ms_ : WallMs(); }

double WorkerInstance::MonotonicMs() const {
  return host_.options().clock_frozen ? monotonic_ms_ : static_cast<double>(MonotonicNs() - loaded_ns_) / 1e6;
}

void WorkerInstance::SetClock() {
  now_ms_ = WallMs();
  monotonic_ms_ = static_cast<double>(MonotonicNs() - loaded_ns_) / 1e6;
}

// ---------------------------------------------------------------------------------------------------- running

void WorkerInstance::Run(RunContext& run) {
  run_ = &run;
  const uint64_t began = MonotonicNs();
  flushed_ns_ = began;
  cpu_mark_ns_ = ThreadCpuNs();
  const bool cold = isolate_ == nullptr;
  CrashMark mark(run.crash, worker_->id, 0, began);
  if (cold) isolate_ = host_.TakeIsolate(worker_->memory_bytes);
  {
    IsolateLock lock(*isolate_);
    if (cold) Load(lock);
    while (host_.TakeMail(*this, run.mail)) {
      for (Mail& mail : run.mail) {
        Deliver(lock, mail);
        if (run.out.size() > kFlushBytes || MonotonicNs() - flushed_ns_ > kFlushNs) Flush();
      }
      run.mail.clear();
      if (MonotonicNs() - began > kTurnNs) break;
    }
    EndHungEvents(lock);
    if (cold || MonotonicNs() - sampled_ns_ > 500'000'000) Sample(lock);
  }
  Flush();
  run_ = nullptr;
}

void WorkerInstance::Flush() {
  // The ids must be out of the routing tables before the supervisor can use them again.
  if (!closed_events_.empty() || !closed_calls_.empty() || !closed_streams_.empty()) {
    host_.Unroute(*this, closed_events_, closed_calls_, closed_streams_);
    closed_events_.clear();
    closed_calls_.clear();
    closed_streams_.clear();
  }
  host_.channel().Send(run_->out);
  run_->out.clear();
  flushed_ns_ = MonotonicNs();
}

v8::MaybeLocal<v8::Value> WorkerInstance::Handle(Local<v8::Context> context, Handler which, int argc,
                                                 Local<v8::Value>* argv) {
  v8::Isolate* isolate = isolate_->v8();
  return isolate_->HandlerFunction(isolate, which)->Call(isolate, context, v8::Undefined(isolate), argc, argv);
}

void WorkerInstance::Load(const IsolateLock& lock) {
  v8::Isolate* isolate = lock.v8();
  const uint64_t cpu_before = ThreadCpuNs();
  loaded_ns_ = MonotonicNs();
  SetClock();
  isolate->SetData(Isolate::kOwnerSlot, this);
  isolate->SetPromiseRejectCallback(&PromiseRejected);
  isolate_->OnOutOfMemory(
      [](void* self) {
        auto* instance = static_cast<WorkerInstance*>(self);
        if (instance->run_ != nullptr) instance->run_->slot.MarkTerminated(Termination::kMemory);
      },
      this);
  isolate_->tasks().SetNotify([host = &host_, weak = weak_from_this()](double delay) {
    if (auto self = weak.lock()) host->PostTasks(self, delay);
  });
  modules_ = std::make_unique<ModuleGraph>(*isolate_, worker_);

  v8::HandleScope handles(isolate);
  v8::TryCatch caught(isolate);
  run_->slot.BeginItem(isolate, worker_->startup_limit_ns, cpu_before);
  Local<v8::Context> context = lock.context();
  bool ok = false;
  Local<v8::Value> config = Text(isolate, worker_->config);
  Local<v8::Value> space;
  if (!Handle(context, Handler::kInit, 1, &config).IsEmpty() && modules_->Evaluate(lock).ToLocal(&space)) {
    isolate->PerformMicrotaskCheckpoint();
    bool settled = false;
    if (!caught.HasCaught() && modules_->Settled(lock).To(&settled)) {
      if (!settled) {
        isolate->ThrowException(v8::Exception::Error(Text(
            isolate, "Top-level await in module is unsettled: nothing that could settle it can run in global scope.")));
      } else {
        ok = !Handle(context, Handler::kStart, 1, &space).IsEmpty();
        if (ok) isolate->PerformMicrotaskCheckpoint();
      }
    }
  }
  const Termination ended = run_->slot.EndItem();
  load_cpu_ns_ = ThreadCpuNs() - cpu_before;
  cpu_mark_ns_ = cpu_before + load_cpu_ns_;
  if (ended != Termination::kNone || isolate_->out_of_memory()) {
    isolate->CancelTerminateExecution();
    broken_message_ = isolate_->out_of_memory() ? "Script startup exceeded memory limit."
                                                : "Script startup exceeded CPU time limit.";
    ok = false;
  } else if (!ok) {
    LoadFailed(lock, caught);
  }
  evaluated_ = ok;
  if (!ok) {
    broken_ = true;
    condemned_ = true;
    host_.Condemn(*this, false);
  }
  host_.CountStart();
}

void WorkerInstance::LoadFailed(const IsolateLock& lock, v8::TryCatch& caught) {
  v8::Isolate* isolate = lock.v8();
  broken_message_ = "Script could not be loaded.";
  if (!caught.HasCaught()) return;
  broken_message_ = Utf8(isolate, caught.Exception());
  Local<v8::Value> stack;
  v8::TryCatch quiet(isolate);
  if (caught.StackTrace(lock.context()).ToLocal(&stack) && stack->IsString()) broken_stack_ = Utf8(isolate, stack);
  Local<v8::Message> message = caught.Message();
  if (!message.IsEmpty() && broken_stack_.find("\n    at ") == std::string::npos) {
    // A syntax error has no frames of its own; say where it is in the form of one.
    broken_stack_ = broken_message_ + "\n    at " + Utf8(isolate, message->GetScriptResourceName()) + ":" +
                    std::to_string(message->GetLineNumber(lock.context()).FromMaybe(0)) + ":" +
                    std::to_string(message->GetStartColumn(lock.context()).FromMaybe(0) + 1);
  }
}

uint32_t WorkerInstance::EventOf(const Mail& mail) const {
  switch (mail.kind) {
    case Mail::Kind::kFetch:
    case Mail::Kind::kCancel:
      return mail.id;
    case Mail::Kind::kCallResult: {
      auto found = calls_.find(mail.id);
      return found == calls_.end() ? 0 : found->second;
    }
    case Mail::Kind::kStreamData:
    case Mail::Kind::kStreamEnd:
    case Mail::Kind::kStreamReset:
    case Mail::Kind::kStreamCancel:
    case Mail::Kind::kStreamCredit: {
      auto found = streams_.find(mail.id);
      return found == streams_.end() ? 0 : found->second.event;
    }
    case Mail::Kind::kTimer: {
      auto found = timers_.find(mail.id);
      return found == timers_.end() ? 0 : found->second.event;
    }
    case Mail::Kind::kTasks:
    case Mail::Kind::kCodeCache:
      return 0;
  }
  return 0;
}

void WorkerInstance::Deliver(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  if (mail.kind == Mail::Kind::kCodeCache) {
    MakeCodeCaches(lock);
    return;
  }
  v8::HandleScope handles(isolate);
  v8::TryCatch caught(isolate);
  if (mail.kind == Mail::Kind::kFetch) {
    EventRecord& event = events_[mail.id];
    event.id = mail.id;
    event.payload = std::move(mail.payload);
    if (!wire::Fetch::Decode(Bytes(event.payload), event.fetch)) host_.Violation("Fetch");
    if (event.fetch.stream != 0) {
      streams_[event.fetch.stream] = {.event = event.id, .inbound = true};
      event.streams.push_back(event.fetch.stream);
    }
    event.cold = load_cpu_ns_ != 0;
    event.startup_ns = std::exchange(load_cpu_ns_, 0);
    if (broken_) {
      FinishEvent(event, wire::Outcome::scriptInvalid, false, broken_message_, broken_stack_);
      EmitDone();
      return;
    }
  }
  const uint32_t event_id = EventOf(mail);
  uint64_t limit = kBackgroundCpuNs;
  if (auto found = events_.find(event_id); found != events_.end()) {
    const uint64_t used = found->second.cpu_ns;
    limit = worker_->cpu_limit_ns > used ? worker_->cpu_limit_ns - used : 0;
  }
  if (isolate_->out_of_memory()) return;
  SetClock();
  __atomic_store_n(&run_->crash.event, event_id, __ATOMIC_RELEASE);
  run_->slot.BeginItem(isolate, limit, cpu_mark_ns_);
  isolate->SetContinuationPreservedEmbedderDataV2(v8::Undefined(isolate));
  Dispatch(lock, mail);
  if (!caught.HasTerminated()) isolate->PerformMicrotaskCheckpoint();
  if (isolate_->tasks().HasDue()) RunTasks(lock);
  AfterItem(lock, event_id, caught);
  EmitDone();
}

void WorkerInstance::Dispatch(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  Local<v8::Context> context = lock.context();
  switch (mail.kind) {
    case Mail::Kind::kFetch:
      DispatchFetch(lock, mail);
      return;
    case Mail::Kind::kCancel: {
      EventRecord* event = FindEvent(mail.id);
      if (event == nullptr || event->canceled) return;
      event->canceled = true;
      Local<v8::Value> arguments[] = {Number(isolate, mail.id), Number(isolate, static_cast<uint32_t>(mail.number))};
      (void)Handle(context, Handler::kCancel, 2, arguments);
      return;
    }
    case Mail::Kind::kCallResult:
      DispatchCallResult(lock, mail);
      return;
    case Mail::Kind::kStreamData:
      DispatchStreamData(lock, mail);
      return;
    case Mail::Kind::kStreamEnd:
      DispatchStreamEnd(lock, mail);
      return;
    case Mail::Kind::kStreamReset: {
      wire::StreamReset reset;
      if (!wire::StreamReset::Decode(Bytes(mail.payload), reset)) host_.Violation("StreamReset");
      if (FindStream(mail.id) == nullptr) return;
      CloseStream(mail.id);
      Local<v8::Value> arguments[] = {Number(isolate, mail.id), Number(isolate, static_cast<uint32_t>(reset.code)),
                                      Text(isolate, reset.message)};
      (void)Handle(context, Handler::kStreamError, 3, arguments);
      return;
    }
    case Mail::Kind::kStreamCancel: {
      wire::StreamCancel cancel;
      if (!wire::StreamCancel::Decode(Bytes(mail.payload), cancel)) host_.Violation("StreamCancel");
      StreamRecord* stream = FindStream(mail.id);
      if (stream == nullptr || stream->inbound) return;
      Local<v8::Value> arguments[] = {Number(isolate, mail.id), Text(isolate, cancel.message)};
      (void)Handle(context, Handler::kStreamCancelled, 2, arguments);
      return;
    }
    case Mail::Kind::kStreamCredit: {
      StreamRecord* stream = FindStream(mail.id);
      if (stream == nullptr || stream->inbound) return;
      stream->credit += static_cast<int64_t>(mail.number);
      if (!stream->unsent.empty()) {
        const std::string unsent = std::exchange(stream->unsent, {});
        WriteStream(mail.id, *stream, Bytes(unsent));
      }
      if (stream->ended) {
        if (stream->unsent.empty()) EndStream(mail.id, *stream);
        return;
      }
      if (!stream->wants_credit || stream->credit <= 0 || !stream->unsent.empty()) return;
      stream->wants_credit = false;
      Local<v8::Value> arguments[] = {Number(isolate, mail.id),
                                      v8::Number::New(isolate, static_cast<double>(stream->credit))};
      (void)Handle(context, Handler::kStreamCredit, 2, arguments);
      return;
    }
    case Mail::Kind::kTimer: {
      auto found = timers_.find(mail.id);
      if (found == timers_.end() || found->second.key != mail.number) return;  // Stopped, or started anew.
      timers_.erase(found);
      Local<v8::Value> argument = Number(isolate, mail.id);
      (void)Handle(context, Handler::kTimer, 1, &argument);
      return;
    }
    case Mail::Kind::kTasks:
      RunTasks(lock);
      return;
    case Mail::Kind::kCodeCache:
      return;
  }
}

void WorkerInstance::DispatchFetch(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  const wire::Fetch& fetch = events_[mail.id].fetch;
  Local<v8::String> method =
      v8::String::NewFromUtf8(isolate, fetch.method.data(), v8::NewStringType::kInternalized, static_cast<int>(fetch.method.size()))
          .FromMaybe(v8::String::Empty(isolate));
  Local<v8::Value> arguments[] = {Number(isolate, mail.id), method, Text(isolate, fetch.url),
                                  Number(isolate, fetch.stream),
                                  v8::Number::New(isolate, static_cast<double>(fetch.length))};
  (void)Handle(lock.context(), Handler::kFetch, 5, arguments);
}

void WorkerInstance::DispatchCallResult(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  auto found = calls_.find(mail.id);
  wire::CallResult result;
  if (!wire::CallResult::Decode(Bytes(mail.payload), result)) host_.Violation("CallResult");
  if (found == calls_.end()) return;
  const uint32_t event_id = found->second;
  calls_.erase(found);
  closed_calls_.push_back(mail.id);
  if (EventRecord* event = FindEvent(event_id)) {
    std::erase(event->calls, mail.id);
    if (result.stream != 0) {
      streams_[result.stream] = {.event = event_id, .inbound = true};
      event->streams.push_back(result.stream);
    }
  }
  Local<v8::ArrayBuffer> bytes;
  if (!v8::ArrayBuffer::MaybeNew(isolate, result.result.size()).ToLocal(&bytes)) return;
  if (!result.result.empty()) result.result.copy(static_cast<char*>(bytes->Data()), result.result.size());
  Local<v8::Value> arguments[] = {Number(isolate, mail.id),
                                  Number(isolate, static_cast<uint32_t>(result.code)),
                                  Text(isolate, result.message),
                                  Number(isolate, result.stream),
                                  v8::Number::New(isolate, static_cast<double>(result.length)),
                                  v8::Uint8Array::New(bytes, 0, bytes->ByteLength())};
  (void)Handle(lock.context(), Handler::kCallResult, 6, arguments);
}

void WorkerInstance::DispatchStreamData(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  StreamRecord* stream = FindStream(mail.id);
  if (stream == nullptr || !stream->inbound) return;
  stream->credit -= static_cast<int64_t>(mail.size);
  if (stream->collecting) {
    if (!isolate_->buffers().Fits(stream->collected.size() + mail.size)) {
      wire::AppendFrame(out(), mail.id, wire::StreamCancel{.message = "memory limit"});
      CloseStream(mail.id);
      Local<v8::Value> arguments[] = {Number(isolate, mail.id),
                                      Number(isolate, static_cast<uint32_t>(wire::CallCode::tooLarge)),
                                      Text(isolate, "Memory limit would be exceeded before EOF")};
      (void)Handle(lock.context(), Handler::kStreamError, 3, arguments);
      return;
    }
    stream->collected.append(reinterpret_cast<const char*>(mail.bytes.get()), mail.size);
    if (stream->credit < static_cast<int64_t>(wire::kStreamWindow)) {
      const uint32_t more = wire::kStreamWindow;
      wire::AppendFrame(out(), mail.id, wire::StreamCredit{.bytes = more});
      stream->credit += more;
    }
    return;
  }
  Local<v8::ArrayBuffer> buffer = Adopt(*isolate_, std::move(mail.bytes), mail.size);
  Local<v8::Value> arguments[] = {Number(isolate, mail.id), v8::Uint8Array::New(buffer, 0, mail.size)};
  (void)Handle(lock.context(), Handler::kStreamData, 2, arguments);
}

void WorkerInstance::DispatchStreamEnd(const IsolateLock& lock, Mail& mail) {
  StreamRecord* stream = FindStream(mail.id);
  if (stream == nullptr || !stream->inbound) return;
  if (stream->collecting) {
    DeliverCollected(lock, mail.id, *stream);
    return;
  }
  CloseStream(mail.id);
  Local<v8::Value> argument = Number(lock.v8(), mail.id);
  (void)Handle(lock.context(), Handler::kStreamEnd, 1, &argument);
}

void WorkerInstance::DeliverCollected(const IsolateLock& lock, uint32_t id, StreamRecord& stream) {
  v8::Isolate* isolate = lock.v8();
  const std::string collected = std::move(stream.collected);
  const bool as_text = stream.as_text;
  CloseStream(id);
  Local<v8::Value> value;
  if (as_text) {
    std::string_view text = collected;
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    Local<v8::String> string;
    if (text.size() > static_cast<size_t>(v8::String::kMaxLength) ||
        !v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal, static_cast<int>(text.size()))
             .ToLocal(&string)) {
      Local<v8::Value> arguments[] = {Number(isolate, id), Number(isolate, static_cast<uint32_t>(wire::CallCode::tooLarge)),
                                      Text(isolate, "The body is longer than a string can be.")};
      (void)Handle(lock.context(), Handler::kStreamError, 3, arguments);
      return;
    }
    value = string;
  } else {
    Local<v8::ArrayBuffer> buffer;
    if (!v8::ArrayBuffer::MaybeNew(isolate, collected.size(), v8::BackingStoreInitializationMode::kUninitialized)
             .ToLocal(&buffer)) {
      Local<v8::Value> arguments[] = {Number(isolate, id), Number(isolate, static_cast<uint32_t>(wire::CallCode::tooLarge)),
                                      Text(isolate, "Memory limit would be exceeded before EOF")};
      (void)Handle(lock.context(), Handler::kStreamError, 3, arguments);
      return;
    }
    if (!collected.empty()) collected.copy(static_cast<char*>(buffer->Data()), collected.size());
    value = buffer;
  }
  Local<v8::Value> arguments[] = {Number(isolate, id), value};
  (void)Handle(lock.context(), Handler::kStreamCollected, 2, arguments);
}

void WorkerInstance::RunTasks(const IsolateLock& lock) {
  for (auto& task : isolate_->tasks().TakeDue()) {
    v8::HandleScope handles(lock.v8());
    task->Run();
    lock.v8()->PerformMicrotaskCheckpoint();
  }
}

void WorkerInstance::OnPromiseReject(v8::PromiseRejectMessage message) {
  if (isolate_->out_of_memory() || !evaluated_) return;
  v8::Isolate* isolate = isolate_->v8();
  v8::HandleScope handles(isolate);
  Local<v8::Context> context = isolate->GetCurrentContext();
  Local<v8::Value> reason = message.GetValue();
  if (reason.IsEmpty()) reason = v8::Undefined(isolate);
  Local<v8::Value> arguments[] = {Number(isolate, static_cast<uint32_t>(message.GetEvent())), message.GetPromise(), reason};
  (void)Handle(context, Handler::kPromiseReject, 3, arguments);
}

// ---------------------------------------------------------------------------------------------------- ends

void WorkerInstance::AfterItem(const IsolateLock& lock, uint32_t event_id, v8::TryCatch& caught) {
  v8::Isolate* isolate = lock.v8();
  const uint64_t cpu_now = ThreadCpuNs();
  const uint64_t spent = cpu_now - cpu_mark_ns_;
  cpu_mark_ns_ = cpu_now;
  const Termination ended = run_->slot.EndItem();
  auto found = events_.find(event_id);
  EventRecord* event = found == events_.end() ? nullptr : &found->second;
  if (event != nullptr) event->cpu_ns += spent;

  if (isolate_->out_of_memory()) {
    isolate->CancelTerminateExecution();
    KillAll(lock, wire::Outcome::exceededMemory, kMemoryMessage, false);
    condemned_ = true;
    host_.Condemn(*this, true);
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
  if (caught.HasCaught() && event != nullptr && !event->done) {
    std::string message = Utf8(isolate, caught.Exception());
    KillEvent(lock, *event, wire::Outcome::internalError, "internal error in the runtime layer: " + message, true);
  }
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
  Local<v8::Value> argument = Number(lock.v8(), id);
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
  if (!calls_.empty() || !timers_.empty()) return true;
  for (const auto& [id, stream] : streams_) {
    if (stream.inbound ? stream.credit > 0 : stream.wants_credit) return true;
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
    for (uint32_t timer : event.timers) {
      auto running = timers_.find(timer);
      if (running == timers_.end() || running->second.event != id) continue;
      host_.RemoveTimer(running->second.deadline_ns, running->second.key);
      timers_.erase(running);
    }
    wire::AppendFrame(out(), id,
                      wire::EventDone{.outcome = event.outcome,
                                      .cpu_ns = event.cpu_ns,
                                      .startup_ns = event.startup_ns,
                                      .cold = event.cold,
                                      .pass_through = event.pass_through,
                                      .message = Cut(event.message, wire::kLogTextMax),
                                      .stack = Cut(event.stack, wire::kStackTextMax)});
    closed_events_.push_back(id);
    events_.erase(found);
  }
  finished_.clear();
  if (modules_ != nullptr && modules_->wants_code_caches() && evaluated_ && !condemned_) {
    host_.PostSelf(*this, Mail{.kind = Mail::Kind::kCodeCache});
  }
}

// ---------------------------------------------------------------------------------------------------- calls, streams, timers

uint32_t WorkerInstance::OpenCall(uint32_t event_id, uint32_t upload) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return 0;
  const uint32_t id = host_.RouteCall(shared_from_this());
  calls_[id] = event_id;
  event->calls.push_back(id);
  if (StreamRecord* stream = upload == 0 ? nullptr : FindStream(upload); stream != nullptr && stream->inbound) {
    CloseStream(upload);  // Spliced.
  }
  return id;
}

void WorkerInstance::AbortCall(uint32_t call) {
  auto found = calls_.find(call);
  if (found == calls_.end()) return;
  if (EventRecord* event = FindEvent(found->second)) std::erase(event->calls, call);
  calls_.erase(found);
  closed_calls_.push_back(call);
  wire::AppendFrame(out(), call, wire::CallAbort{});
}

uint32_t WorkerInstance::OpenStream(uint32_t event_id) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return 0;
  const uint32_t id = host_.RouteStream(shared_from_this());
  streams_[id] = {.event = event_id, .inbound = false, .credit = wire::kStreamWindow};
  event->streams.push_back(id);
  return id;
}

int64_t WorkerInstance::WriteStream(uint32_t id, StreamRecord& stream, std::span<const uint8_t> bytes) {
  const char* data = reinterpret_cast<const char*>(bytes.data());
  const size_t size = bytes.size();
  size_t at = 0;
  while (at < size && stream.credit > 0) {
    const size_t piece = std::min({size_t{wire::kStreamDataMax}, size - at, static_cast<size_t>(stream.credit)});
    wire::AppendFrame(out(), id, wire::StreamData{.data = {data + at, piece}});
    stream.credit -= static_cast<int64_t>(piece);
    at += piece;
  }
  if (at < size) stream.unsent.append(data + at, size - at);
  const int64_t left = stream.credit - static_cast<int64_t>(stream.unsent.size());
  stream.wants_credit = left <= 0;
  return left;
}

void WorkerInstance::EndStream(uint32_t id, StreamRecord& stream) {
  stream.ended = true;
  if (!stream.unsent.empty()) {
    stream.wants_credit = true;
    return;
  }
  wire::AppendFrame(out(), id, wire::StreamEnd{});
  CloseStream(id);
}

void WorkerInstance::CloseStream(uint32_t id) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (EventRecord* event = FindEvent(found->second.event)) {
    std::erase(event->streams, id);
    if (found->second.response_body) event->body_open = false;
  }
  streams_.erase(found);
  closed_streams_.push_back(id);
}

void WorkerInstance::StartTimer(uint32_t event_id, uint32_t timer, double delay_ms) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return;
  const double delay = delay_ms > 0 ? std::min(delay_ms, 2147483647.0) : 0;
  const uint64_t deadline = MonotonicNs() + static_cast<uint64_t>(delay * 1e6);
  timers_[timer] = {event_id, host_.AddTimer(weak_from_this(), timer, deadline), deadline};
  event->timers.push_back(timer);
}

void WorkerInstance::StopTimer(uint32_t timer) {
  auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  host_.RemoveTimer(found->second.deadline_ns, found->second.key);
  timers_.erase(found);
}

void WorkerInstance::MakeCodeCaches(const IsolateLock& lock) {
  if (!modules_->wants_code_caches()) return;
  Flush();
  v8::HandleScope handles(lock.v8());
  modules_->MakeCodeCaches(lock, [&](size_t module, std::string bytes) {
    constexpr size_t kPiece = wire::kFramePayloadMax / 2;
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
      wire::AppendFrame(out(), worker_->id,
                        wire::CodeCache{.module = static_cast<uint16_t>(module),
                                        .offset = static_cast<uint32_t>(at),
                                        .total = static_cast<uint32_t>(bytes.size()),
                                        .data = std::string_view(bytes).substr(at, kPiece)});
    }
    worker_->set_code_cache(module, std::move(bytes));
  });
}

void WorkerInstance::Sample(const IsolateLock& lock) {
  v8::HeapStatistics heap;
  lock.v8()->GetHeapStatistics(&heap);
  sampled_ns_ = MonotonicNs();
  host_.SetMemory(*this, heap.total_physical_size() + heap.malloced_memory(), isolate_->buffers().used());
}

}  // namespace skerry
