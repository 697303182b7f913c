#include "limits/crash_page.h"

#include <sys/mman.h>
#include <sys/stat.h>

namespace skerry {

CrashPage::CrashPage(int fd) {
  constexpr size_t kBytes = kCrashSlots * kCrashSlotBytes;
  struct stat info {};
  void* page = MAP_FAILED;
  if (fstat(fd, &info) == 0 && static_cast<size_t>(info.st_size) >= kBytes) {
    page = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (page == MAP_FAILED) {
    static CrashSlot private_slots[kCrashSlots];
    slots_ = private_slots;
    return;
  }
  slots_ = static_cast<CrashSlot*>(page);
}

}  // namespace skerry
