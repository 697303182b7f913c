// Events, console and host calls.

#include <cstring>

#include "ops/host_ops.h"

namespace skerry {

namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

void Throw(v8::Isolate* isolate, const char* text) {
  isolate->ThrowException(
      v8::Exception::TypeError(v8::String::NewFromUtf8(isolate, text).FromMaybe(v8::String::Empty(isolate))));
}

// The bytes of a string (as UTF-8) or of a view, without a length in front.
void AppendBody(v8::Isolate* isolate, std::string& out, v8::Local<v8::Value> body) {
  const size_t start = out.size();
  if (body->IsString()) {
    v8::Local<v8::String> text = body.As<v8::String>();
    const size_t room = text->Utf8LengthV2(isolate);
    out.resize(start + room);
    const size_t written =
        text->WriteUtf8V2(isolate, out.data() + start, room, v8::String::WriteFlags::kReplaceInvalidUtf8);
    out.resize(start + written);
  } else if (body->IsArrayBufferView()) {
    v8::Local<v8::ArrayBufferView> view = body.As<v8::ArrayBufferView>();
    out.resize(start + view->ByteLength());
    view->CopyContents(out.data() + start, view->ByteLength());
  }
}

// Writes a frame whose payload `fill` appends. A payload over the limit is taken back, and false is returned.
template <typename Fill>
bool AppendFrameWith(std::string& out, wire::MessageType type, uint32_t id, Fill fill) {
  const size_t start = out.size();
  out.append(wire::kFrameHeaderSize, '\0');
  fill();
  const size_t length = out.size() - start - wire::kFrameHeaderSize;
  if (length > wire::kFramePayloadMax) {
    out.resize(start);
    return false;
  }
  const wire::FrameHeader header{static_cast<uint32_t>(length), static_cast<uint16_t>(type), 0, id};
  memcpy(out.data() + start, &header.length, 4);
  memcpy(out.data() + start + 4, &header.type, 2);
  memcpy(out.data() + start + 8, &header.id, 4);
  return true;
}

// respond(event, status, statusText, headers, body, stream, length, socket)
void Respond(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t id = Uint(info, 0);
  EventRecord* event = instance->FindEvent(id);
  if (event == nullptr || event->responded) return;
  const uint32_t stream = Uint(info, 5), socket = Uint(info, 7);
  if (socket != 0) {
    const SocketRecord* open = instance->FindSocket(socket);
    if (open == nullptr || open->event != id || (socket % 2 == 0 && (open->accepted || open->closed_out))) {
      Throw(isolate, "the response's WebSocket is not one of its event, or has been used");
      return;
    }
  }
  const double length = info[6]->IsNumber() ? info[6].As<v8::Number>()->Value() : -1;
  std::string& out = instance->out();
  const bool fits = AppendFrameWith(out, wire::MessageType::Response, id, [&] {
    wire::AppendU16(out, static_cast<uint16_t>(Uint(info, 1)));
    AppendUtf8(isolate, out, info[2], wire::kLogTextMax);
    AppendLatin1(isolate, out, info[3]);
    wire::AppendU32(out, stream);
    wire::AppendU64(out, static_cast<uint64_t>(static_cast<int64_t>(length)));
    wire::AppendU32(out, socket);
    if (stream == 0) AppendBody(isolate, out, info[4]);
  });
  if (!fits) {
    Throw(isolate, "response head and inline body are larger than a frame");
    return;
  }
  instance->Responded(*event, stream);
  if (socket != 0 && socket % 2 == 0) instance->SpliceSocket(socket);
}

// eventDone(event, outcome, passThrough, message, stack)
void EventDone(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  EventRecord* event = instance->FindEvent(Uint(info, 0));
  if (event == nullptr) return;
  const auto outcome = static_cast<wire::Outcome>(Uint(info, 1));
  if (!wire::IsValid(outcome)) {
    Throw(isolate, "unknown outcome");
    return;
  }
  instance->FinishEvent(*event, outcome, info[2]->IsTrue(), ToUtf8(isolate, info[3]), ToUtf8(isolate, info[4]));
}

void EventHeaders(const Info& info) {
  WorkerInstance* instance = Caller(info);
  EventRecord* event = instance == nullptr ? nullptr : instance->FindEvent(Uint(info, 0));
  const std::string_view headers = event == nullptr ? std::string_view() : event->fetch.headers;
  info.GetReturnValue().Set(v8::String::NewFromOneByte(info.GetIsolate(),
                                                       reinterpret_cast<const uint8_t*>(headers.data()),
                                                       v8::NewStringType::kNormal, static_cast<int>(headers.size()))
                                .FromMaybe(v8::String::Empty(info.GetIsolate())));
}

void EventCf(const Info& info) {
  WorkerInstance* instance = Caller(info);
  EventRecord* event = instance == nullptr ? nullptr : instance->FindEvent(Uint(info, 0));
  const std::string_view cf = event == nullptr ? std::string_view() : event->fetch.cf;
  info.GetReturnValue().Set(
      v8::String::NewFromUtf8(info.GetIsolate(), cf.data(), v8::NewStringType::kNormal, static_cast<int>(cf.size()))
          .FromMaybe(v8::String::Empty(info.GetIsolate())));
}

// log(event, level, text)
void Log(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const auto level = static_cast<wire::LogLevel>(Uint(info, 1));
  if (instance == nullptr || !wire::IsValid(level)) return;
  const uint32_t event = Uint(info, 0);
  uint64_t& logged = instance->LoggedBytes(event);
  if (logged >= WorkerInstance::kLogBytesMax) return;
  std::string& out = instance->out();
  const size_t before = out.size();
  AppendFrameWith(out, wire::MessageType::Log, event, [&] {
    wire::AppendU32(out, instance->worker()->id);
    wire::AppendU8(out, static_cast<uint8_t>(level));
    AppendUtf8(info.GetIsolate(), out, info[2], wire::kLogTextMax);
  });
  logged += out.size() - before;
  if (logged < WorkerInstance::kLogBytesMax) return;
  wire::AppendFrame(out, event,
                    wire::Log{.worker = instance->worker()->id,
                              .level = wire::LogLevel::warn,
                              .text = "Log size limit exceeded: the rest of this request's output is dropped."});
}

// call(event, slot, op, stream, args): call
void Call(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  const uint32_t event = Uint(info, 0);
  const auto op = static_cast<wire::CallOp>(Uint(info, 2));
  const uint32_t stream = Uint(info, 3);
  if (!wire::IsValid(op) || !info[4]->IsArrayBufferView()) {
    Throw(isolate, "bad host call");
    return;
  }
  if (info[4].As<v8::ArrayBufferView>()->ByteLength() > wire::kFramePayloadMax - 64) {
    Throw(isolate, "the arguments of the call are larger than a frame");
    return;
  }
  const uint32_t id = instance->OpenCall(event, stream);
  if (id != 0) {
    std::string& out = instance->out();
    AppendFrameWith(out, wire::MessageType::Call, id, [&] {
      wire::AppendU32(out, event);
      wire::AppendU16(out, static_cast<uint16_t>(Uint(info, 1)));
      wire::AppendU16(out, static_cast<uint16_t>(op));
      wire::AppendU32(out, stream);
      AppendBody(isolate, out, info[4]);
    });
  }
  info.GetReturnValue().Set(id);
}

void CallAbort(const Info& info) {
  if (WorkerInstance* instance = Caller(info)) instance->AbortCall(Uint(info, 0));
}

constexpr Op kOps[] = {
    {"respond", &Respond, 8},
    {"eventDone", &EventDone, 5},
    {"eventHeaders", &EventHeaders, 1},
    {"eventCf", &EventCf, 1},
    {"log", &Log, 3},
    {"call", &Call, 5},
    {"callAbort", &CallAbort, 1},
};

}  // namespace

std::span<const Op> EventOps() { return kOps; }

}  // namespace skerry
