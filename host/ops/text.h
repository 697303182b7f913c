// UTF-8 in and out of V8 strings, for every operation that needs it.
// Threads: the one that holds the isolate.
#pragma once

#include <v8.h>

#include <cstddef>

namespace skerry {

// Bytes that EncodeUtf8 may write at most.
inline size_t Utf8Capacity(v8::Local<v8::String> text) {
  return static_cast<size_t>(text->Length()) * (text->IsOneByte() ? 2 : 3);
}

// Writes the UTF-8 encoding of text, lone surrogates as U+FFFD, and returns its length. out has room for
// Utf8Capacity(text) bytes, or for exactly Utf8Length(text).
size_t EncodeUtf8(v8::Isolate* isolate, v8::Local<v8::String> text, char* out);

// Length of that encoding.
size_t Utf8Length(v8::Isolate* isolate, v8::Local<v8::String> text);

// The WHATWG "UTF-8 decode without BOM". Empty with a RangeError pending if V8 has no string that long.
[[nodiscard]] v8::MaybeLocal<v8::String> DecodeUtf8(v8::Isolate* isolate, const char* data, size_t size);

// A string of Latin-1 bytes. Empty with a RangeError pending if V8 has no string that long.
[[nodiscard]] v8::MaybeLocal<v8::String> DecodeLatin1(v8::Isolate* isolate, const char* data, size_t size);

// The same of bytes that must be UTF-8. With *valid false they are not, and nothing is pending.
[[nodiscard]] v8::MaybeLocal<v8::String> DecodeValidUtf8(v8::Isolate* isolate, const char* data, size_t size,
                                                         bool* valid);

// A string of UTF-16 units, of one byte each if they fit. Empty with a RangeError pending if V8 has no string that long
// or there is no memory.
[[nodiscard]] v8::MaybeLocal<v8::String> DecodeUnits(v8::Isolate* isolate, const char16_t* data, size_t units);

}  // namespace skerry
