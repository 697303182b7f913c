// Each decoder is the standard's, byte by byte, with two differences in form. Where the standard gives bytes back to
// the queue, a decoder here asks for the same byte once more; where it gives back bytes that it took before, it notes
// that they are to be decoded first. So nothing is kept but a few bytes, which pack into one number.
#include "ops/legacy.h"

#include <algorithm>

#include "ops/encoding_tables.h"

namespace skerry {
namespace {

constexpr bool Within(uint8_t byte, uint8_t first, uint8_t last) { return byte >= first && byte <= last; }
constexpr bool IsAscii(uint8_t byte) { return byte < 0x80; }

class Output {
 public:
  Output(char16_t* to, bool fatal) : begin_(to), to_(to), fatal_(fatal) {}

  void Unit(char16_t unit) { *to_++ = unit; }
  void Point(char32_t point) {
    if (point <= 0xffff) return Unit(static_cast<char16_t>(point));
    Unit(static_cast<char16_t>(0xd7c0 + (point >> 10)));
    Unit(static_cast<char16_t>(0xdc00 + (point & 0x3ff)));
  }
  void Error() {
    if (fatal_) {
      failed_ = true;
    } else {
      Unit(0xfffd);
    }
  }

  bool failed() const { return failed_; }
  size_t written() const { return static_cast<size_t>(to_ - begin_); }

 private:
  char16_t* const begin_;
  char16_t* to_;
  const bool fatal_;
  bool failed_ = false;
};

// What a decoder did with a byte.
enum class Took { kByte, kNothing };

// An index entry, 0 if there is none.
template <size_t N>
char16_t Lookup(const char16_t (&index)[N], size_t pointer) {
  return pointer < N ? index[pointer] : 0;
}

// §10.2.1. GBK's decoder is the same.
class Gb18030 {
 public:
  explicit Gb18030(uint32_t state)
      : first_(static_cast<uint8_t>(state)),
        second_(static_cast<uint8_t>(state >> 8)),
        third_(second_ == 0 ? 0 : static_cast<uint8_t>(state >> 16)) {}
  uint32_t state() const { return first_ | uint32_t{second_} << 8 | uint32_t{third_} << 16; }

  Took Take(uint8_t byte, Output& out) {
    GiveBack(out);
    if (third_ != 0) {
      if (!Within(byte, '0', '9')) {
        first_ = 0;  // The second and third byte are decoded anew: see GiveBack.
        out.Error();
        return Took::kNothing;
      }
      const uint32_t pointer =
          ((first_ - 0x81u) * 10 + (second_ - 0x30u)) * 1260 + (third_ - 0x81u) * 10 + byte - 0x30u;
      first_ = second_ = third_ = 0;
      const char32_t point = RangesCodePoint(pointer);
      if (point == 0) {
        out.Error();
      } else {
        out.Point(point);
      }
      return Took::kByte;
    }
    if (second_ != 0) {
      if (Within(byte, 0x81, 0xfe)) {
        third_ = byte;
        return Took::kByte;
      }
      first_ = 0;
      out.Error();
      return Took::kNothing;
    }
    if (first_ != 0) {
      if (Within(byte, '0', '9')) {
        second_ = byte;
        return Took::kByte;
      }
      const uint32_t lead = first_ - 0x81u;
      first_ = 0;
      char16_t unit = 0;
      if (Within(byte, 0x40, 0x7e) || Within(byte, 0x80, 0xfe)) {
        unit = Lookup(kGb18030Index, lead * 190 + byte - (byte < 0x7f ? 0x40u : 0x41u));
      }
      if (unit != 0) {
        out.Unit(unit);
        return Took::kByte;
      }
      out.Error();
      return IsAscii(byte) ? Took::kNothing : Took::kByte;
    }
    if (IsAscii(byte)) {
      out.Unit(byte);
    } else if (byte == 0x80) {
      out.Unit(0x20ac);
    } else if (byte == 0xff) {
      out.Error();
    } else {
      first_ = byte;
    }
    return Took::kByte;
  }

  void End(Output& out) {
    GiveBack(out);
    if (first_ != 0) out.Error();
  }

 private:
  // Without a first byte, the second, a digit, stands for itself and the third is a first.
  void GiveBack(Output& out) {
    if (first_ != 0 || second_ == 0) return;
    out.Unit(second_);
    first_ = third_;
    second_ = third_ = 0;
  }

