package e2e

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// Goal: a host that uses too much memory is ended, by the kernel or by the supervisor, and another takes over. Method: native code that
// takes memory past V8, which has limits of its own.
func TestHostOverItsMemory(t *testing.T) {
	hog := rig.Script("hog", `export default { fetch() { console.log("PROBE:eat;"); return new Response("full"); } };`)
	steady := rig.Script("steady", `export default { fetch() { return new Response("steady"); } };`)
	s := rig.Serve(t, rig.Platform{Binary: rig.Hostile(t), Workers: []rig.Worker{hog, steady}, Settings: []string{"[host]", "memory_max_mb = 512"}})
	s.Ready(steady.Host(), "/")
	s.Get(hog.Host(), "/") // Whether it answers before it is ended depends on who ends it.
	rig.Until(t, "the log says that it was the memory", func() bool {
		return strings.Contains(s.Said(), "its memory was over the limit") || strings.Contains(s.Said(), "its limit is 512 MiB")
	}, nil)
	s.Ready(steady.Host(), "/")
}

// Goal: where the machine lacks a wall, serve does not start and says which one and what helps; degraded it starts, and
// says so. Method: a user namespace in which no further ones may be made.
func TestIncompleteSandbox(t *testing.T) {
	inside := func(script string) *exec.Cmd {
		cmd := exec.Command("unshare", "--user", "--map-root-user", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && "+script, "sh", rig.Binary(t))
		cmd.Dir = t.TempDir()
		return cmd
	}
	if out, err := inside("true").CombinedOutput(); err != nil {
		t.Skipf("no user namespace to test in: %v: %s", err, out)
	}
	run := func(script string, want int) string {
		var out bytes.Buffer
		cmd := inside(script)
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		code := 0
		if exited, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exited.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != want {
			t.Errorf("%s: exit code %d, want %d\n%s", script, code, want, out.String())
		}
		return out.String()
	}
	const exitSandbox = 6
	for script, words := range map[string][]string{
		`"$1" serve --listen 127.0.0.1:0 --admin off`: {"user is missing", "sysctl -w user.max_user_namespaces", "--sandbox=degraded"},
		`"$1" doctor`: {"MISSING", "would refuse to start", "sysctl -w user.max_user_namespaces"},
	} {
		said := run(script, exitSandbox)
		for _, word := range words {
			if !strings.Contains(said, word) {
				t.Errorf("%s does not say %q:\n%s", script, word, said)
			}
		}
	}
	// Ended as soon as it is ready.
	said := run(`"$1" serve --listen 127.0.0.1:0 --admin off --sandbox=degraded 2>said & pid=$!
		until grep -q '"ready"' said || ! kill -0 $pid; do sleep 0.05; done; kill $pid; wait $pid; code=$?; cat said; exit $code`, 0)
	for _, word := range []string{"the sandbox is not complete", `"missing":"user`, `"ready"`} {
		if !strings.Contains(said, word) {
			t.Errorf("degraded: it does not say %q:\n%s", word, said)
		}
	}
}
