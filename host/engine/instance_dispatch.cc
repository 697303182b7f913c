// From one piece of mail to one call of the runtime layer.
#include <utility>

#include "engine/host.h"
#include "engine/instance.h"
#include "engine/text.h"

namespace skerry {

using v8::Local;

namespace {

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

}  // namespace

void WorkerInstance::Dispatch(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  Local<v8::Context> context = lock.context();
  switch (mail.kind) {
    case Mail::Kind::kFetch:
      DispatchFetch(lock, mail);
      return;
    case Mail::Kind::kCancel: {
      EventRecord* event = FindEvent(mail.id);
      const bool timeout = mail.number == static_cast<uint64_t>(wire::CancelReason::timeout);
      // Cancelled is cancelled, but for the end of the time that it has for that.
      if (event == nullptr || (event->canceled && !timeout)) return;
      event->canceled = true;
      Local<v8::Value> arguments[] = {ToV8(isolate, mail.id), ToV8(isolate, static_cast<uint32_t>(mail.number))};
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
      if (!wire::StreamReset::Decode(AsBytes(mail.payload), reset)) host_.Violation("StreamReset");
      if (FindStream(mail.id) == nullptr) return;
      CloseStream(mail.id);
      Local<v8::Value> arguments[] = {ToV8(isolate, mail.id), ToV8(isolate, static_cast<uint32_t>(reset.code)),
                                      ToV8(isolate, reset.message)};
      (void)Handle(context, Handler::kStreamError, 3, arguments);
      return;
    }
    case Mail::Kind::kStreamCancel: {
      wire::StreamCancel cancel;
      if (!wire::StreamCancel::Decode(AsBytes(mail.payload), cancel)) host_.Violation("StreamCancel");
      StreamRecord* stream = FindStream(mail.id);
      if (stream == nullptr || stream->inbound) return;
      Local<v8::Value> arguments[] = {ToV8(isolate, mail.id), ToV8(isolate, cancel.message)};
      (void)Handle(context, Handler::kStreamCancelled, 2, arguments);
      return;
    }
    case Mail::Kind::kStreamCredit: {
      StreamRecord* stream = FindStream(mail.id);
      if (stream == nullptr || stream->inbound) return;
      stream->credit += static_cast<int64_t>(mail.number);
      const bool waits = stream->wants_credit;  // WriteStream says anew what it thinks.
      if (!stream->unsent.empty()) {
        const std::string unsent = std::exchange(stream->unsent, {});
        WriteStream(mail.id, *stream, AsBytes(unsent));
      }
      if (stream->ended) {
        if (stream->unsent.empty()) EndStream(mail.id, *stream);
        return;
      }
      if (!waits || stream->credit <= 0 || !stream->unsent.empty()) return;
      stream->wants_credit = false;
      Local<v8::Value> arguments[] = {ToV8(isolate, mail.id),
                                      v8::Number::New(isolate, static_cast<double>(stream->credit))};
      (void)Handle(context, Handler::kStreamCredit, 2, arguments);
      return;
    }
    case Mail::Kind::kSocketData:
      DispatchSocketData(lock, mail);
      return;
    case Mail::Kind::kSocketClose:
      DispatchSocketClose(lock, mail);
      return;
    case Mail::Kind::kSocketCredit:
      DispatchSocketCredit(lock, mail);
      return;
    case Mail::Kind::kTimer: {
      auto found = timers_.find(mail.id);
      if (found == timers_.end() || found->second.key != mail.number) return;  // Stopped, or started anew.
      if (EventRecord* event = FindEvent(found->second.event)) event->timers.erase(mail.id);
      timers_.erase(found);
      Local<v8::Value> argument = ToV8(isolate, mail.id);
      (void)Handle(context, Handler::kTimer, 1, &argument);
      return;
    }
    case Mail::Kind::kJob:
      DispatchJob(lock, mail);
      return;
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
  Local<v8::String> method = v8::String::NewFromUtf8(isolate, fetch.method.data(), v8::NewStringType::kInternalized,
                                                     static_cast<int>(fetch.method.size()))
                                 .FromMaybe(v8::String::Empty(isolate));
  Local<v8::Value> arguments[] = {ToV8(isolate, mail.id), method, ToV8(isolate, fetch.url), ToV8(isolate, fetch.stream),
                                  v8::Number::New(isolate, static_cast<double>(fetch.length))};
  (void)Handle(lock.context(), Handler::kFetch, 5, arguments);
}

void WorkerInstance::DispatchCallResult(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  auto found = calls_.find(mail.id);
  wire::CallResult result;
  if (!wire::CallResult::Decode(AsBytes(mail.payload), result)) host_.Violation("CallResult");
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
    if (result.socket != 0) {
      sockets_[result.socket] = {.event = event_id};
      event->sockets.push_back(result.socket);
    }
  }
  Local<v8::ArrayBuffer> bytes;
  if (!v8::ArrayBuffer::MaybeNew(isolate, result.result.size()).ToLocal(&bytes)) return;
  if (!result.result.empty()) result.result.copy(static_cast<char*>(bytes->Data()), result.result.size());
  Local<v8::Value> arguments[] = {ToV8(isolate, mail.id),
                                  ToV8(isolate, static_cast<uint32_t>(result.code)),
                                  ToV8(isolate, result.message),
                                  ToV8(isolate, result.stream),
                                  v8::Number::New(isolate, static_cast<double>(result.length)),
                                  v8::Uint8Array::New(bytes, 0, bytes->ByteLength()),
                                  ToV8(isolate, result.socket)};
  (void)Handle(lock.context(), Handler::kCallResult, 7, arguments);
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
      Local<v8::Value> arguments[] = {ToV8(isolate, mail.id),
                                      ToV8(isolate, static_cast<uint32_t>(wire::CallCode::tooLarge)),
                                      ToV8(isolate, "Memory limit would be exceeded before EOF")};
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
  Local<v8::Value> arguments[] = {ToV8(isolate, mail.id), v8::Uint8Array::New(buffer, 0, mail.size)};
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
  Local<v8::Value> argument = ToV8(lock.v8(), mail.id);
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
      Local<v8::Value> arguments[] = {ToV8(isolate, id), ToV8(isolate, static_cast<uint32_t>(wire::CallCode::tooLarge)),
                                      ToV8(isolate, "The body is longer than a string can be.")};
      (void)Handle(lock.context(), Handler::kStreamError, 3, arguments);
      return;
    }
    value = string;
  } else {
    Local<v8::ArrayBuffer> buffer;
    if (!v8::ArrayBuffer::MaybeNew(isolate, collected.size(), v8::BackingStoreInitializationMode::kUninitialized)
             .ToLocal(&buffer)) {
      Local<v8::Value> arguments[] = {ToV8(isolate, id), ToV8(isolate, static_cast<uint32_t>(wire::CallCode::tooLarge)),
                                      ToV8(isolate, "Memory limit would be exceeded before EOF")};
      (void)Handle(lock.context(), Handler::kStreamError, 3, arguments);
      return;
    }
    if (!collected.empty()) collected.copy(static_cast<char*>(buffer->Data()), collected.size());
    value = buffer;
  }
  Local<v8::Value> arguments[] = {ToV8(isolate, id), value};
  (void)Handle(lock.context(), Handler::kStreamCollected, 2, arguments);
}

