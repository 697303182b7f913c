// The WebSockets of events: messages in pieces, credit, last words. PROTOCOL.md, "WebSockets".
#include <algorithm>
#include <utility>

#include "engine/host.h"
#include "engine/instance.h"
#include "engine/text.h"

namespace skerry {

using v8::Local;

namespace {

// Bytes of a message that one SocketData carries: kind and final take two.
constexpr size_t kPieceMax = wire::kSocketDataMax - 2;
// Credit is granted again when so much of it has been used.
constexpr int64_t kGrantStep = wire::kSocketWindow / 2;
constexpr uint16_t kAbnormal = 1006;
constexpr uint16_t kTooBig = 1009;
constexpr char kMemoryReason[] = "The message does not fit into the memory limit of the Worker.";

}  // namespace

SocketRecord* WorkerInstance::FindSocket(uint32_t id) {
  auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : &found->second;
}

uint32_t WorkerInstance::OpenSocket(uint32_t event_id) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return 0;
  const uint32_t id = host_.RouteSocket(shared_from_this());
  sockets_[id] = {.event = event_id};
  event->sockets.push_back(id);
  return id;
}

void WorkerInstance::AcceptSocket(uint32_t id, SocketRecord& socket) {
  if (socket.accepted || socket.closed_in) return;
  socket.accepted = true;
  socket.granted = wire::kSocketWindow;
  wire::AppendFrame(out(), id, wire::SocketCredit{.bytes = wire::kSocketWindow});
}

bool WorkerInstance::SendSocket(uint32_t id, SocketRecord& socket, wire::SocketKind kind, std::string_view data) {
  size_t at = 0;
  bool final = false;
  while (!final) {
    const size_t size = std::min(kPieceMax, data.size() - at);
    const auto cost = static_cast<int64_t>(size + wire::kSocketPieceCost);
    if (!socket.unsent.empty() || cost > socket.credit) break;
    final = at + size == data.size();
    socket.buffered += size;
    SendPiece(id, socket, kind, final, data.substr(at, size));
    at += size;
  }
  if (final) return true;
  const size_t rest = data.size() - at;
  const size_t kept = rest + std::max<size_t>(1, (rest + kPieceMax - 1) / kPieceMax) * wire::kSocketPieceCost;
  if (socket.unsent_bytes + kept > wire::kSocketUnsentMax || !isolate_->buffers().Fits(kept)) return false;
  isolate_->buffers().Charge(kept);
  socket.unsent_bytes += kept;
  socket.buffered += rest;
  while (!final) {
    const size_t size = std::min(kPieceMax, data.size() - at);
    final = at + size == data.size();
    socket.unsent.push_back({kind, final, std::string(data.substr(at, size))});
    at += size;
  }
  return true;
}

void WorkerInstance::SendPiece(uint32_t id, SocketRecord& socket, wire::SocketKind kind, bool final,
                               std::string_view data) {
  wire::AppendFrame(out(), id, wire::SocketData{.kind = kind, .final = final, .data = data});
  socket.credit -= static_cast<int64_t>(data.size() + wire::kSocketPieceCost);
  socket.under_way.push_back(static_cast<uint32_t>(data.size()));
}

bool WorkerInstance::CloseSocket(uint32_t id, SocketRecord& socket, uint16_t code, std::string reason) {
  if (socket.closed_out) return true;
  socket.closed_out = true;
  socket.close_code = code;
  socket.close_reason = std::move(reason);
  if (code == kAbnormal) ReleaseSocket(socket);
  if (!socket.unsent.empty()) return false;
  SayLastWord(id, socket);
  return true;
}

void WorkerInstance::SayLastWord(uint32_t id, SocketRecord& socket) {
  wire::AppendFrame(out(), id, wire::SocketClose{.code = socket.close_code, .reason = socket.close_reason});
  if (socket.closed_in) ForgetSocket(id);
}

void WorkerInstance::SpliceSocket(uint32_t id) { ForgetSocket(id); }

void WorkerInstance::ForgetSocket(uint32_t id) {
  auto found = sockets_.find(id);
  if (found == sockets_.end()) return;
  ReleaseSocket(found->second);
  if (EventRecord* event = FindEvent(found->second.event)) std::erase(event->sockets, id);
  sockets_.erase(found);
  closed_sockets_.push_back(id);
}

// Lets go of everything that the socket holds.
void WorkerInstance::ReleaseSocket(SocketRecord& socket) {
  isolate_->buffers().Release(socket.unsent_bytes);
  socket.unsent.clear();
  socket.unsent_bytes = 0;
  DropMessage(socket);
}

void WorkerInstance::GrantSocket(uint32_t id, SocketRecord& socket, int64_t used) {
  socket.used += used;
  if (socket.used < kGrantStep || socket.closed_in) return;
  const int64_t more = std::exchange(socket.used, 0);
  socket.granted += more;
  wire::AppendFrame(out(), id, wire::SocketCredit{.bytes = static_cast<uint32_t>(more)});
}

