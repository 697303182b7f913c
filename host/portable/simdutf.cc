// What host/ops/simdutf.h declares, for Node binaries that have simdutf but do not export it (26.9 and before). Plain
// loops: right, and some ten times slower than what it stands for. The Makefile links it only where the binary leaves
// the addon without.
#include "ops/simdutf.h"

#include <bit>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "UTF-16LE is the machine's order");

namespace simdutf {
namespace {

// One code point of UTF-8 from data[at] on, as the Encoding Standard takes it: no overlong form, no surrogate, nothing
// beyond U+10FFFF. at is moved behind it. False, with at unmoved, if there is none.
bool Next8(const char* data, size_t size, size_t* at, uint32_t* point) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(data[i]); };
  const unsigned char first = byte(*at);
  if (first < 0x80) {
    *point = first;
    *at += 1;
    return true;
  }
  size_t more = 0;
  uint32_t least = 0, value = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    more = 1, least = 0x80, value = first & 0x1f;
  } else if (first >= 0xe0 && first <= 0xef) {
    more = 2, least = 0x800, value = first & 0x0f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    more = 3, least = 0x10000, value = first & 0x07;
  } else {
    return false;
  }
  if (size - *at <= more) return false;
  for (size_t i = 1; i <= more; i++) {
    const unsigned char next = byte(*at + i);
    if ((next & 0xc0) != 0x80) return false;
    value = value << 6 | (next & 0x3f);
  }
  if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return false;
  *point = value;
  *at += more + 1;
  return true;
}

bool IsHigh(char16_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool IsLow(char16_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

// The same of UTF-16.
bool Next16(const char16_t* data, size_t units, size_t* at, uint32_t* point) {
  const char16_t first = data[*at];
  if (IsLow(first)) return false;
  if (!IsHigh(first)) {
    *point = first;
    *at += 1;
    return true;
  }
  if (*at + 1 == units || !IsLow(data[*at + 1])) return false;
  *point = 0x10000 + ((static_cast<uint32_t>(first) - 0xd800) << 10) + (data[*at + 1] - 0xdc00);
  *at += 2;
  return true;
}

size_t Write8(uint32_t point, char* out) {
  if (point < 0x80) {
    out[0] = static_cast<char>(point);
    return 1;
  }
  if (point < 0x800) {
    out[0] = static_cast<char>(0xc0 | point >> 6);
    out[1] = static_cast<char>(0x80 | (point & 0x3f));
    return 2;
  }
  if (point < 0x10000) {
    out[0] = static_cast<char>(0xe0 | point >> 12);
    out[1] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out[2] = static_cast<char>(0x80 | (point & 0x3f));
    return 3;
  }
  out[0] = static_cast<char>(0xf0 | point >> 18);
  out[1] = static_cast<char>(0x80 | (point >> 12 & 0x3f));
  out[2] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
  out[3] = static_cast<char>(0x80 | (point & 0x3f));
  return 4;
}

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr auto kBad = static_cast<error_code>(1);

// The value of a base64 digit, -1 for ASCII whitespace, -2 for all else.
int Digit(uint32_t unit) {
  if (unit == ' ' || unit == '\t' || unit == '\n' || unit == '\f' || unit == '\r') return -1;
  if (unit == 0 || unit > 0x7f) return -2;
  const char* at = strchr(kBase64, static_cast<int>(unit));
  return at == nullptr ? -2 : static_cast<int>(at - kBase64);
}

template <typename Unit>
result Decode64(const Unit* data, size_t size, char* out) {
  const auto unit = [&](size_t i) { return static_cast<uint32_t>(static_cast<std::make_unsigned_t<Unit>>(data[i])); };
  size_t digits = 0, written = 0, padding = 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < size; i++) {
    if (unit(i) == '=') {
      if (++padding > 2) return {kBad, i};
      continue;
    }
    const int digit = Digit(unit(i));
    if (digit == -1) continue;
    if (digit < 0 || padding > 0) return {kBad, i};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (++digits % 4 == 0) {
      out[written++] = static_cast<char>(bits >> 16);
      out[written++] = static_cast<char>(bits >> 8);
      out[written++] = static_cast<char>(bits);
    }
  }
  const size_t rest = digits % 4;
  if (rest == 1 || (padding > 0 && rest + padding != 4)) return {kBad, size};
  if (rest == 2) out[written++] = static_cast<char>(bits >> 4);
  if (rest == 3) {
    out[written++] = static_cast<char>(bits >> 10);
    out[written++] = static_cast<char>(bits >> 2);
  }
  return {SUCCESS, written};
}

}  // namespace

result validate_ascii_with_errors(const char* data, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (static_cast<unsigned char>(data[i]) > 0x7f) return {kBad, i};
  }
  return {SUCCESS, size};
}

bool validate_ascii(const char* data, size_t size) { return validate_ascii_with_errors(data, size).error == SUCCESS; }

