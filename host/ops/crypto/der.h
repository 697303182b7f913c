// As much of DER (X.690) as key formats need: a strict reader and a writer. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "ops/crypto/octets.h"

namespace skerry::crypto {

inline constexpr uint8_t kDerInteger = 0x02;
inline constexpr uint8_t kDerBitString = 0x03;
inline constexpr uint8_t kDerOctetString = 0x04;
inline constexpr uint8_t kDerNull = 0x05;
inline constexpr uint8_t kDerOid = 0x06;
inline constexpr uint8_t kDerSequence = 0x30;

// Reads one value after the other.
class DerReader {
 public:
  explicit DerReader(Span bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.size == 0; }
  // The tag of the next value; 0 at the end.
  uint8_t Peek() const { return empty() ? 0 : bytes_.data[0]; }

  // Takes the next value if it has this tag and is well formed.
  [[nodiscard]] bool Take(uint8_t tag, Span* content) {
    if (bytes_.size < 2 || bytes_.data[0] != tag) return false;
    size_t size = bytes_.data[1];
    size_t at = 2;
    if (size >= 0x80) {
      const size_t count = size & 0x7f;
      if (count < 1 || count > 4 || bytes_.size < 2 + count || bytes_.data[2] == 0) return false;
      size = 0;
      for (; at < 2 + count; at++) size = size << 8 | bytes_.data[at];
      if (size < 0x80) return false;  // Has a shorter form.
    }
    if (size > bytes_.size - at) return false;
    *content = {bytes_.data + at, size};
    bytes_ = {bytes_.data + at + size, bytes_.size - at - size};
    return true;
  }

  // A number that is not negative, without its leading zero.
  [[nodiscard]] bool TakeUnsigned(Span* number) {
    Span content;
    if (!Take(kDerInteger, &content) || content.size == 0 || (content.data[0] & 0x80) != 0) return false;
    if (content.size > 1 && content.data[0] == 0) {
      if ((content.data[1] & 0x80) == 0) return false;
      content = {content.data + 1, content.size - 1};
    }
    *number = content;
    return true;
  }

  [[nodiscard]] bool TakeSmall(uint8_t* number) {
    Span content;
    if (!TakeUnsigned(&content) || content.size != 1) return false;
    *number = content.data[0];
    return true;
  }

 private:
  Span bytes_;
};

inline std::string DerValue(uint8_t tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() < 0x80) {
    out.push_back(static_cast<char>(content.size()));
  } else {
    size_t count = 1;
    while (content.size() >> (8 * count) != 0) count++;
    out.push_back(static_cast<char>(0x80 | count));
    for (size_t i = count; i-- > 0;) out.push_back(static_cast<char>(content.size() >> (8 * i)));
  }
  out.append(content);
  return out;
}

// A number that is not negative, from big-endian bytes.
inline std::string DerUnsigned(std::string_view bytes) {
  while (bytes.size() > 1 && bytes[0] == 0) bytes.remove_prefix(1);
  std::string content;
  if (bytes.empty() || (bytes[0] & 0x80) != 0) content.push_back(0);
  content.append(bytes);
  return DerValue(kDerInteger, content);
}

inline std::string_view Text(Span span) { return {reinterpret_cast<const char*>(span.data), span.size}; }
inline Span ToSpan(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
inline bool Equal(Span a, const uint8_t* b, size_t size) { return a.size == size && std::memcmp(a.data, b, size) == 0; }

}  // namespace skerry::crypto
