// Native objects in the hands of the runtime layer: an ArrayBuffer of which nothing but its identity is of use. V8
// lets go of the object when the ArrayBuffer is collected or its isolate is disposed of, on whatever thread, and counts
// its weight. A worker never sees one; and if it did, it could neither make one nor turn one kind into another, because
// each begins with bytes that only this process knows.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace skerry::crypto {

enum class HandleKind : uint32_t { kKey = 1, kDigest = 2 };

struct HandleHead {
  static constexpr size_t kCookieBytes = 16;
  uint8_t cookie[kCookieBytes];
  // Where it is: a copy is none.
  const HandleHead* self;
  HandleKind kind;
};

// Bytes that only this process knows.
const uint8_t* HandleCookie();

// The memory behind an ArrayBuffer if it is a handle of this kind, else null.
HandleHead* FindHandle(v8::Local<v8::Value> value, HandleKind kind);

// Leaves nothing of a handle that goes.
void BlankHandle(HandleHead* head);

// Makes the ArrayBuffer over `size` bytes that were allocated by the isolate's allocator. destroy ends the object in
// them.
v8::Local<v8::ArrayBuffer> WrapHandle(v8::Isolate* isolate, HandleHead* head, size_t size,
                                      v8::BackingStore::DeleterCallback destroy);

template <typename T>
struct Handle {
  HandleHead head;
  std::shared_ptr<T> object;
};

// weight: bytes that the object takes elsewhere, uncounted. Empty with a RangeError pending if that is too much.
template <typename T>
[[nodiscard]] v8::MaybeLocal<v8::ArrayBuffer> MakeHandle(v8::Isolate* isolate, std::shared_ptr<T> object,
                                                         size_t weight);

// Null if the value is no handle of a T.
template <typename T>
std::shared_ptr<T> FromHandle(v8::Local<v8::Value> value) {
  HandleHead* head = FindHandle(value, T::kHandleKind);
  return head == nullptr ? nullptr : reinterpret_cast<Handle<T>*>(head)->object;
}

void ThrowNoMemoryForHandle(v8::Isolate* isolate);

template <typename T>
v8::MaybeLocal<v8::ArrayBuffer> MakeHandle(v8::Isolate* isolate, std::shared_ptr<T> object, size_t weight) {
  const size_t size = sizeof(Handle<T>) + weight;
  void* memory = isolate->GetArrayBufferAllocator()->AllocateUninitialized(size);
  if (memory == nullptr) {
    ThrowNoMemoryForHandle(isolate);
    return {};
  }
  auto* handle = new (memory) Handle<T>{{}, std::move(object)};
  handle->head.kind = T::kHandleKind;
  return WrapHandle(isolate, &handle->head, size, [](void* data, size_t length, void* allocator) {
    BlankHandle(static_cast<HandleHead*>(data));
    static_cast<Handle<T>*>(data)->~Handle<T>();
    static_cast<v8::ArrayBuffer::Allocator*>(allocator)->Free(data, length);
  });
}

}  // namespace skerry::crypto
