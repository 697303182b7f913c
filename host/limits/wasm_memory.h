// Counts WebAssembly memories, of which V8 does not tell its embedder: neither how many there are nor what they hold.
// The addon is loaded before the C library (sandbox/start.go on the other side), so its mmap64, mprotect and munmap are
// those that V8 calls; what reserves gigabytes of address space is a memory of WebAssembly, of the isolate that the
// thread is in, and what becomes accessible of it is charged to that isolate's buffers. Beyond a limit the call fails
// as it does on a full machine, and V8 makes that a RangeError.
#pragma once

#include <cstddef>
#include <memory>

#include "limits/buffer_allocator.h"

namespace skerry {

// How many memories an isolate may have at once. Each reserves 10 GiB of the 128 TiB that a process has.
inline constexpr size_t kWasmMemoriesMax = 8;

// Makes an allocator the one that memories of the calling thread are charged to, for the time of the object.
class WasmMemoryOwner {
 public:
  explicit WasmMemoryOwner(const std::shared_ptr<BufferAllocator>& owner);
  ~WasmMemoryOwner();
  WasmMemoryOwner(const WasmMemoryOwner&) = delete;
  WasmMemoryOwner& operator=(const WasmMemoryOwner&) = delete;

 private:
  const std::shared_ptr<BufferAllocator>* const before_;
};

}  // namespace skerry