  // "Index gb18030 ranges code point". 0: none.
  static char32_t RangesCodePoint(uint32_t pointer) {
    if ((pointer > 39419 && pointer < 189000) || pointer > 1237575) return 0;
    if (pointer == 7457) return 0xe7c7;
    const Gb18030Range* after =
        std::upper_bound(kGb18030Ranges, kGb18030Ranges + kGb18030RangeCount, pointer,
                         [](uint32_t p, const Gb18030Range& range) { return p < range.pointer; });
    const Gb18030Range& range = after[-1];  // The first range has the pointer 0.
    return range.first + (pointer - range.pointer);
  }

  uint8_t first_, second_, third_;
};

// What encodings of two bytes have in common: a lead, and a trail that may have to be decoded as a byte of its own.
class TwoBytes {
 public:
  explicit TwoBytes(uint32_t state) : lead_(static_cast<uint8_t>(state)) {}
  uint32_t state() const { return lead_; }
  void End(Output& out) {
    if (lead_ != 0) out.Error();
    lead_ = 0;
  }

 protected:
  uint8_t TakeLead() {
    const uint8_t lead = lead_;
    lead_ = 0;
    return lead;
  }
  Took Found(char16_t unit, uint8_t trail, Output& out) {
    if (unit != 0) {
      out.Unit(unit);
      return Took::kByte;
    }
    out.Error();
    return IsAscii(trail) ? Took::kNothing : Took::kByte;
  }
  Took Single(uint8_t byte, bool is_lead, Output& out) {
    if (IsAscii(byte)) {
      out.Unit(byte);
    } else if (is_lead) {
      lead_ = byte;
    } else {
      out.Error();
    }
    return Took::kByte;
  }

  uint8_t lead_;
};

// §11.1.1
class Big5 : public TwoBytes {
 public:
  using TwoBytes::TwoBytes;

  Took Take(uint8_t byte, Output& out) {
    const uint8_t lead = TakeLead();
    if (lead == 0) return Single(byte, Within(byte, 0x81, 0xfe), out);
    if (!Within(byte, 0x40, 0x7e) && !Within(byte, 0xa1, 0xfe)) return Found(0, byte, out);
    const uint32_t pointer = (lead - 0x81u) * 157 + byte - (byte < 0x7f ? 0x40u : 0x62u);
    switch (pointer) {  // A letter with a combining character.
      case 1133:
        return Two(0xca, 0x304, out);
      case 1135:
        return Two(0xca, 0x30c, out);
      case 1164:
        return Two(0xea, 0x304, out);
      case 1166:
        return Two(0xea, 0x30c, out);
      default:
        break;
    }
    const char16_t unit = Lookup(kBig5Index, pointer);
    if (unit == 0 || (kBig5Plane2[pointer / 8] >> (pointer % 8) & 1) == 0) return Found(unit, byte, out);
    out.Point(0x20000u + unit);
    return Took::kByte;
  }

 private:
  static Took Two(char16_t letter, char16_t mark, Output& out) {
    out.Unit(letter);
    out.Unit(mark);
    return Took::kByte;
  }
};

// §12.1.1
class EucJp : public TwoBytes {
 public:
  explicit EucJp(uint32_t state) : TwoBytes(state), jis0212_((state >> 8 & 1) != 0) {}
  uint32_t state() const { return lead_ | uint32_t{jis0212_} << 8; }

  Took Take(uint8_t byte, Output& out) {
    const uint8_t lead = TakeLead();
    if (lead == 0x8e && Within(byte, 0xa1, 0xdf)) return Found(static_cast<char16_t>(0xff61 - 0xa1 + byte), byte, out);
    if (lead == 0x8f && Within(byte, 0xa1, 0xfe)) {
      jis0212_ = true;
      lead_ = byte;
      return Took::kByte;
    }
    if (lead == 0) return Single(byte, byte == 0x8e || byte == 0x8f || Within(byte, 0xa1, 0xfe), out);
    char16_t unit = 0;
    if (Within(lead, 0xa1, 0xfe) && Within(byte, 0xa1, 0xfe)) {
      const uint32_t pointer = (lead - 0xa1u) * 94 + byte - 0xa1u;
      unit = jis0212_ ? Lookup(kJis0212Index, pointer) : Lookup(kJis0208Index, pointer);
    }
    jis0212_ = false;
    return Found(unit, byte, out);
  }

 private:
  bool jis0212_;
};

// §12.3.1
class ShiftJis : public TwoBytes {
 public:
  using TwoBytes::TwoBytes;

