package project

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// maxCommandOutput is how much of the end of a failed build command's output is shown, in bytes.
const maxCommandOutput = 8 << 10

// commandGrace is how long the output of a cancelled build command is still waited for.
const commandGrace = 2 * time.Second

// runCommand runs build.command. A command that fails is reported at its place in the configuration with the end of its
// output; the error is only for a cancelled ctx. The command and what it has started are killed when ctx ends.
func (p *Project) runCommand(ctx context.Context, diags *Diagnostics) error {
	if p.Build.Command == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", p.Build.Command)
	cmd.Dir = p.Build.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = commandGrace
	var output tail
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	d := p.doc.place(p.commandAt.from, p.commandAt.to)
	d.Message = fmt.Sprintf("build.command failed: %v", err)
	d.Hint = strings.TrimSpace("it said:\n" + output.String())
	if output.String() == "" {
		d.Hint = "it printed nothing"
	}
	*diags = append(*diags, d)
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	data []byte
	cut  bool
}

func (t *tail) Write(data []byte) (int, error) {
	t.data = append(t.data, data...)
	if extra := len(t.data) - maxCommandOutput; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
		t.cut = true
	}
	return len(data), nil
}

func (t *tail) String() string {
	text := strings.ToValidUTF8(string(t.data), "\ufffd")
	if t.cut {
		_, text, _ = strings.Cut(text, "\n")
		return "…\n" + text
	}
	return text
}
