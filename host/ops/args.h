// Arguments and results of operations: checks that throw what runtime/bootstrap/native.ts promises, byte views that do
// not copy, and memory that never ends the process because a tenant asked for too much of it.
// Threads: everything here runs on the thread that holds the isolate.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace skerry {

using Args = v8::FunctionCallbackInfo<v8::Value>;

inline v8::Local<v8::String> Ascii(v8::Isolate* isolate, const char* text) {
  return v8::String::NewFromUtf8(isolate, text).ToLocalChecked();
}

inline void ThrowTypeError(v8::Isolate* isolate, const char* text) {
  isolate->ThrowException(v8::Exception::TypeError(Ascii(isolate, text)));
}

inline void ThrowRangeError(v8::Isolate* isolate, const char* text) {
  isolate->ThrowException(v8::Exception::RangeError(Ascii(isolate, text)));
}

// A bad argument is a bug of the runtime layer, hence the blunt text.
inline void ThrowBadArgument(v8::Isolate* isolate, const char* op, int index, const char* wanted) {
  char text[160];
  std::snprintf(text, sizeof text, "%s: argument %d is not %s", op, index, wanted);
  ThrowTypeError(isolate, text);
}

[[nodiscard]] inline bool StringArg(const Args& info, int index, const char* op, v8::Local<v8::String>* out) {
  v8::Local<v8::Value> value = info[index];
  if (value->IsString()) [[likely]] {
    *out = value.As<v8::String>();
    return true;
  }
  ThrowBadArgument(info.GetIsolate(), op, index, "a string");
  return false;
}

[[nodiscard]] inline bool FunctionArg(const Args& info, int index, const char* op, v8::Local<v8::Function>* out) {
  v8::Local<v8::Value> value = info[index];
  if (value->IsFunction()) [[likely]] {
    *out = value.As<v8::Function>();
    return true;
  }
  ThrowBadArgument(info.GetIsolate(), op, index, "a function");
  return false;
}

// The bytes of an ArrayBuffer, SharedArrayBuffer or view. The pointer holds until JavaScript runs again; a small array
// that lives on the V8 heap is copied here instead of being given a backing store.
class Bytes {
 public:
  Bytes() = default;
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  // False, with a TypeError pending, if the argument holds no bytes.
  [[nodiscard]] bool Init(const Args& info, int index, const char* op) {
    v8::Local<v8::Value> value = info[index];
    if (value->IsArrayBufferView()) {
      v8::MemorySpan<uint8_t> span = value.As<v8::ArrayBufferView>()->GetContents(on_heap_);
      Set(span.data(), span.size());
    } else if (value->IsArrayBuffer()) {
      v8::Local<v8::ArrayBuffer> buffer = value.As<v8::ArrayBuffer>();
      Set(buffer->Data(), buffer->ByteLength());
    } else if (value->IsSharedArrayBuffer()) {
      v8::Local<v8::SharedArrayBuffer> buffer = value.As<v8::SharedArrayBuffer>();
      Set(buffer->Data(), buffer->ByteLength());
    } else {
      ThrowBadArgument(info.GetIsolate(), op, index, "an ArrayBuffer or a view");
      return false;
    }
    return true;
  }

  const char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  // Never null, so that it may be given to memcpy and to parsers.
  void Set(const void* data, size_t size) {
    data_ = size == 0 ? reinterpret_cast<const char*>(on_heap_) : static_cast<const char*>(data);
    size_ = size;
  }

  static constexpr size_t kOnHeapMax = 64;  // V8's typed_array_max_size_in_heap.
  const char* data_ = nullptr;
  size_t size_ = 0;
  uint8_t on_heap_[kOnHeapMax];
};

// A buffer for the length of one call: on the stack up to N elements of T, else on the C heap. Not initialised.
template <typename T, size_t N>
class Scratch {
 public:
  explicit Scratch(size_t count)
      : data_(count <= N ? local_ : static_cast<T*>(std::malloc(count * sizeof(T) + kSlack))) {}
  ~Scratch() {
    if (data_ != local_) std::free(data_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // False if there was no memory.
  explicit operator bool() const { return data_ != nullptr; }
  T* data() { return data_; }

 private:
  static constexpr size_t kSlack = 64;  // Vector stores may end a register late.
  alignas(16) T local_[N + kSlack / sizeof(T)];
  T* data_;
};

inline void ThrowOutOfMemory(v8::Isolate* isolate) { ThrowRangeError(isolate, "Array buffer allocation failed"); }

// A new buffer of uninitialised bytes; *data is where they are. Empty with a RangeError pending if the isolate's
// allocator refuses: never an abort.
[[nodiscard]] inline v8::MaybeLocal<v8::ArrayBuffer> NewBuffer(v8::Isolate* isolate, size_t size, char** data) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (!v8::ArrayBuffer::MaybeNew(isolate, size, v8::BackingStoreInitializationMode::kUninitialized).ToLocal(&buffer)) {
    ThrowOutOfMemory(isolate);
    return {};
  }
  *data = static_cast<char*>(buffer->Data());
  return buffer;
}

[[nodiscard]] inline v8::MaybeLocal<v8::Uint8Array> NewBytes(v8::Isolate* isolate, size_t size, char** data) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (!NewBuffer(isolate, size, data).ToLocal(&buffer)) return {};
  return v8::Uint8Array::New(buffer, 0, size);
}

}  // namespace skerry