result validate_utf8_with_errors(const char* data, size_t size) {
  uint32_t point;
  for (size_t at = 0; at < size;) {
    if (!Next8(data, size, &at, &point)) return {kBad, at};
  }
  return {SUCCESS, size};
}

result validate_utf16le_with_errors(const char16_t* data, size_t units) {
  uint32_t point;
  for (size_t at = 0; at < units;) {
    if (!Next16(data, units, &at, &point)) return {kBad, at};
  }
  return {SUCCESS, units};
}

bool validate_utf16le(const char16_t* data, size_t units) {
  return validate_utf16le_with_errors(data, units).error == SUCCESS;
}

size_t utf8_length_from_latin1(const char* data, size_t size) {
  size_t length = size;
  for (size_t i = 0; i < size; i++) length += static_cast<unsigned char>(data[i]) >> 7;
  return length;
}

size_t utf8_length_from_utf16le(const char16_t* data, size_t units) {
  size_t length = 0;
  for (size_t i = 0; i < units; i++) {
    // Of a pair each half counts two.
    length += data[i] < 0x80 ? 1 : data[i] < 0x800 || IsHigh(data[i]) || IsLow(data[i]) ? 2 : 3;
  }
  return length;
}

size_t convert_latin1_to_utf8(const char* data, size_t size, char* out) {
  size_t written = 0;
  for (size_t i = 0; i < size; i++) written += Write8(static_cast<unsigned char>(data[i]), out + written);
  return written;
}

size_t convert_utf16le_to_utf8(const char16_t* data, size_t units, char* out) {
  size_t written = 0;
  uint32_t point;
  for (size_t at = 0; at < units;) {
    if (!Next16(data, units, &at, &point)) return 0;
    written += Write8(point, out + written);
  }
  return written;
}

size_t convert_utf16le_to_latin1(const char16_t* data, size_t units, char* out) {
  for (size_t i = 0; i < units; i++) {
    if (data[i] > 0xff) return 0;
    out[i] = static_cast<char>(data[i]);
  }
  return units;
}

size_t convert_utf8_to_latin1(const char* data, size_t size, char* out) {
  size_t written = 0;
  uint32_t point;
  for (size_t at = 0; at < size;) {
    if (!Next8(data, size, &at, &point) || point > 0xff) return 0;
    out[written++] = static_cast<char>(point);
  }
  return written;
}

size_t convert_utf8_to_utf16le(const char* data, size_t size, char16_t* out) {
  size_t written = 0;
  uint32_t point;
  for (size_t at = 0; at < size;) {
    if (!Next8(data, size, &at, &point)) return 0;
    if (point >= 0x10000) {
      out[written++] = static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10));
      point = 0xdc00 + ((point - 0x10000) & 0x3ff);
    }
    out[written++] = static_cast<char16_t>(point);
  }
  return written;
}

void to_well_formed_utf16le(const char16_t* data, size_t units, char16_t* out) {
  for (size_t i = 0; i < units; i++) {
    if (IsHigh(data[i]) && i + 1 < units && IsLow(data[i + 1])) {
      out[i] = data[i];
      i++;
      out[i] = data[i];
    } else {
      out[i] = IsHigh(data[i]) || IsLow(data[i]) ? u'\ufffd' : data[i];
    }
  }
}

void change_endianness_utf16(const char16_t* data, size_t units, char16_t* out) {
  for (size_t i = 0; i < units; i++) out[i] = static_cast<char16_t>(data[i] << 8 | data[i] >> 8);
}

size_t base64_length_from_binary(size_t size, base64_options) { return (size + 2) / 3 * 4; }

size_t binary_to_base64(const char* data, size_t size, char* out, base64_options) {
  size_t written = 0;
  for (size_t i = 0; i < size; i += 3) {
    const auto byte = [&](size_t n) { return i + n < size ? static_cast<unsigned char>(data[i + n]) : 0u; };
    const uint32_t bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    out[written++] = kBase64[bits >> 18];
    out[written++] = kBase64[bits >> 12 & 0x3f];
    out[written++] = i + 1 < size ? kBase64[bits >> 6 & 0x3f] : '=';
    out[written++] = i + 2 < size ? kBase64[bits & 0x3f] : '=';
  }
  return written;
}

size_t maximal_binary_length_from_base64(const char*, size_t size) { return size / 4 * 3 + 3; }
size_t maximal_binary_length_from_base64(const char16_t*, size_t units) { return units / 4 * 3 + 3; }

result base64_to_binary(const char* data, size_t size, char* out, base64_options, last_chunk_handling_options) {
  return Decode64(data, size, out);
}

result base64_to_binary(const char16_t* data, size_t units, char* out, base64_options, last_chunk_handling_options) {
  return Decode64(data, units, out);
}

}  // namespace simdutf