  Took Take(uint8_t byte, Output& out) {
    const uint8_t lead = TakeLead();
    if (lead == 0) {
      if (byte == 0x80) return Found(0x80, byte, out);
      if (Within(byte, 0xa1, 0xdf)) return Found(static_cast<char16_t>(0xff61 - 0xa1 + byte), byte, out);
      return Single(byte, Within(byte, 0x81, 0x9f) || Within(byte, 0xe0, 0xfc), out);
    }
    char16_t unit = 0;
    if (Within(byte, 0x40, 0x7e) || Within(byte, 0x80, 0xfc)) {
      const uint32_t pointer = (lead - (lead < 0xa0 ? 0x81u : 0xc1u)) * 188 + byte - (byte < 0x7f ? 0x40u : 0x41u);
      unit = pointer >= 8836 && pointer <= 10715 ? static_cast<char16_t>(0xe000 - 8836 + pointer)
                                                 : Lookup(kJis0208Index, pointer);
    }
    return Found(unit, byte, out);
  }
};

// §13.1.1
class EucKr : public TwoBytes {
 public:
  using TwoBytes::TwoBytes;

  Took Take(uint8_t byte, Output& out) {
    const uint8_t lead = TakeLead();
    if (lead == 0) return Single(byte, Within(byte, 0x81, 0xfe), out);
    char16_t unit = 0;
    if (Within(byte, 0x41, 0xfe)) unit = Lookup(kEucKrIndex, (lead - 0x81u) * 190 + byte - 0x41u);
    return Found(unit, byte, out);
  }
};

// §12.2.1
class Iso2022Jp {
 public:
  explicit Iso2022Jp(uint32_t state)
      : state_(ModeOf(state & 7)),
        output_(SetOf(state >> 3 & 7)),
        flag_((state >> 6 & 1) != 0),
        give_back_((state >> 7 & 1) != 0),
        lead_(static_cast<uint8_t>(state >> 8)) {}
  uint32_t state() const {
    return static_cast<uint32_t>(state_) | static_cast<uint32_t>(output_) << 3 | uint32_t{flag_} << 6 |
           uint32_t{give_back_} << 7 | uint32_t{lead_} << 8;
  }

  Took Take(uint8_t byte, Output& out) {
    if (give_back_) {
      give_back_ = false;
      Decode(lead_, out);  // "$" or "(": one byte of any set, never an escape.
      if (out.failed()) return Took::kNothing;
    }
    return Decode(byte, out);
  }

  void End(Output& out) {
    if (give_back_) {
      give_back_ = false;
      Decode(lead_, out);
      if (out.failed()) return;
    }
    switch (state_) {
      case kTrail:
        state_ = kLead;
        out.Error();
        break;
      case kEscapeStart:
        state_ = output_;
        out.Error();
        break;
      case kEscape:
        state_ = output_;
        give_back_ = true;
        out.Error();
        if (!out.failed()) End(out);
        break;
      default:
        break;
    }
  }

 private:
  enum Mode : uint8_t { kAscii, kRoman, kKatakana, kLead, kTrail, kEscapeStart, kEscape };

  // Any number makes a mode: a state is only a number to whom it was given.
  static Mode ModeOf(uint32_t number) { return number <= kEscape ? static_cast<Mode>(number) : kAscii; }
  static Mode SetOf(uint32_t number) { return number <= kLead ? static_cast<Mode>(number) : kAscii; }

  Took Decode(uint8_t byte, Output& out) {
    switch (state_) {
      case kEscapeStart:
        return EscapeStart(byte, out);
      case kEscape:
        return Escape(byte, out);
      case kTrail:
        return Trail(byte, out);
      default:
        break;
    }
    if (byte == 0x1b) {
      state_ = kEscapeStart;
      return Took::kByte;
    }
    flag_ = false;
    if (state_ == kLead) {
      if (Within(byte, 0x21, 0x7e)) {
        lead_ = byte;
        state_ = kTrail;
      } else {
        out.Error();
      }
    } else if (state_ == kKatakana) {
      if (Within(byte, 0x21, 0x5f)) {
        out.Unit(static_cast<char16_t>(0xff61 - 0x21 + byte));
      } else {
        out.Error();
      }
    } else if (!IsAscii(byte) || byte == 0x0e || byte == 0x0f) {
      out.Error();
    } else if (state_ == kRoman && byte == 0x5c) {
      out.Unit(0xa5);
    } else if (state_ == kRoman && byte == 0x7e) {
      out.Unit(0x203e);
    } else {
      out.Unit(byte);
    }
    return Took::kByte;
  }

  Took Trail(uint8_t byte, Output& out) {
    if (byte == 0x1b) {
      state_ = kEscapeStart;
      out.Error();
      return Took::kByte;
    }
    state_ = kLead;
    char16_t unit = 0;
    if (Within(byte, 0x21, 0x7e)) unit = Lookup(kJis0208Index, (lead_ - 0x21u) * 94 + byte - 0x21u);
    if (unit == 0) {
      out.Error();
    } else {
      out.Unit(unit);
    }
    return Took::kByte;
  }

