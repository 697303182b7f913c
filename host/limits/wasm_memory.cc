#include "limits/wasm_memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

namespace skerry {

namespace {

// V8 reserves so much for the smallest memory, that no index of 32 bits may reach beyond, and for nothing else.
constexpr size_t kReservationMin = size_t{8} << 30;

struct Reservation {
  uintptr_t end;
  size_t accessible;  // From its start.
  std::shared_ptr<BufferAllocator> owner;
};

__attribute__((tls_model("initial-exec"))) thread_local const std::shared_ptr<BufferAllocator>* current = nullptr;

class Reservations {
 public:
  // Whether there is anything to look up, without the lock.
  bool any() const { return count_.load(std::memory_order_acquire) != 0; }

  bool Fits(const BufferAllocator* owner) {
    std::lock_guard hold(mutex_);
    size_t count = 0;
    for (const auto& [start, r] : all_) count += r.owner.get() == owner ? 1 : 0;
    return count < kWasmMemoriesMax;
  }

  void Add(uintptr_t start, size_t size, std::shared_ptr<BufferAllocator> owner) {
    std::lock_guard hold(mutex_);
    all_[start] = Reservation{start + size, 0, std::move(owner)};
    count_.store(all_.size(), std::memory_order_release);
  }

  // Charges what becomes accessible. False: the owner may not have so much.
  bool Commit(uintptr_t at, size_t size) {
    std::lock_guard hold(mutex_);
    auto found = Find(at);
    if (found == all_.end()) return true;
    Reservation& r = found->second;
    const size_t until = at + size - found->first;
    if (until <= r.accessible) return true;
    if (!r.owner->ChargeIfFits(until - r.accessible)) return false;
    r.accessible = until;
    return true;
  }

  // V8 aligns a memory by reserving more and giving the ends back.
  void Unmap(uintptr_t at, size_t size) {
    std::lock_guard hold(mutex_);
    auto found = Find(at);
    if (found == all_.end()) return;
    auto node = all_.extract(found);
    Reservation& r = node.mapped();
    const uintptr_t end = at + size;
    if (at <= node.key() && end >= r.end) {
      r.owner->Release(r.accessible);
    } else if (at <= node.key()) {
      node.key() = end;
      all_.insert(std::move(node));
    } else {
      r.end = at;
      all_.insert(std::move(node));
    }
    count_.store(all_.size(), std::memory_order_release);
  }

 private:
  std::map<uintptr_t, Reservation>::iterator Find(uintptr_t at) {
    auto found = all_.upper_bound(at);
    if (found == all_.begin()) return all_.end();
    --found;
    return at < found->second.end ? found : all_.end();
  }

  std::atomic<size_t> count_{0};
  std::mutex mutex_;
  std::map<uintptr_t, Reservation> all_;
};

// Never destroyed: other threads go on until the process ends.
Reservations& All() {
  static auto* all = new Reservations;
  return *all;
}

}  // namespace

WasmMemoryOwner::WasmMemoryOwner(const std::shared_ptr<BufferAllocator>& owner) : before_(current) { current = &owner; }

WasmMemoryOwner::~WasmMemoryOwner() { current = before_; }

}  // namespace skerry

extern "C" {

__attribute__((visibility("default"))) void* mmap64(void* hint, size_t size, int protection, int flags, int fd,
                                                    off64_t offset) noexcept {
  using namespace skerry;
  const bool memory = size >= kReservationMin && protection == PROT_NONE && current != nullptr;
  if (memory && !All().Fits(current->get())) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  const long result = syscall(SYS_mmap, hint, size, protection, flags, fd, offset);
  if (memory && result != -1) All().Add(static_cast<uintptr_t>(result), size, *current);
  return reinterpret_cast<void*>(result);
}

__attribute__((visibility("default"))) int mprotect(void* at, size_t size, int protection) noexcept {
  using namespace skerry;
  if (protection != PROT_NONE && All().any() && !All().Commit(reinterpret_cast<uintptr_t>(at), size)) {
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(syscall(SYS_mprotect, at, size, protection));
}

__attribute__((visibility("default"))) int munmap(void* at, size_t size) noexcept {
  using namespace skerry;
  if (All().any()) All().Unmap(reinterpret_cast<uintptr_t>(at), size);
  return static_cast<int>(syscall(SYS_munmap, at, size));
}

}  // extern "C"
