// Text operations: encodings and base64. Contract: runtime/bootstrap/native.ts, "text".
//
// A String::ValueView forbids garbage collection while it lives, so no V8 object is made in its scope: results go to
// scratch memory first.
#include "text.h"

#include <cstring>

#include "args.h"
#include "op.h"
#include "simdutf.h"

namespace skerry {
namespace {

using v8::Array;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::MaybeLocal;
using v8::NewStringType;
using v8::String;
using v8::Uint8Array;
using v8::Value;

constexpr size_t kStackBytes = 4096;  // Results up to this size are built on the stack.

const char* Chars8(const String::ValueView& view) { return reinterpret_cast<const char*>(view.data8()); }
const char16_t* Chars16(const String::ValueView& view) { return reinterpret_cast<const char16_t*>(view.data16()); }

MaybeLocal<String> Checked(Isolate* isolate, MaybeLocal<String> made) {
  if (made.IsEmpty()) ThrowRangeError(isolate, "Invalid string length");
  return made;
}

MaybeLocal<String> TooLong(Isolate* isolate) { return Checked(isolate, MaybeLocal<String>()); }

MaybeLocal<String> DecodeUtf16(Isolate* isolate, const char16_t* data, size_t units) {
  if (units == 0) return String::Empty(isolate);
  if (units > static_cast<size_t>(String::kMaxLength)) return TooLong(isolate);
  return Checked(isolate, String::NewFromTwoByte(isolate, reinterpret_cast<const uint16_t*>(data),
                                                 NewStringType::kNormal, static_cast<int>(units)));
}

void Return(const Args& info, MaybeLocal<String> text) {
  Local<String> value;
  if (text.ToLocal(&value)) info.GetReturnValue().Set(value);
}

void Utf8EncodeOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "utf8Encode", &text)) return;
  char* data;
  Local<Uint8Array> bytes;
  size_t capacity = Utf8Capacity(text);
  if (capacity <= kStackBytes) {
    char local[kStackBytes];
    size_t size = EncodeUtf8(isolate, text, local);
    if (!NewBytes(isolate, size, &data).ToLocal(&bytes)) return;
    if (size != 0) std::memcpy(data, local, size);
  } else {
    const size_t size = Utf8Length(isolate, text);
    if (!NewBytes(isolate, size, &data).ToLocal(&bytes)) return;
    if (size == static_cast<size_t>(text->Length())) {  // ASCII
      text->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(size), reinterpret_cast<uint8_t*>(data));
    } else {
      EncodeUtf8(isolate, text, data);
    }
  }
  info.GetReturnValue().Set(bytes);
}

struct ReadWritten {
  size_t read;
  size_t written;
};

ReadWritten EncodeUtf8Into(Isolate* isolate, Local<String> text, char* out, size_t capacity) {
  {
    String::ValueView view(isolate, text);
    size_t units = view.length();
    if (view.is_one_byte()) {
      const char* chars = Chars8(view);
      if (units * 2 <= capacity) return {units, units == 0 ? 0 : simdutf::convert_latin1_to_utf8(chars, units, out)};
      size_t fit = units < capacity ? units : capacity;
      simdutf::result ascii = simdutf::validate_ascii_with_errors(chars, fit);
      if (ascii.error == simdutf::SUCCESS) {
        if (fit != 0) std::memcpy(out, chars, fit);
        return {fit, fit};
      }
    } else if (units * 3 <= capacity) {
      size_t written = simdutf::convert_utf16le_to_utf8(Chars16(view), units, out);
      if (written != 0) return {units, written};
    }
  }
  size_t read = 0;
  size_t written = text->WriteUtf8V2(isolate, out, capacity, String::WriteFlags::kReplaceInvalidUtf8, &read);
  return {read, written};
}

void Utf8EncodeIntoOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "utf8EncodeInto", &text)) return;
  if (!info[1]->IsUint8Array()) return ThrowBadArgument(isolate, "utf8EncodeInto", 1, "a Uint8Array");
  Local<Uint8Array> into = info[1].As<Uint8Array>();
  size_t capacity = into->ByteLength();
  ReadWritten done{0, 0};
  if (capacity != 0) {
    char* out = static_cast<char*>(into->Buffer()->Data()) + into->ByteOffset();
    done = EncodeUtf8Into(isolate, text, out, capacity);
  }
  Local<Value> pair[] = {Integer::NewFromUnsigned(isolate, static_cast<uint32_t>(done.read)),
                         Integer::NewFromUnsigned(isolate, static_cast<uint32_t>(done.written))};
  info.GetReturnValue().Set(Array::New(isolate, pair, 2));
}

