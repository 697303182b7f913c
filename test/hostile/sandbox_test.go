package hostile

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"skerry/test/e2e/rig"
)

// dies is what becomes of most forbidden system calls: the kernel ends the process.
const dies = "SIGSYS"

func errno(number syscall.Errno) string { return fmt.Sprintf("errno %d", int(number)) }

// attempts are the names of host/test/sandbox_probe.cc and what must come of them.
func attempts() map[string]string {
	all := map[string]string{
		"openat": errno(syscall.EPERM), "openat_mem": errno(syscall.EPERM), "fcntl_dupfd": errno(syscall.EPERM), "ioctl": errno(syscall.EPERM),
		"clone3": errno(syscall.ENOSYS), "madvise_hwpoison": errno(syscall.EINVAL), "madvise_mergeable": errno(syscall.EINVAL),
		"getpid": "result 1",
	}
	for _, name := range strings.Fields(`
		openat2 mkdirat unlinkat getdents64 name_to_handle_at open_by_handle_at ftruncate memfd_create inotify_init1 fanotify_init mount umount2
		fsopen open_tree pivot_root chroot execve execveat fork clone_newuser unshare setns ptrace process_vm_readv process_vm_writev process_madvise
		pidfd_open pidfd_getfd pidfd_send_signal kcmp kill kill_all tgkill rt_sigqueueinfo rt_sigaction_sigsys socket_inet socket_unix socket_netlink
		socketpair connect sendmsg recvmsg setsockopt dup pipe2 eventfd2 epoll_create1 timerfd_create splice vmsplice sendfile io_uring_setup
		userfaultfd bpf perf_event_open keyctl add_key shmget msgget mq_open init_module kexec_load reboot personality quotactl clock_settime syslog
		setuid setgroups capset prctl_dumpable prctl_seccomp seccomp landlock prlimit_set prlimit_other setpriority sched_setscheduler
		sched_setaffinity mmap_shared mmap_file mmap_locked mprotect_growsdown mremap_fixed mlock remap_file_pages mbind futex_pi futex_requeue_pi`) {
		all[name] = dies
	}
	if runtime.GOARCH == "amd64" {
		all["open"] = errno(syscall.EPERM)
		for _, name := range strings.Fields("vfork iopl modify_ldt arch_prctl x32 i386") {
			all[name] = dies
		}
	}
	return all
}

// short are those that are tried in any case; all of them take a quarter of a minute.
var short = strings.Fields("openat clone3 getpid openat2 execve fork clone_newuser ptrace kill socket_inet connect sendmsg io_uring_setup userfaultfd prctl_dumpable mmap_shared futex_pi x32 i386 open")

// Goal: hostile native code in a host gets nothing from the kernel that it does not need; what it tries ends the host, its
// worker is blamed by name, and the others are served on. Method: an addon that makes system calls for a worker, one worker for each
// call. The calls that are allowed must work, or the rest would show nothing.
func TestForbiddenSystemCalls(t *testing.T) {
	steady := rig.Script("steady", `export default { fetch() { return new Response("steady"); } };`)
	platform := rig.Platform{Binary: rig.Hostile(t), Workers: []rig.Worker{steady}}
	wanted := attempts()
	var names []string
	for name := range wanted {
		if testing.Short() && !slices.Contains(short, name) {
			continue
		}
		names = append(names, name)
		platform.Workers = append(platform.Workers, rig.Script("probe-"+strings.ReplaceAll(name, "_", "-"), fmt.Sprintf(
			`export default { fetch() { console.log("PROBE:%s;"); return new Response("done"); } };`, name)))
	}
	slices.Sort(names)
	result := &seen{crime: crime{row: "24", name: fmt.Sprintf("%d forbidden system calls by native code", len(names))}}
	defer record(result)
	defer result.failedWith(t)
	s := rig.Serve(t, platform)
	s.Ready(steady.Host(), "/")
	client, refused := s.Client(), 0
	for _, name := range names {
		worker := "probe-" + strings.ReplaceAll(name, "_", "-")
		answer, err := rig.Do(client, http.MethodGet, "http://"+worker+".localhost/", "", "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if wanted[name] != dies {
			said := regexp.MustCompile(`probe ` + name + `: ([a-z]+ -?\d+)`)
			var got []string
			rig.Until(t, name+" was tried", func() bool { got = said.FindStringSubmatch(s.Said()); return got != nil }, nil)
			if got[1] != wanted[name] || answer.Status != http.StatusOK {
				t.Errorf("%s: %s and status %d, want %s and 200", name, got[1], answer.Status, wanted[name])
			}
			refused++
			continue
		}
		if answer.Status != http.StatusBadGateway {
			t.Errorf("%s: status %d, want 502: %.200s", name, answer.Status, answer.Body)
		}
		blamed := func() bool {
			for line := range strings.Lines(s.Said()) {
				if strings.Contains(line, "isolate host died") && strings.Contains(line, "forbidden system call") && strings.Contains(line, `"`+worker+`"`) {
					return true
				}
			}
			return false
		}
		rig.Until(t, name+" ended the host, and its worker is blamed", blamed, func() string {
			return strings.Join(regexp.MustCompile(`probe `+name+`: [a-z]+ -?\d+`).FindAllString(s.Said(), -1), " ")
		})
		result.died++
		s.Ready(steady.Host(), "/")
	}
	result.body = fmt.Sprintf("%d ended the host, %d were refused, none succeeded", result.died, refused)
}

