// The page shared with the supervisor that tells, after this process died, what each thread was running.
// Layout: protocol/PROTOCOL.md, "Crash page". Each slot is written by its one thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skerry {

inline constexpr size_t kCrashSlots = 64;
inline constexpr size_t kCrashSlotBytes = 64;

struct alignas(kCrashSlotBytes) CrashSlot {
  uint32_t worker;
  uint32_t event;
  uint64_t started_ns;
  uint32_t fatal;  // The signal that ended the process on this thread, 0 for none.
};
static_assert(sizeof(CrashSlot) == kCrashSlotBytes);

class CrashPage {
 public:
  // Maps the memory file of the given descriptor; without one, slots are private memory and serve nobody.
  explicit CrashPage(int fd);
  CrashPage(const CrashPage&) = delete;
  CrashPage& operator=(const CrashPage&) = delete;

  CrashSlot& slot(size_t index) { return slots_[index % kCrashSlots]; }

 private:
  CrashSlot* slots_;
};

// Marks a slot as running an event for the lifetime of the object.
class CrashMark {
 public:
  CrashMark(CrashSlot& slot, uint32_t worker, uint32_t event, uint64_t now_ns) : slot_(slot) {
    slot_.event = event;
    slot_.started_ns = now_ns;
    __atomic_store_n(&slot_.worker, worker, __ATOMIC_RELEASE);
  }
  ~CrashMark() { __atomic_store_n(&slot_.worker, 0u, __ATOMIC_RELEASE); }
  CrashMark(const CrashMark&) = delete;
  CrashMark& operator=(const CrashMark&) = delete;

  void event(uint32_t id) { __atomic_store_n(&slot_.event, id, __ATOMIC_RELEASE); }

 private:
  CrashSlot& slot_;
};

}  // namespace skerry
