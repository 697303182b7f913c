// Streams: credit, data, ends. PROTOCOL.md, "Streams".

#include "ops/host_ops.h"

namespace skerry {

namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

constexpr double kReaderGone = -1e9;
constexpr size_t kOnHeapMax = 64;  // Typed arrays up to this size live on V8's heap.

// streamPull(stream, bytes)
void StreamPull(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0), bytes = Uint(info, 1);
  StreamRecord* stream = instance->FindStream(id);
  if (stream == nullptr || !stream->inbound || stream->collecting || bytes == 0) return;
  if (stream->credit > INT32_MAX - static_cast<int64_t>(bytes)) return;
  stream->credit += bytes;
  wire::AppendFrame(instance->out(), id, wire::StreamCredit{.bytes = bytes});
}

// streamCollect(stream, text)
void StreamCollect(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  StreamRecord* stream = instance->FindStream(id);
  if (stream == nullptr || !stream->inbound || stream->collecting) return;
  stream->collecting = true;
  stream->as_text = info[1]->IsTrue();
  const uint32_t bytes = 2 * wire::kStreamWindow;
  stream->credit += bytes;
  wire::AppendFrame(instance->out(), id, wire::StreamCredit{.bytes = bytes});
}

// streamCancel(stream, message)
void StreamCancel(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  StreamRecord* stream = instance->FindStream(id);
  if (stream == nullptr || !stream->inbound) return;
  std::string message = ToUtf8(info.GetIsolate(), info[1]);
  if (message.size() > wire::kLogTextMax) message.clear();
  wire::AppendFrame(instance->out(), id, wire::StreamCancel{.message = message});
  instance->CloseStream(id);
}

void StreamOpen(const Info& info) {
  WorkerInstance* instance = Caller(info);
  info.GetReturnValue().Set(instance == nullptr ? 0 : instance->OpenStream(Uint(info, 0)));
}

// streamWrite(stream, bytes): credit left
void StreamWrite(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  StreamRecord* stream = instance->FindStream(id);
  if (stream == nullptr || stream->inbound || !info[1]->IsArrayBufferView()) {
    info.GetReturnValue().Set(kReaderGone);
    return;
  }
  uint8_t on_heap[kOnHeapMax];
  const v8::MemorySpan<uint8_t> bytes =
      info[1].As<v8::ArrayBufferView>()->GetContents(v8::MemorySpan<uint8_t>(on_heap, sizeof on_heap));
  const int64_t left = instance->WriteStream(id, *stream, {bytes.data(), bytes.size()});
  info.GetReturnValue().Set(static_cast<double>(left));
}

void StreamEnd(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  StreamRecord* stream = instance->FindStream(id);
  if (stream == nullptr || stream->inbound) return;
  instance->EndStream(id, *stream);
}

// streamReset(stream, code, message)
void StreamReset(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  StreamRecord* stream = instance->FindStream(id);
  if (stream == nullptr || stream->inbound) return;
  auto code = static_cast<wire::CallCode>(Uint(info, 1));
  if (!wire::IsValid(code) || code == wire::CallCode::ok) code = wire::CallCode::internal;
  std::string message = ToUtf8(info.GetIsolate(), info[2]);
  if (message.size() > wire::kLogTextMax) message.clear();
  wire::AppendFrame(instance->out(), id, wire::StreamReset{.code = code, .message = message});
  instance->CloseStream(id);
}

constexpr Op kOps[] = {
    {"streamPull", &StreamPull, 2},   {"streamCollect", &StreamCollect, 2}, {"streamCancel", &StreamCancel, 2},
    {"streamOpen", &StreamOpen, 1},   {"streamWrite", &StreamWrite, 2},     {"streamEnd", &StreamEnd, 1},
    {"streamReset", &StreamReset, 3},
};

}  // namespace

std::span<const Op> StreamOps() { return kOps; }

}  // namespace skerry
