// Decoders of the Encoding Standard's legacy encodings (https://encoding.spec.whatwg.org/#legacy-single-byte-encodings
// and the sections after it). No V8, no allocation: bytes in, UTF-16 out, and a state of one number between two calls.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace skerry {

// The order of the standard's table of names and labels, which runtime/web/encoding-labels.ts has as well.
enum class Encoding : uint8_t {
  kUtf8,
  kIbm866,
  kIso8859_2,
  kIso8859_3,
  kIso8859_4,
  kIso8859_5,
  kIso8859_6,
  kIso8859_7,
  kIso8859_8,
  kIso8859_8I,
  kIso8859_10,
  kIso8859_13,
  kIso8859_14,
  kIso8859_15,
  kIso8859_16,
  kKoi8R,
  kKoi8U,
  kMacintosh,
  kWindows874,
  kWindows1250,
  kWindows1251,
  kWindows1252,
  kWindows1253,
  kWindows1254,
  kWindows1255,
  kWindows1256,
  kWindows1257,
  kWindows1258,
  kXMacCyrillic,
  kGbk,
  kGb18030,
  kBig5,
  kEucJp,
  kIso2022Jp,
  kShiftJis,
  kEucKr,
  kReplacement,
  kUtf16Be,
  kUtf16Le,
  kXUserDefined,
  kCount,
};

// Whether DecodeLegacy knows it: all but UTF-8, UTF-16 and replacement.
bool IsLegacy(Encoding encoding);
// Whether a text of ASCII alone is itself in the encoding, when the state is 0.
bool KeepsAscii(Encoding encoding);

struct Decoded {
  size_t read;     // Bytes taken. All, unless there was an error.
  size_t written;  // UTF-16 units.
  bool error;      // Only with fatal: the rest is the caller's, and the state that for going on.
};

// Units that DecodeLegacy may write for so many bytes: bytes of calls before come out at last, and the end may be an
// error.
constexpr size_t LegacyCapacity(size_t bytes) { return bytes + 6; }

// state is 0 at the start of a stream and goes from call to call; any value is safe. more: the stream goes on, else its
// end is decoded too and the state has no further meaning. fatal: stops at the first error, which is U+FFFD otherwise.
// out has room for LegacyCapacity(in.size()).
Decoded DecodeLegacy(Encoding encoding, uint32_t* state, std::span<const uint8_t> in, bool more, bool fatal,
                     char16_t* out);

}  // namespace skerry
