// Small conversions between V8 strings, UTF-8 and numbers for the engine. On the thread that holds the isolate.
#pragma once

#include <v8.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skerry {

inline std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// At most `max` bytes, without half a character at the end.
inline std::string_view CutUtf8(std::string_view utf8, size_t max) {
  if (utf8.size() <= max) return utf8;
  while (max > 0 && (static_cast<uint8_t>(utf8[max]) & 0xc0) == 0x80) max--;
  return utf8.substr(0, max);
}

// A string of UTF-8; the empty one if V8 has none that long.
inline v8::Local<v8::String> ToV8(v8::Isolate* isolate, std::string_view text) {
  return v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal, static_cast<int>(text.size()))
      .FromMaybe(v8::String::Empty(isolate));
}

inline v8::Local<v8::Value> ToV8(v8::Isolate* isolate, uint32_t value) {
  return v8::Integer::NewFromUnsigned(isolate, value);
}

// Whatever the value says of itself, as UTF-8; empty if it says nothing or throws.
inline std::string FromV8(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value.IsEmpty()) return {};
  v8::TryCatch quiet(isolate);
  v8::String::Utf8Value text(isolate, value);
  return *text == nullptr ? std::string() : std::string(*text, static_cast<size_t>(text.length()));
}

}  // namespace skerry
