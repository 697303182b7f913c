// Bytes that the cryptographic operations own: results, copies of arguments for jobs, key material. They count as the
// isolate's memory, and are wiped when they go.
// Threads: an object belongs to one thread at a time, and may move between them.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

namespace skerry::crypto {

// Bytes of somebody else's. Never null, so that it may be given to memcpy and OpenSSL.
struct Span {
  const uint8_t* data = reinterpret_cast<const uint8_t*>("");
  size_t size = 0;
};

// Where the bytes of an isolate are counted.
struct Memory {
  v8::ArrayBuffer::Allocator* allocator = nullptr;
  // Set in the isolate host, where jobs and keys may outlive their isolate.
  std::shared_ptr<v8::ArrayBuffer::Allocator> keep;
};

class Octets {
 public:
  Octets() = default;
  Octets(Octets&& other) noexcept { *this = std::move(other); }
  Octets& operator=(Octets&& other) noexcept;
  ~Octets() { Clear(); }

  // Uninitialised. False if the isolate may not have so much.
  [[nodiscard]] bool Allocate(const Memory& memory, size_t size);
  [[nodiscard]] bool Copy(const Memory& memory, Span from);
  void Shrink(size_t size) { size_ = size; }
  void Clear();

  uint8_t* data() { return heap_ == nullptr ? local_ : heap_; }
  const uint8_t* data() const { return heap_ == nullptr ? local_ : heap_; }
  size_t size() const { return size_; }
  Span span() const { return {data(), size_}; }

  // Gives the bytes to a new ArrayBuffer. Empty with a RangeError pending if there is no memory for it.
  [[nodiscard]] v8::MaybeLocal<v8::ArrayBuffer> ToV8(v8::Isolate* isolate);

 private:
  // What most results fit into: no allocation.
  static constexpr size_t kLocalMax = 256;
  // Wiping more than this would cost more than what is in it is worth.
  static constexpr size_t kWipeMax = 64 << 10;

  Memory memory_;
  uint8_t* heap_ = nullptr;
  size_t capacity_ = 0;
  size_t size_ = 0;
  uint8_t local_[kLocalMax];
};

}  // namespace skerry::crypto
