#include "sandbox/rules.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

namespace skerry::sandbox {

namespace {

template <typename... Values>
constexpr Check OneOf(uint8_t argument, Values... values) {
  static_assert(sizeof...(values) <= Check::kValuesMax);
  Check check{.kind = Check::Kind::kOneOf, .argument = argument};
  ((check.values[check.count++] = static_cast<uint32_t>(values)), ...);
  return check;
}
constexpr Check OnlyBits(uint8_t argument, uint64_t mask) {
  return {.kind = Check::Kind::kNoBitsOf, .argument = argument, .mask = ~mask};
}
constexpr Check AllBits(uint8_t argument, uint32_t mask) {
  return {.kind = Check::Kind::kAllBitsOf, .argument = argument, .mask = mask};
}
constexpr Check Zero(uint8_t argument) { return {.kind = Check::Kind::kZero, .argument = argument}; }

constexpr uint64_t kProtection = PROT_READ | PROT_WRITE | PROT_EXEC;
constexpr uint64_t kMapFlags =
    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED | MAP_FIXED_NOREPLACE;
// What glibc asks for when it starts a thread, no more and no less: no process, no namespace, no tracing.
constexpr uint32_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                             CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

constexpr Verdict kAllow = Verdict::kAllow;
constexpr Verdict kEPERM = Verdict::kNotPermitted;
constexpr Verdict kENOSYS = Verdict::kNotImplemented;
constexpr Verdict kEINVAL = Verdict::kInvalid;
constexpr Verdict kKill = Verdict::kKill;

#define CALL(name) SYS_##name, #name

constexpr Rule kRules[] = {
    // ---- in every request
    {CALL(clock_gettime), kAllow},  // CPU clocks of threads; the others are read without the kernel.
    {CALL(read), kAllow},           // The supervisor's frames, the wake-up descriptor.
    {CALL(sendto), kAllow},         // Frames; the socket is connected and an address is refused by it.
    {CALL(write), kAllow},          // The wake-up descriptor, standard error.
    {CALL(poll), kAllow},           // The executor that leads waits for both.
    {CALL(ppoll), kAllow},
    // Locks and condition variables. No priority inheritance, no requeueing to it: that code has had holes.
    {CALL(futex),
     kAllow,
     kKill,
     {OneOf(1, FUTEX_WAKE_PRIVATE, FUTEX_WAIT_PRIVATE, FUTEX_WAIT_BITSET_PRIVATE,
            FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, FUTEX_WAKE, FUTEX_WAIT, FUTEX_WAIT_BITSET,
            FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, FUTEX_WAKE_BITSET_PRIVATE, FUTEX_WAKE_OP_PRIVATE,
            FUTEX_REQUEUE_PRIVATE, FUTEX_CMP_REQUEUE_PRIVATE)}},
    {CALL(clock_nanosleep), kAllow},  // The watchdog's tick.
    {CALL(nanosleep), kAllow},
    {CALL(sched_yield), kAllow},  // V8's spin locks.

    // ---- memory: what V8's heap, its just-in-time compiler and malloc need
    // The compiler writes code that is then run, so memory may be made executable. But nothing is mapped that is not
    // private and anonymous: no file, no shared memory, no device, no locked or huge pages.
    {CALL(mprotect), kAllow, kKill, {OnlyBits(2, kProtection)}},
    {CALL(madvise),
     kAllow,
     kEINVAL,
     {OneOf(2, MADV_DONTNEED, MADV_FREE, MADV_DONTFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_WILLNEED,
            MADV_NORMAL)}},
    {CALL(mmap), kAllow, kKill, {OnlyBits(3, kMapFlags), AllBits(3, MAP_PRIVATE | MAP_ANONYMOUS)}},
    {CALL(munmap), kAllow},
    {CALL(mremap), kAllow, kKill, {OnlyBits(3, MREMAP_MAYMOVE)}},  // realloc of large blocks.
    {CALL(brk), kAllow},
    {CALL(pkey_mprotect),
     kAllow,
     kKill,
     {OnlyBits(2, kProtection)}},  // V8's code pages where there are protection keys.

    // ---- threads: executors come and go
    {CALL(clone), kAllow, kKill, {OnlyBits(0, kThread), AllBits(0, kThread)}},
    {CALL(clone3), kENOSYS},  // Its arguments cannot be looked at; glibc falls back to clone.
    {CALL(exit), kAllow},
    {CALL(set_robust_list), kAllow},
    {CALL(rseq), kAllow},
    {CALL(rt_sigprocmask), kAllow},
    {CALL(sigaltstack), kAllow},
    {CALL(rt_sigreturn), kAllow},  // V8 takes faults of WebAssembly memories by a signal handler.
    {CALL(gettid), kAllow},
    {CALL(getpid), kAllow},
    {CALL(prctl), kAllow, kKill, {OneOf(0, PR_SET_NAME, PR_SET_VMA)}},  // Names of threads and of memory.
    // A thread steps back after running long: executor_slot.cc. No other priority, and no group or user.
    {CALL(setpriority), kAllow, kKill, {OneOf(0, PRIO_PROCESS), OneOf(2, 15)}},
    // Threads that join in a garbage collection look at their own priority.
    {CALL(sched_getparam), kAllow},
    {CALL(sched_getscheduler), kAllow},
    {CALL(getpriority), kAllow},
    {CALL(sched_getaffinity), kAllow},  // How many processors there are; stack bounds of threads.

    // ---- the rest
    {CALL(getrandom), kAllow},
    {CALL(clock_getres), kAllow},
    {CALL(gettimeofday), kAllow},
    {CALL(getrusage), kAllow},
    {CALL(close), kAllow},
    {CALL(writev), kAllow},
    {CALL(restart_syscall), kAllow},
    // Node's event loop and V8's timer thread wait on loops of their own that were made before.
    {CALL(epoll_pwait), kAllow},
    {CALL(epoll_ctl), kAllow},
    {CALL(exit_group), kAllow},
    // abort(), so that V8's last words end the process as they should.
    {CALL(tgkill), kAllow, kKill, {OneOf(2, SIGABRT)}},
    {CALL(rt_sigaction), kAllow, kKill, {OneOf(0, SIGABRT)}},
    {CALL(prlimit64), kAllow, kKill, {Zero(0), Zero(2)}},  // The process reads its own limits: stack bounds.
#ifdef __x86_64__
    {CALL(epoll_wait), kAllow},
    {CALL(time), kAllow},
#endif

    // ---- refused without ending the process: libraries ask by the way and live with a no
    {CALL(openat), kEPERM},  // malloc looks for the number of processors in /sys.
    {CALL(newfstatat), kEPERM},
    {CALL(fstat), kEPERM},
    {CALL(statx), kEPERM},
    {CALL(faccessat), kEPERM},
    {CALL(readlinkat), kEPERM},
    {CALL(getcwd), kEPERM},
    {CALL(ioctl), kEPERM},  // isatty
    {CALL(fcntl), kEPERM},
    {CALL(lseek), kEPERM},  // stdio
    {CALL(uname), kEPERM},
    {CALL(sysinfo), kEPERM},
    {CALL(getuid), kEPERM},
    {CALL(membarrier), kENOSYS},
    {CALL(futex_waitv), kENOSYS},
#ifdef __x86_64__
    {CALL(open), kEPERM},
    {CALL(stat), kEPERM},
    {CALL(lstat), kEPERM},
    {CALL(access), kEPERM},
    {CALL(readlink), kEPERM},
#endif
};

}  // namespace

std::span<const Rule> Rules() { return kRules; }

}  // namespace skerry::sandbox
