// The indexes of the Encoding Standard (https://encoding.spec.whatwg.org/#indexes), by pointer. host/tables writes them
// when the host is built. Constants of the process: an isolate pays nothing for them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skerry {

// Bytes 0x80 to 0xff of the single-byte encodings, in the order of Encoding (legacy.h). U+FFFD: no code point.
extern const char16_t kSingleByteIndexes[28][128];

// 0: no code point.
inline constexpr size_t kGb18030IndexSize = 23940;
inline constexpr size_t kJis0208IndexSize = 11280;
inline constexpr size_t kJis0212IndexSize = 8836;
inline constexpr size_t kEucKrIndexSize = 23940;
inline constexpr size_t kBig5IndexSize = 19782;
extern const char16_t kGb18030Index[kGb18030IndexSize];
extern const char16_t kJis0208Index[kJis0208IndexSize];
extern const char16_t kJis0212Index[kJis0212IndexSize];
extern const char16_t kEucKrIndex[kEucKrIndexSize];
extern const char16_t kBig5Index[kBig5IndexSize];
// A bit for each pointer of Big5: its code point is in plane 2, and the index has the low 16 bits of it.
extern const uint8_t kBig5Plane2[(kBig5IndexSize + 7) / 8];

// Where a run of consecutive code points begins, ascending.
struct Gb18030Range {
  uint32_t pointer;
  char32_t first;
};
inline constexpr size_t kGb18030RangeCount = 207;
extern const Gb18030Range kGb18030Ranges[kGb18030RangeCount];

}  // namespace skerry
