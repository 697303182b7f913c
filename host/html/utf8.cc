#include "html/utf8.h"

#include <cstdint>
#include <cstring>

namespace skerry::html {
namespace {

// Bytes of the character at the front; 0 if it is broken or cut off. *part: bytes of it that are in order, at least 1.
size_t Character(std::string_view text, size_t* part) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  *part = 1;
  if (lead < 0x80) return 1;
  size_t length;
  unsigned char low = 0x80, high = 0xbf;  // Of the second byte.
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  for (; *part < length; ++*part) {
    if (*part == text.size()) return 0;
    if (byte(*part) < low || byte(*part) > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

// The length of the front that is UTF-8.
size_t ValidPrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word;
    while (at + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080u) != 0) break;
      at += sizeof word;
    }
    if (at == text.size()) break;
    size_t part;
    const size_t length = Character(text.substr(at), &part);
    if (length == 0) break;
    at += length;
  }
  return at;
}

}  // namespace

bool Utf8Repair::Next(std::string_view bytes, bool last, std::string_view* out) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  size_t valid = tail_size_ == 0 ? ValidPrefix(bytes) : 0;
  if (valid == bytes.size() && tail_size_ == 0) {
    *out = bytes;
    return true;
  }
  size_t part;
  if (!last && tail_size_ == 0 && Character(bytes.substr(valid), &part) == 0 && valid + part == bytes.size() &&
      static_cast<unsigned char>(bytes[valid]) >= 0xc2 && static_cast<unsigned char>(bytes[valid]) <= 0xf4) {
    // All is well but for a character that is cut off.
    tail_size_ = part;
    std::memcpy(tail_, bytes.data() + valid, part);
    *out = bytes.substr(0, valid);
    return true;
  }

  text_.Clear();
  // The character that was cut off, with as many bytes as it may need.
  while (tail_size_ != 0) {
    if (bytes.empty() && !last) {
      *out = {};
      return true;
    }
    char joined[8];
    std::memcpy(joined, tail_, tail_size_);
    const size_t more = bytes.size() < 3 ? bytes.size() : 3;
    std::memcpy(joined + tail_size_, bytes.data(), more);
    const size_t length = Character({joined, tail_size_ + more}, &part);
    if (length == 0 && part == tail_size_ + more && !last) {  // Still cut off; then bytes are used up.
      std::memcpy(tail_, joined, part);
      tail_size_ = part;
      *out = {};
      return true;
    }
    if (!(length != 0 ? text_.Append(joined, length) : text_.Append(kReplacement.data(), kReplacement.size())))
      return false;
    // What was in order of the tail is all of it, since it was looked at before.
    bytes.remove_prefix((length != 0 ? length : part) - tail_size_);
    tail_size_ = 0;
  }
  while (!bytes.empty()) {
    valid = ValidPrefix(bytes);
    if (!text_.Append(bytes.data(), valid)) return false;
    bytes.remove_prefix(valid);
    if (bytes.empty()) break;
    (void)Character(bytes, &part);
    const unsigned char lead = static_cast<unsigned char>(bytes[0]);
    if (!last && part == bytes.size() && lead >= 0xc2 && lead <= 0xf4) {
      tail_size_ = part;
      std::memcpy(tail_, bytes.data(), part);
      break;
    }
    if (!text_.Append(kReplacement.data(), kReplacement.size())) return false;
    bytes.remove_prefix(part);
  }
  *out = {text_.data(), text_.size()};
  return true;
}

}  // namespace skerry::html