// Goal: what can be seen of a host from outside is what the walls promise, on every thread.
func TestHostIsConfined(t *testing.T) {
	result := &seen{crime: crime{row: "25", name: "what a host has: descriptors, namespaces, privileges"}}
	defer record(result)
	defer result.failedWith(t)
	worker := rig.Script("steady", `export default { fetch() { return new Response("steady"); } };`)
	t.Setenv("SECRET_OF_THE_SUPERVISOR", "do not tell")
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}})
	s.Ready(worker.Host(), "/")
	if !strings.Contains(s.Said(), `"seccomp`) && !strings.Contains(s.Said(), " seccomp") {
		t.Skip("the sandbox is not complete on this machine")
	}
	pid := s.Hosts()[0]
	proc := func(parts ...string) string {
		return filepath.Join(append([]string{"/proc", strconv.Itoa(pid)}, parts...)...)
	}
	tasks, err := filepath.Glob(proc("task", "*", "status"))
	if err != nil || len(tasks) < 5 {
		t.Fatalf("threads: %v, %v", tasks, err)
	}
	for _, task := range tasks {
		status := readFile(t, task)
		for _, line := range []string{
			"NoNewPrivs:\t1", "Seccomp:\t2", "Seccomp_filters:\t2", "CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
			"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
		} {
			if !strings.Contains(status, line+"\n") {
				t.Errorf("%s lacks %q:\n%s", task, line, status)
			}
		}
		if os.Geteuid() == 0 && !strings.Contains(status, "Uid:\t65534\t65534\t65534\t65534\n") {
			t.Errorf("%s: a host that root starts must be nobody:\n%s", task, status)
		}
		if !regexp.MustCompile(`(?m)^NSpid:\t\d+\t\d+$`).MatchString(status) {
			t.Errorf("%s: no pid namespace:\n%s", task, status)
		}
	}
	for _, kind := range []string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"} {
		own, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		if theirs, err := os.Readlink(proc("ns", kind)); err != nil || theirs == own {
			t.Errorf("namespace %s: %q, ours is %q, %v", kind, theirs, own, err)
		}
	}
	if entries, err := os.ReadDir(proc("root") + "/"); err != nil || len(entries) != 0 {
		t.Errorf("the root holds %v, %v", entries, err)
	}
	if mounts := readFile(t, proc("mountinfo")); strings.Count(mounts, "\n") != 1 || !regexp.MustCompile(`^\d+ \d+ \S+ / / ro,nosuid,nodev,noexec,`).MatchString(mounts) {
		t.Errorf("mounts, want one that is read-only:\n%s", mounts)
	}
	if err := os.Mkdir(proc("root", "x"), 0o700); !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EACCES) {
		t.Errorf("mkdir in the root: %v, want that it is read-only", err)
	}
	environment := readFile(t, proc("environ"))
	if strings.Contains(environment, "do not tell") || strings.Count(environment, "\x00") != 2 {
		t.Errorf("environment %q", environment)
	}
	limits := readFile(t, proc("limits"))
	for _, name := range []string{"core file size", "file size", "locked memory"} {
		if !regexp.MustCompile(`Max ` + name + ` +0 +0 `).MatchString(limits) {
			t.Errorf("limit of %s:\n%s", name, limits)
		}
	}
	// Born with: standard streams, socket, crash page. The rest is anonymous and of its own making.
	descriptors, err := os.ReadDir(proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]int)
	for _, descriptor := range descriptors {
		target, err := os.Readlink(proc("fd", descriptor.Name()))
		if err != nil {
			continue
		}
		number, _ := strconv.Atoi(descriptor.Name())
		kind, _, _ := strings.Cut(target, ":")
		switch {
		case number <= 1 && target == os.DevNull, number == 2 && kind == "pipe", number == 3 && kind == "socket",
			number == 4 && strings.HasPrefix(target, "/memfd:skerry-crash-page"), number > 4 && (kind == "anon_inode" || kind == "pipe"):
			kinds[kind]++
		default:
			t.Errorf("descriptor %d is %s", number, target)
		}
	}
	result.body = fmt.Sprintf("%d threads confined; descriptors %v", len(tasks), kinds)
	if stands := s.Metric(`skerry_sandbox_wall{wall="seccomp"}`); stands != 1 {
		t.Errorf("metrics say %v of the wall seccomp", stands)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
