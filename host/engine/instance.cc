// Running an instance: entering, loading the worker, delivering what waits, sending what comes of it.
#include "engine/instance.h"

#include <algorithm>
#include <utility>

#include "engine/host.h"
#include "engine/text.h"
#include "limits/cpu_clock.h"

namespace skerry {

using v8::Local;

namespace {

void PromiseRejected(v8::PromiseRejectMessage message) {
  WorkerInstance* instance = WorkerInstance::From(v8::Isolate::GetCurrent());
  if (instance != nullptr) instance->OnPromiseReject(message);
}

bool MayCompileWasm(v8::Local<v8::Context>, v8::Local<v8::String>) {
  WorkerInstance* instance = WorkerInstance::From(v8::Isolate::GetCurrent());
  return instance != nullptr && instance->MayCompileWasm();
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
    for (auto& [id, job] : jobs_) job.ticket->canceled = true;
    jobs_.clear();
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
  item_began_ns_ = MonotonicNs();
  now_ms_ = WallMs();
  monotonic_ms_ = static_cast<double>(item_began_ns_ - loaded_ns_) / 1e6;
}

void WorkerInstance::Run(RunContext& run) {
  run_ = &run;
  loose_log_bytes_ = 0;
  const uint64_t began = MonotonicNs();
  flushed_ns_ = began;
  cpu_mark_ns_ = ThreadCpuNs();
  guessed_ns_ = 0;
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

uint64_t& WorkerInstance::LoggedBytes(uint32_t event) {
  EventRecord* record = FindEvent(event);
  return record == nullptr ? loose_log_bytes_ : record->log_bytes;
}

void WorkerInstance::Flush() {
  // The ids must be out of the routing tables before the supervisor can use them again.
  if (!closed_events_.empty() || !closed_calls_.empty() || !closed_streams_.empty() || !closed_sockets_.empty()) {
    if (!host_.Unroute(*this, closed_events_, closed_calls_, closed_streams_, closed_sockets_)) run_->out.clear();
    closed_events_.clear();
    closed_calls_.clear();
    closed_streams_.clear();
    closed_sockets_.clear();
  }
  if (!given_up()) host_.Send(run_->out);
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
  isolate->SetAllowWasmCodeGenerationCallback(&skerry::MayCompileWasm);
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
  Local<v8::Value> config = ToV8(isolate, worker_->config);
  Local<v8::Value> space;
  if (!Handle(context, Handler::kInit, 1, &config).IsEmpty() && modules_->Evaluate(lock).ToLocal(&space)) {
    isolate->PerformMicrotaskCheckpoint();
    bool settled = false;
    if (!caught.HasCaught() && modules_->Settled(lock).To(&settled)) {
      if (!settled) {
        isolate->ThrowException(v8::Exception::Error(ToV8(
            isolate, "Top-level await in module is unsettled: nothing that could settle it can run in global scope.")));
      } else {
        ok = !Handle(context, Handler::kStart, 1, &space).IsEmpty();
        if (ok) RunMicrotasks(lock);
      }
    }
  }
  const Termination ended = run_->slot.EndItem();
  load_cpu_ns_ = ThreadCpuNs() - cpu_before;
  cpu_mark_ns_ = cpu_before + load_cpu_ns_;
  if (ended != Termination::kNone || isolate_->out_of_memory()) {
    isolate->CancelTerminateExecution();
    broken_message_ =
        isolate_->out_of_memory() ? "Script startup exceeded memory limit." : "Script startup exceeded CPU time limit.";
    ok = false;
  } else if (!ok) {
    // What was thrown describes itself, and that is the worker's code again.
    run_->slot.BeginItem(isolate, kDescribeCpuNs, ThreadCpuNs());
    LoadFailed(lock, caught);
    if (run_->slot.EndItem() != Termination::kNone) isolate->CancelTerminateExecution();
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
  broken_message_ = FromV8(isolate, caught.Exception());
  Local<v8::Value> stack;
  v8::TryCatch quiet(isolate);
  if (caught.StackTrace(lock.context()).ToLocal(&stack) && stack->IsString()) broken_stack_ = FromV8(isolate, stack);
  Local<v8::Message> message = caught.Message();
  if (!message.IsEmpty() && broken_stack_.find("\n    at ") == std::string::npos) {
    // A syntax error has no frames of its own; say where it is in the form of one.
    broken_stack_ = broken_message_ + "\n    at " + FromV8(isolate, message->GetScriptResourceName()) + ":" +
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
    case Mail::Kind::kSocketData:
    case Mail::Kind::kSocketClose:
    case Mail::Kind::kSocketCredit: {
      auto found = sockets_.find(mail.id);
      return found == sockets_.end() ? 0 : found->second.event;
    }
    case Mail::Kind::kTimer: {
      auto found = timers_.find(mail.id);
      return found == timers_.end() ? 0 : found->second.event;
    }
    case Mail::Kind::kJob: {
      auto found = jobs_.find(mail.id);
      return found == jobs_.end() ? 0 : found->second.event;
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
    // Not begun, so another isolate of the worker can take it.
    if (condemned_ && !broken_ && host_.Reassign(*this, mail)) return;
    EventRecord& event = events_[mail.id];
    event.id = mail.id;
    event.payload = std::move(mail.payload);
    if (!wire::Fetch::Decode(AsBytes(event.payload), event.fetch)) host_.Violation("Fetch");
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
    if (isolate_->out_of_memory()) {
      FinishEvent(event, wire::Outcome::exceededMemory, false, kMemoryMessage, {});
      EmitDone();
      return;
    }
  }
  if (mail.kind == Mail::Kind::kJob && !BillJob(lock, mail.id)) {
    EmitDone();
    return;
  }
  const uint32_t event_id = EventOf(mail);
  // What only moves pieces of messages about is none of the worker's code: the limit does not count it.
  const bool carries =
      mail.kind == Mail::Kind::kSocketCredit || (mail.kind == Mail::Kind::kSocketData && mail.number == 0);
  uint64_t limit = kBackgroundCpuNs;
  uint64_t before = 0;
  if (auto found = events_.find(event_id); found != events_.end()) {
    // A message of a WebSocket, like its end, is new work: it has the whole limit for itself.
    if (mail.kind == Mail::Kind::kSocketClose || (mail.kind == Mail::Kind::kSocketData && mail.number != 0)) {
      found->second.cpu_base_ns = found->second.cpu_ns;
    }
    before = found->second.cpu_ns;
    const uint64_t used = carries ? 0 : before - found->second.cpu_base_ns;
    limit = worker_->cpu_limit_ns > used ? worker_->cpu_limit_ns - used : 0;
  }
  if (isolate_->out_of_memory()) return;
  SetClock();
  __atomic_store_n(&run_->crash.event, event_id, __ATOMIC_RELEASE);
  run_->slot.BeginItem(isolate, limit, cpu_mark_ns_);
  isolate->SetContinuationPreservedEmbedderDataV2(v8::Undefined(isolate));
  Dispatch(lock, mail);
  if (!caught.HasTerminated()) RunMicrotasks(lock);
  if (isolate_->tasks().HasDue() && !run_->slot.terminated()) RunTasks(lock);
  AfterItem(lock, event_id, caught);
  if (carries) {
    if (auto found = events_.find(event_id); found != events_.end()) {
      EventRecord& event = found->second;
      const uint64_t spent = event.cpu_ns - before;
      if (event.job_base_ns == event.cpu_base_ns) event.job_base_ns += spent;  // No new budget for its jobs.
      event.cpu_base_ns += spent;
    }
  }
  EmitDone();
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
  host_.SetMemory(*this, heap.total_physical_size() + heap.malloced_memory(),
                  std::max<size_t>(isolate_->buffers().used(), heap.external_memory()));
  if (isolate_->OverLimit() && !condemned_) EndOutOfMemory(lock);
}

}  // namespace skerry
