#include "ops/crypto/octets.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "ops/args.h"

namespace skerry::crypto {

Octets& Octets::operator=(Octets&& other) noexcept {
  if (this == &other) return *this;
  Clear();
  memory_ = std::move(other.memory_);
  heap_ = std::exchange(other.heap_, nullptr);
  capacity_ = std::exchange(other.capacity_, 0);
  size_ = other.size_;
  if (heap_ == nullptr) {
    std::memcpy(local_, other.local_, size_);
  } else {
    other.size_ = 0;
  }
  other.Clear();
  return *this;
}

bool Octets::Allocate(const Memory& memory, size_t size) {
  Clear();
  if (size > kLocalMax) {
    void* data = memory.allocator->AllocateUninitialized(size);
    if (data == nullptr) return false;
    memory_ = memory;
    heap_ = static_cast<uint8_t*>(data);
    capacity_ = size;
  }
  size_ = size;
  return true;
}

bool Octets::Copy(const Memory& memory, Span from) {
  if (!Allocate(memory, from.size)) return false;
  if (from.size != 0) std::memcpy(data(), from.data, from.size);
  return true;
}

void Octets::Clear() {
  OPENSSL_cleanse(data(), std::min(size_, kWipeMax));
  if (heap_ != nullptr) memory_.allocator->Free(heap_, capacity_);
  heap_ = nullptr;
  capacity_ = 0;
  size_ = 0;
  memory_ = {};
}

v8::MaybeLocal<v8::ArrayBuffer> Octets::ToV8(v8::Isolate* isolate) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (heap_ == nullptr || size_ != capacity_) {
    char* data;
    if (!NewBuffer(isolate, size_, &data).ToLocal(&buffer)) return {};
    if (size_ != 0) std::memcpy(data, this->data(), size_);
  } else {
    // The allocator lives as long as the isolate, and so as long as the buffer.
    buffer =
        v8::ArrayBuffer::New(isolate, v8::ArrayBuffer::NewBackingStore(
                                          heap_, size_,
                                          [](void* bytes, size_t length, void* allocator) {
                                            static_cast<v8::ArrayBuffer::Allocator*>(allocator)->Free(bytes, length);
                                          },
                                          memory_.allocator));
    heap_ = nullptr;
    capacity_ = 0;
    size_ = 0;
  }
  Clear();
  return buffer;
}

}  // namespace skerry::crypto
