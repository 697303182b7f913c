// What hostile native code in a host could try. Linked into an addon for tests (build/probe/), never into the shipped
// one: it takes the place of send(), so that a worker that logs "PROBE:name;" makes its host try the system call of
// that name, with all walls up. What comes back goes to standard error; most come back as nothing, since the kernel
// ends the process.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

struct Probe {
  const char* name;
  long (*attempt)();
};

char path[] = "/etc/passwd";
char* const none[] = {nullptr};
uint64_t zeros[64];
rlimit generous{4096, 4096};

long Page() { return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

const Probe kProbes[] = {
    // Files.
    {"openat", [] { return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY); }},
    {"openat_mem", [] { return syscall(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR); }},
    {"openat2", [] { return syscall(SYS_openat2, AT_FDCWD, path, zeros, 24); }},
    {"mkdirat", [] { return syscall(SYS_mkdirat, AT_FDCWD, "/x", 0700); }},
    {"unlinkat", [] { return syscall(SYS_unlinkat, AT_FDCWD, path, 0); }},
    {"getdents64", [] { return syscall(SYS_getdents64, 0, zeros, sizeof zeros); }},
    {"name_to_handle_at", [] { return syscall(SYS_name_to_handle_at, AT_FDCWD, path, zeros, zeros, 0); }},
    {"open_by_handle_at", [] { return syscall(SYS_open_by_handle_at, AT_FDCWD, zeros, 0); }},
    {"ftruncate", [] { return syscall(SYS_ftruncate, 4, 0); }},
    {"memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); }},
    {"inotify_init1", [] { return syscall(SYS_inotify_init1, 0); }},
    {"fanotify_init", [] { return syscall(SYS_fanotify_init, 0, 0); }},
    {"mount", [] { return syscall(SYS_mount, "none", "/", "tmpfs", 0, nullptr); }},
    {"umount2", [] { return syscall(SYS_umount2, "/", 2); }},
    {"fsopen", [] { return syscall(SYS_fsopen, "tmpfs", 0); }},
    {"open_tree", [] { return syscall(SYS_open_tree, AT_FDCWD, "/", 1); }},
    {"pivot_root", [] { return syscall(SYS_pivot_root, ".", "."); }},
    {"chroot", [] { return syscall(SYS_chroot, "/"); }},
    // Programs and processes.
    {"execve", [] { return syscall(SYS_execve, "/bin/sh", none, none); }},
    {"execveat", [] { return syscall(SYS_execveat, 4, "", none, none, AT_EMPTY_PATH); }},
    {"fork", [] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
    {"clone_newuser", [] { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }},
    {"clone3", [] { return syscall(SYS_clone3, zeros, 64); }},
    {"unshare", [] { return syscall(SYS_unshare, CLONE_NEWUSER); }},
    {"setns", [] { return syscall(SYS_setns, 3, 0); }},
    {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_ATTACH, 1, 0, 0); }},
    {"process_vm_readv", [] { return syscall(SYS_process_vm_readv, 1, zeros, 1, zeros, 1, 0); }},
    {"process_vm_writev", [] { return syscall(SYS_process_vm_writev, 1, zeros, 1, zeros, 1, 0); }},
    {"process_madvise", [] { return syscall(SYS_process_madvise, 3, zeros, 1, 4, 0); }},
    {"pidfd_open", [] { return syscall(SYS_pidfd_open, 1, 0); }},
    {"pidfd_getfd", [] { return syscall(SYS_pidfd_getfd, 3, 0, 0); }},
    {"pidfd_send_signal", [] { return syscall(SYS_pidfd_send_signal, 3, SIGKILL, 0, 0); }},
    {"kcmp", [] { return syscall(SYS_kcmp, 1, 1, 0, 0, 0); }},
    {"kill", [] { return syscall(SYS_kill, getppid(), SIGKILL); }},
    {"kill_all", [] { return syscall(SYS_kill, -1, SIGKILL); }},
    {"tgkill", [] { return syscall(SYS_tgkill, 1, 1, SIGKILL); }},
    {"rt_sigqueueinfo", [] { return syscall(SYS_rt_sigqueueinfo, 1, SIGUSR1, zeros); }},
    {"rt_sigaction_sigsys", [] { return syscall(SYS_rt_sigaction, SIGSYS, zeros, zeros, 8); }},
    // Network.
    {"socket_inet", [] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
    {"socket_unix", [] { return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }},
    {"socket_netlink", [] { return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0); }},
    {"socketpair", [] { return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, zeros); }},
    {"connect", [] { return syscall(SYS_connect, 3, zeros, sizeof(sockaddr_un)); }},
    {"sendmsg", [] { return syscall(SYS_sendmsg, 3, zeros, 0); }},
    {"recvmsg", [] { return syscall(SYS_recvmsg, 3, zeros, MSG_DONTWAIT); }},
    {"setsockopt", [] { return syscall(SYS_setsockopt, 3, SOL_SOCKET, SO_SNDBUF, zeros, 4); }},
    // Descriptors.
    {"dup", [] { return syscall(SYS_dup, 3); }},
    {"fcntl_dupfd", [] { return syscall(SYS_fcntl, 3, F_DUPFD, 0); }},
    {"ioctl", [] { return syscall(SYS_ioctl, 0, 0x5412, "x"); }},
    {"pipe2", [] { return syscall(SYS_pipe2, zeros, 0); }},
    {"eventfd2", [] { return syscall(SYS_eventfd2, 0, 0); }},
    {"epoll_create1", [] { return syscall(SYS_epoll_create1, 0); }},
    {"timerfd_create", [] { return syscall(SYS_timerfd_create, 0, 0); }},
    {"splice", [] { return syscall(SYS_splice, 3, 0, 2, 0, 1, 0); }},
    {"vmsplice", [] { return syscall(SYS_vmsplice, 2, zeros, 1, 0); }},
    {"sendfile", [] { return syscall(SYS_sendfile, 2, 4, 0, 1); }},
    // The kernel's large surfaces.
    {"io_uring_setup", [] { return syscall(SYS_io_uring_setup, 8, zeros); }},
    {"userfaultfd", [] { return syscall(SYS_userfaultfd, 1); }},
    {"bpf", [] { return syscall(SYS_bpf, 0, zeros, sizeof zeros); }},
    {"perf_event_open", [] { return syscall(SYS_perf_event_open, zeros, 0, -1, -1, 0); }},
    {"keyctl", [] { return syscall(SYS_keyctl, 0, -3, 0, 0, 0); }},
    {"add_key", [] { return syscall(SYS_add_key, "user", "x", "y", 1, -3); }},
    {"shmget", [] { return syscall(SYS_shmget, 0, 4096, 01600); }},
    {"msgget", [] { return syscall(SYS_msgget, 0, 01600); }},
    {"mq_open", [] { return syscall(SYS_mq_open, "x", O_CREAT, 0600, 0); }},
    {"init_module", [] { return syscall(SYS_init_module, zeros, 8, ""); }},
    {"kexec_load", [] { return syscall(SYS_kexec_load, 0, 0, 0, 0); }},
    {"reboot", [] { return syscall(SYS_reboot, 0, 0, 0, 0); }},
    {"personality", [] { return syscall(SYS_personality, 0x0040000); }},
    {"quotactl", [] { return syscall(SYS_quotactl, 0, "", 0, 0); }},
    {"clock_settime", [] { return syscall(SYS_clock_settime, 0, zeros); }},
    {"syslog", [] { return syscall(SYS_syslog, 3, zeros, sizeof zeros); }},
    // Privileges and limits.
    {"setuid", [] { return syscall(SYS_setuid, 0); }},
    {"setgroups", [] { return syscall(SYS_setgroups, 0, 0); }},
    {"capset", [] { return syscall(SYS_capset, zeros, zeros); }},
    {"prctl_dumpable", [] { return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
    {"prctl_seccomp", [] { return syscall(SYS_prctl, PR_SET_SECCOMP, 1, 0, 0, 0); }},
    {"seccomp", [] { return syscall(SYS_seccomp, 0, 0, 0); }},
    {"landlock", [] { return syscall(444, 0, 0, 1); }},
    {"prlimit_set", [] { return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &generous, 0); }},
    {"prlimit_other", [] { return syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, 0, zeros); }},
    {"setpriority", [] { return syscall(SYS_setpriority, PRIO_PROCESS, 0, -20); }},
    {"sched_setscheduler", [] { return syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, zeros); }},
    {"sched_setaffinity", [] { return syscall(SYS_sched_setaffinity, 0, 8, zeros); }},
    // Memory.
    {"mmap_shared", [] { return syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }},
    {"mmap_file", [] { return syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 4, 0); }},
    {"mmap_locked",
     [] { return syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0); }},
    {"mprotect_growsdown", [] { return syscall(SYS_mprotect, Page(), 4096, PROT_READ | PROT_GROWSDOWN); }},
    {"mremap_fixed", [] { return syscall(SYS_mremap, Page(), 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, Page()); }},
    {"madvise_hwpoison", [] { return syscall(SYS_madvise, Page(), 4096, 100); }},
    {"madvise_mergeable", [] { return syscall(SYS_madvise, Page(), 4096, MADV_MERGEABLE); }},
    {"mlock", [] { return syscall(SYS_mlock, zeros, 8); }},
    {"remap_file_pages", [] { return syscall(SYS_remap_file_pages, 0, 4096, 0, 0, 0); }},
    {"mbind", [] { return syscall(SYS_mbind, 0, 0, 0, 0, 0, 0); }},
    {"futex_pi", [] { return syscall(SYS_futex, zeros, FUTEX_LOCK_PI, 0, 0, 0, 0); }},
    {"futex_requeue_pi", [] { return syscall(SYS_futex, zeros, FUTEX_CMP_REQUEUE_PI, 1, 0, zeros + 8, 0); }},
