// Frames: the twelve-byte header before every payload. No V8, no socket, no threads: see protocol/PROTOCOL.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "codec.h"
#include "messages.gen.h"

namespace skerry::wire {

inline constexpr size_t kFrameHeaderSize = 12;

struct FrameHeader {
  uint32_t length = 0;  // Of the payload, in bytes.
  uint16_t type = 0;
  uint16_t flags = 0;
  uint32_t id = 0;

  // `raw` must hold at least kFrameHeaderSize bytes. Check says whether the header may be believed.
  static FrameHeader Decode(std::span<const uint8_t> raw) {
    FrameHeader header;
    std::memcpy(&header.length, raw.data(), 4);
    std::memcpy(&header.type, raw.data() + 4, 2);
    std::memcpy(&header.flags, raw.data() + 6, 2);
    std::memcpy(&header.id, raw.data() + 8, 4);
    return header;
  }
};

enum class Side : uint8_t { supervisor, host };

// Why a header is a violation. The names are those of protocol/vectors.
enum class FrameFault : uint8_t { none, too_long, bad_type, bad_flags, bad_direction, bad_id };

constexpr std::string_view Name(FrameFault fault) {
  switch (fault) {
    case FrameFault::none:
      return "ok";
    case FrameFault::too_long:
      return "too_long";
    case FrameFault::bad_type:
      return "bad_type";
    case FrameFault::bad_flags:
      return "bad_flags";
    case FrameFault::bad_direction:
      return "bad_direction";
    case FrameFault::bad_id:
      return "bad_id";
  }
  return "unknown";
}

[[nodiscard]] constexpr uint32_t PayloadMax(MessageType type) {
  switch (type) {
    case MessageType::StreamData:
      return kStreamDataMax;
    case MessageType::SocketData:
      return kSocketDataMax;
    default:
      return kFramePayloadMax;
  }
}

// Checks a header that came from `from`. Everything but the payload can be judged here, before its bytes are awaited.
// The order of the checks is that of the vectors: length, type, flags, direction, id.
[[nodiscard]] constexpr FrameFault Check(const FrameHeader& header, Side from) {
  const auto type = static_cast<MessageType>(header.type);
  if (header.length > PayloadMax(type)) return FrameFault::too_long;
  const MessageInfo info = Info(type);
  if (!info.from_supervisor && !info.from_host) return FrameFault::bad_type;
  if (header.flags != 0) return FrameFault::bad_flags;
  if (!(from == Side::supervisor ? info.from_supervisor : info.from_host)) return FrameFault::bad_direction;
  if (header.id == 0 ? info.needs_id : !info.takes_id) return FrameFault::bad_id;
  return FrameFault::none;
}

// Appends a whole frame: T is a message of messages.gen.h. The payload is written in place behind its header.
// The caller keeps it within PayloadMax of its type.
template <typename T>
inline void AppendFrame(std::string& out, uint32_t id, const T& message) {
  const size_t start = out.size();
  char header[kFrameHeaderSize] = {};
  const auto type = static_cast<uint16_t>(T::kType);
  std::memcpy(header + 4, &type, 2);
  std::memcpy(header + 8, &id, 4);
  out.append(header, kFrameHeaderSize);
  message.AppendTo(out);
  const auto length = static_cast<uint32_t>(out.size() - start - kFrameHeaderSize);
  std::memcpy(out.data() + start, &length, 4);
}

// The same with the type said aloud; it must be T's own.
template <typename T>
inline void AppendFrame(std::string& out, [[maybe_unused]] MessageType type, uint32_t id, const T& message) {
  AppendFrame(out, id, message);
}

}  // namespace skerry::wire