void Utf8LengthOp(const Args& info) {
  Local<String> text;
  if (!StringArg(info, 0, "utf8Length", &text)) return;
  info.GetReturnValue().Set(static_cast<uint32_t>(Utf8Length(info.GetIsolate(), text)));
}

void Utf8DecodeOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Bytes bytes;
  if (!bytes.Init(info, 0, "utf8Decode")) return;
  if (!info[1]->IsTrue()) return Return(info, DecodeUtf8(isolate, bytes.data(), bytes.size()));
  bool valid;
  MaybeLocal<String> text = DecodeValidUtf8(isolate, bytes.data(), bytes.size(), &valid);
  if (valid) Return(info, text);
}

void Latin1DecodeOp(const Args& info) {
  Bytes bytes;
  if (!bytes.Init(info, 0, "latin1Decode")) return;
  Return(info, DecodeLatin1(info.GetIsolate(), bytes.data(), bytes.size()));
}

void Latin1EncodeOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "latin1Encode", &text)) return;
  char* data;
  Local<Uint8Array> bytes;
  size_t size = static_cast<size_t>(text->Length());
  if (!NewBytes(isolate, size, &data).ToLocal(&bytes)) return;
  if (size != 0) text->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(size), reinterpret_cast<uint8_t*>(data));
  info.GetReturnValue().Set(bytes);
}

void IsLatin1Op(const Args& info) {
  Local<String> text;
  if (!StringArg(info, 0, "isLatin1", &text)) return;
  info.GetReturnValue().Set(text->ContainsOnlyOneByte());
}

void AtobOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "atob", &text)) return;
  Scratch<char, kStackBytes> out(static_cast<size_t>(text->Length()) / 4 * 3 + 3);
  if (!out) return ThrowOutOfMemory(isolate);
  simdutf::result decoded;
  {
    String::ValueView view(isolate, text);
    decoded = view.is_one_byte() ? simdutf::base64_to_binary(Chars8(view), view.length(), out.data(),
                                                             simdutf::base64_default, simdutf::loose)
                                 : simdutf::base64_to_binary(Chars16(view), view.length(), out.data(),
                                                             simdutf::base64_default, simdutf::loose);
  }
  if (decoded.error == simdutf::SUCCESS) Return(info, DecodeLatin1(isolate, out.data(), decoded.count));
}

void BtoaOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "btoa", &text)) return;
  size_t size = static_cast<size_t>(text->Length());
  size_t encoded = simdutf::base64_length_from_binary(size, simdutf::base64_default);
  Scratch<char, kStackBytes> out(encoded);
  if (!out) return ThrowOutOfMemory(isolate);
  {
    String::ValueView view(isolate, text);
    if (view.is_one_byte()) {
      simdutf::binary_to_base64(Chars8(view), size, out.data(), simdutf::base64_default);
    } else {
      Scratch<char, kStackBytes> narrow(size);
      if (!narrow) return ThrowOutOfMemory(isolate);
      if (simdutf::convert_utf16le_to_latin1(Chars16(view), size, narrow.data()) != size) return;
      simdutf::binary_to_base64(narrow.data(), size, out.data(), simdutf::base64_default);
    }
  }
  Return(info, DecodeLatin1(isolate, out.data(), encoded));
}

void ToUSVStringOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "toUSVString", &text)) return;
  info.GetReturnValue().Set(text);
  if (text->IsOneByte()) return;
  size_t count = static_cast<size_t>(text->Length());
  Scratch<char16_t, kStackBytes / 2> units(count);
  if (!units) return ThrowOutOfMemory(isolate);
  {
    String::ValueView view(isolate, text);
    if (view.is_one_byte() || simdutf::validate_utf16le(Chars16(view), count)) return;
    simdutf::to_well_formed_utf16le(Chars16(view), count, units.data());
  }
  Return(info, DecodeUtf16(isolate, units.data(), count));
}

