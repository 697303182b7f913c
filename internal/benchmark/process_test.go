package benchmark

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	line := "4242 (a) b (c)) S 17 1 1 0 -1 4194560 100 200 3 4 50 60 70 80 20 0 11 0 999 123456 25 18446744073709551615 1 1"
	s, err := parseStat(line)
	if err != nil {
		t.Fatal(err)
	}
	want := stat{parent: 17, cpu: 1100 * time.Millisecond, reaped: 1500 * time.Millisecond, rss: 25 * int64(os.Getpagesize())}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	for _, bad := range []string{"", "1 (x) S", "1 x S 17 1 1"} {
		if s, err := parseStat(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, s)
		}
	}
}

// A shell and the child it waits for are two processes of one tree.
func TestTreeUsageSeesChildren(t *testing.T) {
	command := exec.Command("sh", "-c", "cat; true")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(command)
	if err != nil {
		t.Fatal(err)
	}
	// The echo proves that the child is there.
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	u, err := treeUsage(command.Process.Pid)
	if err != nil || u.processes != 2 || u.rootRSS <= 0 || u.childRSS <= 0 {
		t.Errorf("got %+v, %v; want two processes with memory", u, err)
	}
	in.Close()
	<-p.exited
	if _, err := treeUsage(command.Process.Pid); err == nil {
		t.Error("a process that has ended has usage")
	}
}

func TestFailureShowsWhatTheProgramSaid(t *testing.T) {
	p, err := startProcess(exec.Command("sh", "-c", "echo early words; echo the reason >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if err := p.failure(); !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var kept tail
	for range 100 {
		kept.Write([]byte(strings.Repeat("a", 100)))
	}
	kept.Write([]byte("end"))
	if s := kept.String(); len(s) != tailMax || !strings.HasSuffix(s, "aend") {
		t.Errorf("kept %d bytes ending in %q", len(s), s[len(s)-4:])
	}
}

// A line of the log may come in any number of writes.
func TestTailReadsTheLog(t *testing.T) {
	var kept tail
	for _, part := range []string{
		"{\"outcome\":\"ok\",\"cpu\":1}\n{\"outcome\":\"exceeded", "Cpu\",\"cpu\":5", "1000000}\nnot JSON, exceededCpu\n",
		"{\"outcome\":\"exceededCpu\",\"cpu\":53000000}\n",
	} {
		kept.Write([]byte(part))
	}
	if h := kept.ended(); h.total != 2 || h.max != 53*time.Millisecond {
		t.Errorf("got %d, longest %v; want 2, 53ms", h.total, h.max)
	}
	if h := kept.ended(); h.total != 0 {
		t.Errorf("handed out again: %d", h.total)
	}
}
