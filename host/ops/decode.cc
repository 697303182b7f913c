// decodeText: the decoders of the Encoding Standard (https://encoding.spec.whatwg.org/#interface-textdecoder).
// Contract: runtime/bootstrap/native.ts, "text". UTF-8 and UTF-16 are here, on simdutf; the legacy encodings are in
// legacy.cc.
#include <cstring>

#include "args.h"
#include "legacy.h"
#include "op.h"
#include "simdutf.h"
#include "text.h"

namespace skerry {
namespace {

using v8::Array;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::MaybeLocal;
using v8::String;
using v8::Value;

// Flags of decodeText.
constexpr uint32_t kMore = 1;
constexpr uint32_t kFatal = 2;
constexpr uint32_t kKeepBom = 4;

constexpr size_t kStackUnits = 2048;
constexpr size_t kStackBytes = 4096;

// What is known between two calls about a stream of UTF-8 or UTF-16: bytes that are the beginning of a character, and
// whether something came before them. Packed into the number that the runtime layer keeps.
struct Carried {
  static constexpr size_t kMax = 3;
  static constexpr uint32_t kStarted = 0x80000000;

  explicit Carried(uint32_t state)
      : bytes{static_cast<uint8_t>(state), static_cast<uint8_t>(state >> 8), static_cast<uint8_t>(state >> 16)},
        size(state >> 24 & 3),
        started((state & kStarted) != 0) {}
  void Keep(const char* data, size_t count) {
    size = count;
    std::memcpy(bytes, data, count);
  }
  uint32_t Pack() const {
    uint32_t state = static_cast<uint32_t>(size) << 24 | (started ? kStarted : 0);
    for (size_t i = 0; i < size; i++) state |= uint32_t{bytes[i]} << (8 * i);
    return state;
  }

  uint8_t bytes[kMax];
  size_t size;
  bool started;
};

struct Call {
  const Args& info;
  bool more;
  bool fatal;
  bool keep_bom;

  Isolate* isolate() const { return info.GetIsolate(); }

