// Counts and bounds the ArrayBuffers of one isolate, which V8 keeps outside its heap limit.
// Called by the thread that holds the isolate and by V8's sweeper threads.
#pragma once

#include <v8-array-buffer.h>

#include <atomic>
#include <cstddef>

namespace skerry {

class BufferAllocator final : public v8::ArrayBuffer::Allocator {
 public:
  explicit BufferAllocator(size_t limit_bytes) : limit_(limit_bytes) {}

  void* Allocate(size_t length) override;
  void* AllocateUninitialized(size_t length) override;
  void Free(void* data, size_t length) override;
  // Also bounds resizable buffers, whose reservations do not come through Allocate.
  size_t MaxAllocationSize() const override { return limit_; }

  // Bytes that are accounted elsewhere but belong to the isolate, such as bodies adopted as buffers.
  void Charge(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  bool ChargeIfFits(size_t bytes) { return Reserve(bytes); }
  void Release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  size_t limit() const { return limit_; }
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  bool Fits(size_t bytes) const { return bytes <= limit_ && used() <= limit_ - bytes; }

 private:
  bool Reserve(size_t length);

  const size_t limit_;
  std::atomic<size_t> used_{0};
};

}  // namespace skerry