constexpr Op kOps[] = {
    {"utf8Encode", Utf8EncodeOp, 1},
    {"utf8EncodeInto", Utf8EncodeIntoOp, 2},
    {"utf8Length", Utf8LengthOp, 1},
    {"utf8Decode", Utf8DecodeOp, 2},
    {"latin1Decode", Latin1DecodeOp, 1},
    {"latin1Encode", Latin1EncodeOp, 1},
    {"isLatin1", IsLatin1Op, 1},
    {"atob", AtobOp, 1},
    {"btoa", BtoaOp, 1},
    {"toUSVString", ToUSVStringOp, 1},
};

}  // namespace

std::span<const Op> TextOps() { return kOps; }

size_t EncodeUtf8(Isolate* isolate, Local<String> text, char* out) {
  {
    String::ValueView view(isolate, text);
    size_t units = view.length();
    if (units == 0) return 0;
    if (view.is_one_byte()) return simdutf::convert_latin1_to_utf8(Chars8(view), units, out);
    size_t written = simdutf::convert_utf16le_to_utf8(Chars16(view), units, out);
    if (written != 0) return written;
  }
  // Lone surrogates. out is large enough by contract, so the capacity given to V8 is only an upper bound.
  return text->WriteUtf8V2(isolate, out, static_cast<size_t>(text->Length()) * 3,
                           String::WriteFlags::kReplaceInvalidUtf8);
}

size_t Utf8Length(Isolate* isolate, Local<String> text) {
  {
    String::ValueView view(isolate, text);
    if (view.is_one_byte()) return simdutf::utf8_length_from_latin1(Chars8(view), view.length());
    if (simdutf::validate_utf16le(Chars16(view), view.length()))
      return simdutf::utf8_length_from_utf16le(Chars16(view), view.length());
  }
  return text->Utf8LengthV2(isolate);
}

MaybeLocal<String> DecodeUtf8(Isolate* isolate, const char* data, size_t size) {
  bool valid;
  MaybeLocal<String> text = DecodeValidUtf8(isolate, data, size, &valid);
  if (valid) return text;
  // V8 puts one U+FFFD for each maximal subpart, as the Encoding Standard asks; host/test/text.test.mjs holds it to
  // that.
  return Checked(isolate, String::NewFromUtf8(isolate, data, NewStringType::kNormal, static_cast<int>(size)));
}

MaybeLocal<String> DecodeLatin1(Isolate* isolate, const char* data, size_t size) {
  if (size == 0) return String::Empty(isolate);
  if (size > static_cast<size_t>(String::kMaxLength)) return TooLong(isolate);
  return Checked(isolate, String::NewFromOneByte(isolate, reinterpret_cast<const uint8_t*>(data),
                                                 NewStringType::kNormal, static_cast<int>(size)));
}

MaybeLocal<String> DecodeValidUtf8(Isolate* isolate, const char* data, size_t size, bool* valid) {
  *valid = true;
  simdutf::result ascii = simdutf::validate_ascii_with_errors(data, size);
  if (ascii.error == simdutf::SUCCESS) return DecodeLatin1(isolate, data, size);
  if (size > 3 * static_cast<size_t>(String::kMaxLength)) return TooLong(isolate);

  Scratch<char16_t, kStackBytes / 2> units(size);
  if (!units) {
    ThrowOutOfMemory(isolate);
    return {};
  }
  // A string of one byte per character is half the size, and faster in V8. Worth a try if the first character beyond
  // ASCII is one of Latin-1; it gives up at the first that is not.
  unsigned char lead = static_cast<unsigned char>(data[ascii.count]);
  if (lead == 0xc2 || lead == 0xc3) {
    char* narrow = reinterpret_cast<char*>(units.data());
    size_t written = simdutf::convert_utf8_to_latin1(data, size, narrow);
    if (written != 0) return DecodeLatin1(isolate, narrow, written);
  }
  size_t written = simdutf::convert_utf8_to_utf16le(data, size, units.data());
  if (written != 0) return DecodeUtf16(isolate, units.data(), written);
  *valid = false;
  return {};
}

MaybeLocal<String> DecodeUnits(Isolate* isolate, const char16_t* data, size_t units) {
  if (units == 0) return String::Empty(isolate);
  Scratch<char, kStackBytes> narrow(units);
  if (!narrow) {
    ThrowOutOfMemory(isolate);
    return {};
  }
  if (simdutf::convert_utf16le_to_latin1(data, units, narrow.data()) == units)
    return DecodeLatin1(isolate, narrow.data(), units);
  return DecodeUtf16(isolate, data, units);
}

}  // namespace skerry