  void Text(MaybeLocal<String> made, uint32_t state) const {
    Local<String> text;
    if (!made.ToLocal(&text)) return;
    if (!more) return info.GetReturnValue().Set(text);
    Local<Value> result[] = {text, Integer::NewFromUnsigned(isolate(), state)};
    info.GetReturnValue().Set(Array::New(isolate(), result, 2));
  }
  // The bytes are not valid: taken of them were decoded, with the error as the last thing.
  void Error(uint32_t state, size_t taken) const {
    if (!more) return;
    Local<Value> result[] = {Undefined(isolate()), Integer::NewFromUnsigned(isolate(), state),
                             v8::Number::New(isolate(), static_cast<double>(taken))};
    info.GetReturnValue().Set(Array::New(isolate(), result, 3));
  }
  // The same for a stream with carried bytes, whose error ends at `end` of carried bytes and input together.
  void Error(Carried carried, const char* joined, size_t end) const {
    const size_t held = carried.size;
    carried.started = true;
    carried.Keep(joined + end, end < held ? held - end : 0);
    Error(carried.Pack(), end > held ? end - held : 0);
  }
};

constexpr bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// Bytes from data on that are the beginning of one well-formed character without being all of it. size is less than
// that character's.
size_t PrefixOfCharacter(const char* data, size_t size) {
  const uint8_t lead = static_cast<uint8_t>(data[0]);
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (size < 2) return 1;
  const uint8_t second = static_cast<uint8_t>(data[1]);
  const uint8_t lower = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t upper = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < lower || second > upper) return 1;
  const size_t needed = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  size_t count = 2;
  while (count < size && count < needed && IsContinuation(data[count])) count++;
  return count;
}

size_t LengthOfCharacter(uint8_t lead) { return lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4; }

// Bytes at the end of data that a next byte may still complete.
size_t IncompleteTail(const char* data, size_t size) {
  for (size_t back = 1; back <= Carried::kMax && back <= size; back++) {
    const char c = data[size - back];
    if (IsContinuation(c)) continue;
    if (back >= LengthOfCharacter(static_cast<uint8_t>(c))) return 0;
    return PrefixOfCharacter(data + size - back, back) == back ? back : 0;
  }
  return 0;
}

void DecodeUtf8Stream(const Call& call, Carried carried, const char* data, size_t size) {
  const char* const begin = data;
  const size_t tail = call.more ? IncompleteTail(data, size) : 0;
  size -= tail;
  if (!carried.started && !call.keep_bom && size >= 3 && std::memcmp(data, "\xef\xbb\xbf", 3) == 0) {
    data += 3;
    size -= 3;
    carried.started = true;
  }
  bool valid = true;
  MaybeLocal<String> text =
      call.fatal ? DecodeValidUtf8(call.isolate(), data, size, &valid) : DecodeUtf8(call.isolate(), data, size);
  if (!valid) {
    if (!call.more) return;
    const size_t at = simdutf::validate_utf8_with_errors(data, size).count;
    const size_t subpart = PrefixOfCharacter(data + at, size - at);
    return call.Error(carried, begin, static_cast<size_t>(data - begin) + at + (subpart == 0 ? 1 : subpart));
  }
  if (size != 0) carried.started = true;
  carried.Keep(data + size, tail);
  call.Text(text, carried.Pack());
}

constexpr bool IsHighSurrogate(char16_t unit) { return (unit & 0xfc00) == 0xd800; }

void DecodeUtf16Stream(const Call& call, Carried carried, const char* data, size_t size, bool big_endian) {
  Isolate* isolate = call.isolate();
  size_t count = size / 2;
  Scratch<char16_t, kStackUnits> units(count + 1);
  if (!units) return ThrowOutOfMemory(isolate);
  std::memcpy(units.data(), data, count * 2);  // The bytes need not be aligned.
  if (big_endian) simdutf::change_endianness_utf16(units.data(), count, units.data());
  if (call.more && count != 0 && IsHighSurrogate(units.data()[count - 1])) count--;  // The other half may follow.
  const size_t tail = size - count * 2;
  const bool odd = !call.more && tail != 0;
  if (odd && call.fatal) return;

  size_t from = 0;
  if (!carried.started && !call.keep_bom && count != 0 && units.data()[0] == 0xfeff) from = 1;
  simdutf::result checked = simdutf::validate_utf16le_with_errors(units.data(), count);
  if (checked.error != simdutf::SUCCESS) {
    if (call.fatal) return call.Error(carried, data, (checked.count + 1) * 2);
    simdutf::to_well_formed_utf16le(units.data(), count, units.data());
  }
  if (odd) units.data()[count] = 0xfffd;
  if (count != 0) carried.started = true;
  if (call.more) carried.Keep(data + count * 2, tail);
  call.Text(DecodeUnits(isolate, units.data() + from, count - from + (odd ? 1 : 0)), carried.Pack());
}

void DecodeUnicode(const Call& call, Encoding encoding, uint32_t state, const Bytes& bytes) {
  Carried carried(state);
  const size_t size = carried.size + bytes.size();
  Scratch<char, kStackBytes> joined(carried.size == 0 ? 0 : size);
  const char* data = bytes.data();
  if (carried.size != 0) {
    if (!joined) return ThrowOutOfMemory(call.isolate());
    std::memcpy(joined.data(), carried.bytes, carried.size);
    std::memcpy(joined.data() + carried.size, bytes.data(), bytes.size());
    data = joined.data();
  }
  if (encoding == Encoding::kUtf8) return DecodeUtf8Stream(call, carried, data, size);
  DecodeUtf16Stream(call, carried, data, size, encoding == Encoding::kUtf16Be);
}

// Whether there are bytes from 0x80 to 0x9f: in all others windows-1252 is Latin-1.
bool HasC1(const char* data, size_t size) {
  bool found = false;
  for (size_t i = 0; i < size; i++) found |= (static_cast<uint8_t>(data[i]) & 0xe0) == 0x80;
  return found;
}

void DecodeLegacyBytes(const Call& call, Encoding encoding, uint32_t state, const Bytes& bytes) {
  Isolate* isolate = call.isolate();
  if (state == 0 && KeepsAscii(encoding) && simdutf::validate_ascii(bytes.data(), bytes.size()))
    return call.Text(DecodeLatin1(isolate, bytes.data(), bytes.size()), 0);
  if (encoding == Encoding::kWindows1252 && !HasC1(bytes.data(), bytes.size()))
    return call.Text(DecodeLatin1(isolate, bytes.data(), bytes.size()), 0);
  Scratch<char16_t, kStackUnits> units(LegacyCapacity(bytes.size()));
  if (!units) return ThrowOutOfMemory(isolate);
  const Decoded done = DecodeLegacy(encoding, &state, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                                    call.more, call.fatal, units.data());
  if (done.error) return call.Error(state, done.read);
  call.Text(DecodeUnits(isolate, units.data(), done.written), state);
}

// decodeText(encoding, bytes, state, flags)
void DecodeTextOp(const Args& info) {
  static constexpr char kOp[] = "decodeText";
  Isolate* isolate = info.GetIsolate();
  for (int i : {0, 2, 3})
    if (!info[i]->IsUint32()) return ThrowBadArgument(isolate, kOp, i, "a uint32");
  const uint32_t number = info[0].As<v8::Uint32>()->Value();
  const uint32_t state = info[2].As<v8::Uint32>()->Value();
  const uint32_t flags = info[3].As<v8::Uint32>()->Value();
  const Encoding encoding = static_cast<Encoding>(number);
  if (number >= static_cast<uint32_t>(Encoding::kCount) || encoding == Encoding::kReplacement)
    return ThrowBadArgument(isolate, kOp, 0, "an encoding");
  Bytes bytes;
  if (!bytes.Init(info, 1, kOp)) return;
  const Call call{info, (flags & kMore) != 0, (flags & kFatal) != 0, (flags & kKeepBom) != 0};
  if (IsLegacy(encoding)) return DecodeLegacyBytes(call, encoding, state, bytes);
  DecodeUnicode(call, encoding, state, bytes);
}

constexpr Op kOps[] = {{"decodeText", DecodeTextOp, 4}};

}  // namespace

std::span<const Op> DecodeOps() { return kOps; }

}  // namespace skerry
