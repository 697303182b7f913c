#include "limits/buffer_allocator.h"

#include <cstdlib>

namespace skerry {

namespace {
// V8 moves the contents of small on-heap typed arrays out through the allocator and cannot bear a refusal there.
constexpr size_t kNeverRefusedBytes = 64;
}  // namespace

bool BufferAllocator::Reserve(size_t length) {
  size_t before = used_.fetch_add(length, std::memory_order_relaxed);
  if (length <= kNeverRefusedBytes || (length <= limit_ && before <= limit_ - length)) return true;
  used_.fetch_sub(length, std::memory_order_relaxed);
  return false;
}

void* BufferAllocator::Allocate(size_t length) {
  if (!Reserve(length)) return nullptr;
  void* data = calloc(length == 0 ? 1 : length, 1);
  if (data == nullptr) Release(length);
  return data;
}

void* BufferAllocator::AllocateUninitialized(size_t length) {
  if (!Reserve(length)) return nullptr;
  void* data = malloc(length == 0 ? 1 : length);
  if (data == nullptr) Release(length);
  return data;
}

void BufferAllocator::Free(void* data, size_t length) {
  free(data);
  Release(length);
}

}  // namespace skerry
