package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"
)

// probePatience is how long a process that tries the walls may take.
const probePatience = 20 * time.Second

// probe finds out what the machine has: by putting all walls up, in a process that then ends. What is missing is looked for one
// by one only if that fails.
func (s *Sandbox) probe() error {
	present := make(map[string]bool)
	problems := make(map[string]string)
	for _, wall := range walls {
		present[wall.Name] = true
	}
	report, err := s.try(present)
	if err != nil {
		if report, err = s.tryOneByOne(present, problems); err != nil {
			return err
		}
	}
	for line := range strings.Lines(report) {
		name, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "hostname" {
			name = "uts"
		}
		if what != "ok" && problems[name] == "" {
			present[name] = false
			problems[name] = what
		}
	}
	s.groups, problems["memory_limit"], problems["pids_limit"] = openGroups(groupRoots(), s.cfg.MemoryMax)
	present["memory_limit"], present["pids_limit"] = problems["memory_limit"] == "", problems["pids_limit"] == ""
	for _, wall := range walls {
		f := Finding{Wall: wall, Present: present[wall.Name]}
		if !f.Present {
			f.Problem = problems[wall.Name]
			f.Remedy = remedy(wall)
		}
		s.findings = append(s.findings, f)
	}
	return nil
}

// tryOneByOne takes out of present what cannot be had, and tries the rest.
func (s *Sandbox) tryOneByOne(present map[string]bool, problems map[string]string) (string, error) {
	if _, err := s.try(map[string]bool{}); err != nil {
		return "", fmt.Errorf("start an isolate host without any sandbox: %w", err)
	}
	lose := func(name, problem string) {
		present[name] = false
		problems[name] = problem
	}
	user := map[string]bool{"user": true}
	if _, err := s.try(user); err != nil {
		lose("user", cause(err))
		user = map[string]bool{}
	}
	for _, wall := range walls {
		if wall.namespace == 0 || wall.Name == "user" {
			continue
		}
		with := maps.Clone(user)
		with[wall.Name] = true
		if _, err := s.try(with); err != nil {
			lose(wall.Name, cause(err))
		}
	}
	if !present["mount"] {
		lose("root", "it needs a mount namespace")
	}
	if !present["user"] && (os.Geteuid() != 0 || !mapped("uid_map", nobody) || !mapped("gid_map", nobody)) {
		lose("identity", "it needs a user namespace, or root where uid 65534 is mapped")
	}
	report, err := s.try(present)
	if err != nil {
		return "", fmt.Errorf("start an isolate host in the namespaces that there are: %w", err)
	}
	return report, nil
}

func cause(err error) string {
	if path, ok := err.(*os.PathError); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// try puts walls up in a process that reports and ends.
func (s *Sandbox) try(present map[string]bool) (string, error) {
	names := []string{"probe"}
	for _, wall := range walls {
		if present[wall.Name] {
			names = append(names, wall.Name)
		}
	}
	if present["uts"] {
		names = append(names, "hostname")
	}
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	cmd := s.command(strings.Join(names, ","), present)
	// The places of the socket and the crash page are taken by something harmless.
	cmd.ExtraFiles = []*os.File{s.addon, s.addon, s.addon}
	cmd.Stdout = write
	cmd.Stderr = write
	err = startOnThread(cmd)
	write.Close()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	read.SetReadDeadline(time.Now().Add(probePatience))
	_, err = io.Copy(&out, io.LimitReader(read, 64<<10))
	if err != nil {
		cmd.Process.Kill()
	}
	if waitErr := cmd.Wait(); err == nil && waitErr != nil {
		err = fmt.Errorf("%w: %s", waitErr, strings.TrimSpace(out.String()))
	}
	return out.String(), err
}

// remedy says how to get a wall.
func remedy(wall Wall) string {
	switch wall.Name {
	case "user":
		for _, knob := range []struct{ file, bad, cure string }{
			{"user/max_user_namespaces", "0", "allow them with: sysctl -w user.max_user_namespaces=16384"},
			{"kernel/unprivileged_userns_clone", "0", "allow them with: sysctl -w kernel.unprivileged_userns_clone=1"},
			{"kernel/apparmor_restrict_unprivileged_userns", "1", "allow them with: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile with `userns,`)"},
		} {
			if text, err := os.ReadFile("/proc/sys/" + knob.file); err == nil && strings.TrimSpace(string(text)) == knob.bad {
				return knob.cure
			}
		}
		return "a container may forbid it: allow clone with CLONE_NEWUSER there, or run outside of it; the kernel needs CONFIG_USER_NS"
	case "root":
		return "a mount namespace is needed, and a root file system that is not the initramfs"
	case "identity":
		return "allow user namespaces, or start as root"
	case "seccomp":
		return "a kernel with CONFIG_SECCOMP_FILTER and Linux 4.14 or newer is needed"
	case "landlock":
		return "Linux 5.13 or newer is needed, with landlock among the security modules (boot with lsm=landlock,…)"
	case "memory_limit", "pids_limit":
		return "start as root, or delegate a control group (systemd: Delegate=memory pids)"
	}
	if wall.namespace != 0 {
		return "allow user namespaces, or start as root; the kernel needs the namespace compiled in"
	}
	return "the kernel is too old or a container forbids it"
}
