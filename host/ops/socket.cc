// WebSockets: accepting, sending, closing. PROTOCOL.md, "WebSockets".

#include "ops/host_ops.h"

namespace skerry {

namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

constexpr size_t kOnHeapMax = 64;  // Typed arrays up to this size live on V8's heap.

void SocketOpen(const Info& info) {
  WorkerInstance* instance = Caller(info);
  info.GetReturnValue().Set(instance == nullptr ? 0 : instance->OpenSocket(Uint(info, 0)));
}

void SocketAccept(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  if (SocketRecord* socket = instance->FindSocket(id)) instance->AcceptSocket(id, *socket);
}

// socketSend(socket, data): whether it is on its way
void SocketSend(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  v8::Isolate* isolate = info.GetIsolate();
  const uint32_t id = Uint(info, 0);
  SocketRecord* socket = instance->FindSocket(id);
  info.GetReturnValue().Set(false);
  if (socket == nullptr || socket->closed_out) return;
  if (info[1]->IsString()) {
    v8::Local<v8::String> string = info[1].As<v8::String>();
    std::string text(string->Utf8LengthV2(isolate), '\0');
    text.resize(string->WriteUtf8V2(isolate, text.data(), text.size(), v8::String::WriteFlags::kReplaceInvalidUtf8));
    info.GetReturnValue().Set(instance->SendSocket(id, *socket, wire::SocketKind::text, text));
  } else if (info[1]->IsArrayBufferView()) {
    uint8_t on_heap[kOnHeapMax];
    const v8::MemorySpan<uint8_t> bytes =
        info[1].As<v8::ArrayBufferView>()->GetContents(v8::MemorySpan<uint8_t>(on_heap, sizeof on_heap));
    const std::string_view data(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    info.GetReturnValue().Set(instance->SendSocket(id, *socket, wire::SocketKind::binary, data));
  } else if (info[1]->IsArrayBuffer()) {
    v8::Local<v8::ArrayBuffer> buffer = info[1].As<v8::ArrayBuffer>();
    const std::string_view data(static_cast<const char*>(buffer->Data()), buffer->ByteLength());
    info.GetReturnValue().Set(instance->SendSocket(id, *socket, wire::SocketKind::binary, data));
  }
}

// socketClose(socket, code, reason): whether it is said, and not behind what is unsent
void SocketClose(const Info& info) {
  WorkerInstance* instance = Caller(info);
  info.GetReturnValue().Set(true);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  SocketRecord* socket = instance->FindSocket(id);
  if (socket == nullptr) return;
  std::string reason = ToUtf8(info.GetIsolate(), info[2]);
  if (reason.size() > wire::kSocketReasonMax) reason.clear();
  const auto code = static_cast<uint16_t>(Uint(info, 1));
  info.GetReturnValue().Set(instance->CloseSocket(id, *socket, code, std::move(reason)));
}

// socketBuffered(socket): bytes that the network has not taken
void SocketBuffered(const Info& info) {
  WorkerInstance* instance = Caller(info);
  SocketRecord* socket = instance == nullptr ? nullptr : instance->FindSocket(Uint(info, 0));
  info.GetReturnValue().Set(socket == nullptr ? 0 : static_cast<double>(socket->buffered));
}

constexpr Op kOps[] = {
    {"socketOpen", &SocketOpen, 1},   {"socketAccept", &SocketAccept, 1},     {"socketSend", &SocketSend, 2},
    {"socketClose", &SocketClose, 3}, {"socketBuffered", &SocketBuffered, 1},
};

}  // namespace

std::span<const Op> SocketOps() { return kOps; }

}  // namespace skerry