void WorkerInstance::RunTasks(const IsolateLock& lock) {
  for (auto& task : isolate_->tasks().TakeDue()) {
    v8::HandleScope handles(lock.v8());
    task->Run();
    if (run_->slot.terminated()) return;
    RunMicrotasks(lock);
  }
}

// HTML's "perform a microtask checkpoint": after the microtasks, rejected promises that got no handler meanwhile are
// reported, which may run code of the worker's and make new ones. The CPU limit ends a worker that never stops.
void WorkerInstance::RunMicrotasks(const IsolateLock& lock) {
  v8::Isolate* isolate = lock.v8();
  isolate->PerformMicrotaskCheckpoint();
  while (rejections_due_ && !run_->slot.terminated()) {
    rejections_due_ = false;
    (void)Handle(lock.context(), Handler::kRejectionsDue, 0, nullptr);
    isolate->PerformMicrotaskCheckpoint();
  }
}

bool WorkerInstance::MayCompileWasm() {
  if (!wasm_from_bytes_ || worn_out_) return false;
  worn_out_ = ++wasm_compiles_ >= kWasmCompilesMax;
  return true;
}

void WorkerInstance::OnPromiseReject(v8::PromiseRejectMessage message) {
  if (isolate_->out_of_memory()) return;
  if (message.GetEvent() == v8::kPromiseRejectWithNoHandler) rejections_due_ = true;
  v8::Isolate* isolate = isolate_->v8();
  v8::HandleScope handles(isolate);
  Local<v8::Context> context = isolate->GetCurrentContext();
  Local<v8::Value> reason = message.GetValue();
  if (reason.IsEmpty()) reason = v8::Undefined(isolate);
  Local<v8::Value> arguments[] = {ToV8(isolate, static_cast<uint32_t>(message.GetEvent())), message.GetPromise(),
                                  reason};
  (void)Handle(context, Handler::kPromiseReject, 3, arguments);
}

}  // namespace skerry