v8::MaybeLocal<v8::Value> WorkerInstance::MessageOf(wire::SocketKind kind, std::span<const std::string_view> pieces,
                                                    size_t size) {
  v8::Isolate* isolate = isolate_->v8();
  if (kind == wire::SocketKind::binary) {
    Local<v8::ArrayBuffer> buffer;
    if (!v8::ArrayBuffer::MaybeNew(isolate, size, v8::BackingStoreInitializationMode::kUninitialized)
             .ToLocal(&buffer)) {
      return {};
    }
    auto* to = static_cast<char*>(buffer->Data());
    for (std::string_view piece : pieces) to += piece.copy(to, piece.size());
    return buffer;
  }
  std::string joined;
  std::string_view all = pieces.empty() ? std::string_view() : pieces.front();
  if (pieces.size() > 1) {
    joined.reserve(size);
    for (std::string_view piece : pieces) joined.append(piece);
    all = joined;
  }
  Local<v8::String> text;
  if (!v8::String::NewFromUtf8(isolate, all.data(), v8::NewStringType::kNormal, static_cast<int>(all.size()))
           .ToLocal(&text)) {
    return {};
  }
  return text;
}

void WorkerInstance::DispatchSocketData(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  SocketRecord* socket = FindSocket(mail.id);
  if (socket == nullptr || socket->closed_in) return;
  const auto decode = [this](const Mail& from) {
    wire::SocketData data;
    if (!wire::SocketData::Decode({from.bytes.get(), from.size}, data)) host_.Violation("SocketData");
    return data;
  };
  const wire::SocketData data = decode(mail);
  const auto cost = static_cast<int64_t>(data.data.size() + wire::kSocketPieceCost);
  if (cost > socket->granted) host_.Violation("SocketData beyond its credit");
  socket->granted -= cost;
  GrantSocket(mail.id, *socket, cost);
  // When the last word is said nobody reads any more, but the other side's is behind this.
  if (socket->closed_out) return;
  const uint32_t id = mail.id;
  const bool final = data.final;
  const wire::SocketKind kind = data.kind;
  const size_t size = socket->message_bytes + data.data.size();
  if (size > wire::kSocketMessageMax) host_.Violation("a message over its limit");
  Local<v8::Value> message;
  bool made = false;
  if (!final) {
    made = isolate_->buffers().Fits(mail.size);
    if (made) {
      isolate_->buffers().Charge(mail.size);
      socket->message_bytes = size;
      socket->message.push_back(std::move(mail));
      return;
    }
  } else {
    std::vector<std::string_view> pieces;
    for (const Mail& earlier : socket->message) pieces.push_back(decode(earlier).data);
    pieces.push_back(data.data);
    made = MessageOf(kind, pieces, size).ToLocal(&message);
  }
  DropMessage(*socket);
  if (!made) {
    (void)CloseSocket(id, *socket, kTooBig, kMemoryReason);
    return;
  }
  Local<v8::Value> arguments[] = {ToV8(isolate, id), message};
  (void)Handle(lock.context(), Handler::kSocketMessage, 2, arguments);
}

// Lets go of a message that is not complete, or has been delivered.
void WorkerInstance::DropMessage(SocketRecord& socket) {
  for (const Mail& mail : socket.message) isolate_->buffers().Release(mail.size);
  socket.message.clear();
  socket.message_bytes = 0;
}

void WorkerInstance::DispatchSocketClose(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  wire::SocketClose close;
  if (!wire::SocketClose::Decode(AsBytes(mail.payload), close)) host_.Violation("SocketClose");
  SocketRecord* socket = FindSocket(mail.id);
  if (socket == nullptr || socket->closed_in) return;
  socket->closed_in = true;
  if (close.code == kAbnormal) {
    // There is nobody to send to.
    const bool said = socket->closed_out && socket->unsent.empty();
    ReleaseSocket(*socket);
    socket->closed_out = true;
    socket->close_code = kAbnormal;
    socket->close_reason.clear();
    if (said) {
      ForgetSocket(mail.id);
    } else {
      SayLastWord(mail.id, *socket);
    }
  } else if (socket->closed_out && socket->unsent.empty()) {
    ForgetSocket(mail.id);
  }
  Local<v8::Value> arguments[] = {ToV8(isolate, mail.id), ToV8(isolate, static_cast<uint32_t>(close.code)),
                                  ToV8(isolate, close.reason)};
  (void)Handle(lock.context(), Handler::kSocketClosed, 3, arguments);
}

void WorkerInstance::DispatchSocketCredit(const IsolateLock& lock, Mail& mail) {
  SocketRecord* socket = FindSocket(mail.id);
  if (socket == nullptr) return;
  socket->credit += static_cast<int64_t>(mail.number);
  // Credit is granted for whole pieces, in the order in which they were sent.
  for (uint64_t granted = mail.number; !socket->under_way.empty();) {
    const uint64_t cost = socket->under_way.front() + wire::kSocketPieceCost;
    if (cost > granted) break;
    granted -= cost;
    socket->buffered -= socket->under_way.front();
    socket->under_way.pop_front();
  }
  while (!socket->unsent.empty()) {
    const SocketRecord::Piece& piece = socket->unsent.front();
    const size_t cost = piece.data.size() + wire::kSocketPieceCost;
    if (static_cast<int64_t>(cost) > socket->credit) return;
    SendPiece(mail.id, *socket, piece.kind, piece.final, piece.data);
    socket->unsent_bytes -= cost;
    isolate_->buffers().Release(cost);
    socket->unsent.pop_front();
    if (socket->unsent.empty() && socket->closed_out) {
      SayLastWord(mail.id, *socket);
      Local<v8::Value> argument = ToV8(lock.v8(), mail.id);
      (void)Handle(lock.context(), Handler::kSocketFlushed, 1, &argument);
      return;
    }
  }
}

}  // namespace skerry