#ifdef __x86_64__
    {"open", [] { return syscall(SYS_open, path, O_RDONLY); }},
    {"vfork", [] { return syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0); }},
    {"iopl", [] { return syscall(SYS_iopl, 3); }},
    {"modify_ldt", [] { return syscall(SYS_modify_ldt, 0, zeros, 8); }},
    {"arch_prctl", [] { return syscall(SYS_arch_prctl, 0x1003, zeros); }},
    // The same kernel by other numbers: x32's getpid, and getpid of i386.
    {"x32", [] { return syscall(0x40000000 + SYS_getpid); }},
    {"i386",
     [] {
       long result = 20;
       asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
       return result;
     }},
#endif
    // Not forbidden, but limited otherwise: 1 GiB that is really used.
    {"eat",
     [] {
       constexpr size_t kBytes = size_t{1} << 30;
       char* memory =
           static_cast<char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
       for (size_t at = 0; at < kBytes; at += 4096) memory[at] = 1;
       return 0l;
     }},
    // What is allowed must still work, or the rest would show nothing.
    {"getpid", [] { return syscall(SYS_getpid); }},
};

void Say(const char* name, long result, int error) {
  char line[128];
  const int length = result == -1 ? snprintf(line, sizeof line, "probe %s: errno %d\n", name, error)
                                  : snprintf(line, sizeof line, "probe %s: result %ld\n", name, result);
  (void)!write(STDERR_FILENO, line, static_cast<size_t>(length));
}

}  // namespace

// In place of libc's, for the wire's channel.
extern "C" ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static const char kMark[] = "PROBE:";
  if (const void* mark = memmem(bytes, size, kMark, sizeof kMark - 1); mark != nullptr) {
    const char* name = static_cast<const char*>(mark) + sizeof kMark - 1;
    const char* end =
        static_cast<const char*>(memchr(name, ';', static_cast<size_t>(static_cast<const char*>(bytes) + size - name)));
    for (const Probe& probe : kProbes) {
      if (end == nullptr || strlen(probe.name) != static_cast<size_t>(end - name) ||
          memcmp(name, probe.name, strlen(probe.name)) != 0)
        continue;
      errno = 0;
      const long result = probe.attempt();
      Say(probe.name, result, errno);
    }
  }
  return syscall(SYS_sendto, fd, bytes, size, flags, nullptr, 0);
}
