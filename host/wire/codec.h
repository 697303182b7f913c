// Little-endian fields of a payload: append to a string, read from a span with every length checked first.
// No V8, no threads. Reading never goes past the span; the first fault wins and later reads give zeroes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace skerry::wire {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian and copied as it is");

inline void AppendU8(std::string& out, uint8_t value) { out.push_back(static_cast<char>(value)); }

template <typename T>
inline void AppendInteger(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

inline void AppendU16(std::string& out, uint16_t value) { AppendInteger(out, value); }
inline void AppendU32(std::string& out, uint32_t value) { AppendInteger(out, value); }
inline void AppendU64(std::string& out, uint64_t value) { AppendInteger(out, value); }

// A str or bytes field.
inline void AppendBytes(std::string& out, std::string_view value) {
  AppendU32(out, static_cast<uint32_t>(value.size()));
  out.append(value);
}

// What is wrong with a payload. The names are those of protocol/vectors.
enum class DecodeFault : uint8_t { none, truncated, leftover, bad_enum, bad_bool, bad_utf8 };

constexpr std::string_view Name(DecodeFault fault) {
  switch (fault) {
    case DecodeFault::none:
      return "ok";
    case DecodeFault::truncated:
      return "truncated";
    case DecodeFault::leftover:
      return "leftover";
    case DecodeFault::bad_enum:
      return "bad_enum";
    case DecodeFault::bad_bool:
      return "bad_bool";
    case DecodeFault::bad_utf8:
      return "bad_utf8";
  }
  return "unknown";
}

// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF.
inline bool IsUtf8(std::string_view text) {
  const auto* p = reinterpret_cast<const uint8_t*>(text.data());
  const auto* end = p + text.size();
  while (p < end) {
    if (end - p >= 8) {
      uint64_t eight;
      std::memcpy(&eight, p, 8);
      if ((eight & 0x8080808080808080u) == 0) {
        p += 8;
        continue;
      }
    }
    uint8_t lead = *p++;
    if (lead < 0x80) continue;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || end - p < more) return false;
    // The second byte has the tighter bounds.
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (*p < low || *p > high) return false;
    for (int i = 1; i < more; i++) {
      if ((p[i] & 0xc0) != 0x80) return false;
    }
    p += more;
  }
  return true;
}

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> payload) : in_(payload) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void Fail(DecodeFault fault) {
    if (fault_ == DecodeFault::none) fault_ = fault;
    in_ = {};
  }

  uint8_t U8() { return Integer<uint8_t>(); }
  uint16_t U16() { return Integer<uint16_t>(); }
  uint32_t U32() { return Integer<uint32_t>(); }
  uint64_t U64() { return Integer<uint64_t>(); }
  int64_t I64() { return static_cast<int64_t>(Integer<uint64_t>()); }

  bool Bool() {
    uint8_t value = U8();
    if (value > 1) Fail(DecodeFault::bad_bool);
    return value == 1;
  }

  std::string_view Bytes() {
    uint32_t length = U32();
    if (length > in_.size()) {
      Fail(DecodeFault::truncated);
      return {};
    }
    return Take(length);
  }

  std::string_view Str() {
    std::string_view text = Bytes();
    if (!IsUtf8(text)) {
      Fail(DecodeFault::bad_utf8);
      return {};
    }
    return text;
  }

  std::string_view Rest() { return Take(in_.size()); }

  // The number of elements of a list, each of which takes at least `size` bytes: so a list is never set aside that
  // the payload could not hold.
  size_t Count(size_t size) {
    uint32_t count = U32();
    if (static_cast<uint64_t>(count) * size > in_.size()) {
      Fail(DecodeFault::truncated);
      return 0;
    }
    return count;
  }

  [[nodiscard]] bool Done(DecodeFault* why) {
    if (fault_ == DecodeFault::none && !in_.empty()) fault_ = DecodeFault::leftover;
    if (why != nullptr) *why = fault_;
    return fault_ == DecodeFault::none;
  }

 private:
  template <typename T>
  T Integer() {
    if (in_.size() < sizeof(T)) {
      Fail(DecodeFault::truncated);
      return 0;
    }
    T value;
    std::memcpy(&value, in_.data(), sizeof(T));
    in_ = in_.subspan(sizeof(T));
    return value;
  }

  std::string_view Take(size_t length) {
    std::string_view head(reinterpret_cast<const char*>(in_.data()), length);
    in_ = in_.subspan(length);
    return head;
  }

  std::span<const uint8_t> in_;
  DecodeFault fault_ = DecodeFault::none;
};

}  // namespace skerry::wire