  Took EscapeStart(uint8_t byte, Output& out) {
    if (byte == 0x24 || byte == 0x28) {
      lead_ = byte;
      state_ = kEscape;
      return Took::kByte;
    }
    flag_ = false;
    state_ = output_;
    out.Error();
    return Took::kNothing;
  }

  Took Escape(uint8_t byte, Output& out) {
    Mode set;
    if (lead_ == 0x28 && byte == 0x42) {
      set = kAscii;
    } else if (lead_ == 0x28 && byte == 0x4a) {
      set = kRoman;
    } else if (lead_ == 0x28 && byte == 0x49) {
      set = kKatakana;
    } else if (lead_ == 0x24 && (byte == 0x40 || byte == 0x42)) {
      set = kLead;
    } else {
      flag_ = false;
      state_ = output_;
      give_back_ = true;
      out.Error();
      return Took::kNothing;
    }
    state_ = output_ = set;
    const bool twice = flag_;
    flag_ = true;
    if (twice) out.Error();
    return Took::kByte;
  }

  Mode state_;
  Mode output_;     // "iso-2022-jp decoder output state"
  bool flag_;       // "iso-2022-jp output": an escape sequence was the last thing
  bool give_back_;  // lead_ is to be decoded anew
  uint8_t lead_;
};

// §9.1. Bytes without a code point are U+FFFD in the index already.
Decoded DecodeSingleByte(const char16_t* index, std::span<const uint8_t> in, bool fatal, char16_t* out) {
  char16_t units[256];
  for (size_t i = 0; i < 128; i++) units[i] = static_cast<char16_t>(i);
  std::copy(index, index + 128, units + 128);
  bool errors = false;
  for (size_t i = 0; i < in.size(); i++) {
    out[i] = units[in[i]];
    errors |= out[i] == 0xfffd;
  }
  if (!errors || !fatal) return {in.size(), in.size(), false};
  const size_t at = static_cast<size_t>(std::find(out, out + in.size(), 0xfffd) - out);
  return {at + 1, at, true};
}

// §14.5.1
class XUserDefined {
 public:
  uint32_t state() const { return 0; }
  Took Take(uint8_t byte, Output& out) {
    out.Unit(IsAscii(byte) ? byte : static_cast<char16_t>(0xf780 + byte - 0x80));
    return Took::kByte;
  }
  void End(Output&) {}
};

template <typename Decoder>
Decoded Run(Decoder decoder, uint32_t* state, std::span<const uint8_t> in, bool more, bool fatal, char16_t* to) {
  Output out(to, fatal);
  size_t i = 0;
  while (i < in.size() && !out.failed()) {
    if (decoder.Take(in[i], out) == Took::kByte) i++;
  }
  if (!more && !out.failed()) decoder.End(out);
  *state = decoder.state();
  return {i, out.written(), out.failed()};
}

}  // namespace

bool IsLegacy(Encoding encoding) {
  switch (encoding) {
    case Encoding::kUtf8:
    case Encoding::kReplacement:
    case Encoding::kUtf16Be:
    case Encoding::kUtf16Le:
      return false;
    default:
      return encoding < Encoding::kCount;
  }
}

bool KeepsAscii(Encoding encoding) { return IsLegacy(encoding) && encoding != Encoding::kIso2022Jp; }

Decoded DecodeLegacy(Encoding encoding, uint32_t* state, std::span<const uint8_t> in, bool more, bool fatal,
                     char16_t* out) {
  switch (encoding) {
    case Encoding::kGbk:
    case Encoding::kGb18030:
      return Run(Gb18030(*state), state, in, more, fatal, out);
    case Encoding::kBig5:
      return Run(Big5(*state), state, in, more, fatal, out);
    case Encoding::kEucJp:
      return Run(EucJp(*state), state, in, more, fatal, out);
    case Encoding::kIso2022Jp:
      return Run(Iso2022Jp(*state), state, in, more, fatal, out);
    case Encoding::kShiftJis:
      return Run(ShiftJis(*state), state, in, more, fatal, out);
    case Encoding::kEucKr:
      return Run(EucKr(*state), state, in, more, fatal, out);
    case Encoding::kXUserDefined:
      return Run(XUserDefined(), state, in, more, fatal, out);
    default:
      break;
  }
  if (!IsLegacy(encoding)) return {0, 0, true};
  const size_t index = static_cast<size_t>(encoding) - static_cast<size_t>(Encoding::kIbm866);
  *state = 0;
  return DecodeSingleByte(kSingleByteIndexes[index], in, fatal, out);
}

}  // namespace skerry
