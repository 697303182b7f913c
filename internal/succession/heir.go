package succession

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Plan says what a successor is made of.
type Plan struct {
	// Command is the program and its arguments, the program being a path; Dir is where it runs.
	Command []string
	Dir     string
	Sockets []Socket
	// Facts become JSON for the successor's Inheritance.Facts.
	Facts any
	// Patience is how long it may take to be ready.
	Patience time.Duration
}

// Heir is a successor that serves. It is kept until this process ends: its connection tells the successor of that.
type Heir struct {
	Report
	conn    *net.UnixConn
	process *os.Process
	// line is the anchor's end of its line to all generations, -1 if this process is not the anchor.
	line int
	// ended is closed when the process has ended, with status set.
	ended  chan struct{}
	status syscall.WaitStatus

	// Of the anchor: see Forward.
	signals chan os.Signal
	mu      sync.Mutex // held while a signal is passed on, and for good once the process executes itself anew
	care    *caretaker
}

// reportMax is the length in bytes of a report.
const reportMax = 64 << 10

// Succeed starts a successor and returns when it serves. If it ends before, says that it cannot, or is not ready in time, it is
// ended and the error tells why: nothing has changed then. own is the process's own inheritance, nil in the anchor.
func Succeed(ctx context.Context, own *Inheritance, plan Plan) (*Heir, error) {
	h, err := launch(own, plan)
	if err != nil {
		return nil, fmt.Errorf("start the new process: %w", err)
	}
	reports := make(chan Report, 1)
	failed := make(chan error, 1)
	go func() { // ends with the first message, or the connection
		text, err := bufio.NewReaderSize(h.conn, reportMax).ReadSlice('\n')
		var r Report
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			failed <- err
			return
		}
		reports <- r
	}()
	timer := time.NewTimer(plan.Patience)
	defer timer.Stop()
	select {
	case h.Report = <-reports:
		if h.Failed == "" {
			h.Pid = h.process.Pid
			if own != nil {
				// While we live: the anchor must know its new main process before it waits for us in vain.
				syscall.Write(own.line, []byte(strconv.Itoa(h.Pid)+"\n")) // an error means that the anchor has gone, which ends the heir
			}
			return h, nil
		}
		err = errors.New("the new process cannot serve: " + h.Failed)
	case <-failed: // it closes the connection by ending
		select {
		case <-h.ended:
			err = fmt.Errorf("the new process ended before it was ready: %s", describe(h.status))
		case <-timer.C:
			err = errors.New("the new process has lost its connection to this one")
		}
	case <-timer.C:
		err = fmt.Errorf("the new process was not ready within %v", plan.Patience)
	case <-ctx.Done():
		err = fmt.Errorf("the upgrade was called off: %w", ctx.Err())
	}
	h.process.Kill() // it may have ended
	<-h.ended
	h.close()
	return nil, err
}

// launch starts the process, with everything it inherits.
func launch(own *Inheritance, plan Plan) (h *Heir, err error) {
	var opened []int
	defer func() {
		for _, fd := range opened {
			syscall.Close(fd)
		}
	}()
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	opened = append(opened, theirs)
	h = &Heir{line: -1, ended: make(chan struct{})}
	if h.conn, err = connOf(ours); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	st := state{Anchor: os.Getpid(), AnchorLine: firstFile + 1}
	line := -1
	if own != nil {
		st.Anchor, line = own.Anchor, own.line
	} else {
		if h.line, line, err = pair(); err != nil {
			return nil, err
		}
		opened = append(opened, line)
	}
	files := []uintptr{0, 1, 2, uintptr(theirs), uintptr(line)}
	for _, s := range plan.Sockets {
		fd, err := duplicate(s.Listener)
		if err != nil {
			return nil, fmt.Errorf("pass the socket of %s on: %w", s.Address, err)
		}
		opened = append(opened, fd)
		st.Sockets = append(st.Sockets, sentSocket{s.Name, s.Address, len(files)})
		files = append(files, uintptr(fd))
	}
	if st.Facts, err = json.Marshal(plan.Facts); err != nil {
		return nil, err
	}
	text, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	// Not os.StartProcess, which would make the sockets block. A group of its own: what a terminal sends to the group of the
	// anchor comes from the anchor.
	pid, _, err := syscall.StartProcess(plan.Command[0], plan.Command, &syscall.ProcAttr{
		Dir: plan.Dir, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true},
		Env: append(environment(), variable+"="+strconv.Itoa(protocol)+" "+strconv.Itoa(firstFile)),
	})
	if err != nil {
		return nil, err
	}
	if h.process, err = os.FindProcess(pid); err != nil {
		syscall.Kill(pid, syscall.SIGKILL) // it is ours and has not been waited for
		return nil, err
	}
	go func() { // ends when the successor has read it, or has gone
		h.conn.Write(append(text, '\n')) // an error means that it has gone
	}()
	go func() { // ends with the successor
		defer close(h.ended)
		if end, err := h.process.Wait(); err == nil {
			h.status, _ = end.Sys().(syscall.WaitStatus)
		}
	}()
	return h, nil
}

// Ended is closed when the successor has ended.
func (h *Heir) Ended() <-chan struct{} { return h.ended }

func (h *Heir) close() {
	if h.conn != nil {
		h.conn.Close()
	}
	if h.line >= 0 {
		syscall.Close(h.line)
		h.line = -1
	}
}

// environment is ours without what systemd says to its one process.
func environment() []string { return environmentWith("") }

// environmentWith keeps one of the variables that environment leaves out.
func environmentWith(wanted string) []string {
	var kept []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case wanted:
		case variable, caretakerVariable, notifyVariable, "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES":
			continue
		}
		kept = append(kept, entry)
	}
	return kept
}

// connOf makes a connection of a descriptor of our own, which it closes.
func connOf(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "succession")
	if file == nil {
		return nil, errors.New("not a descriptor")
	}
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("not a Unix socket")
	}
	return unixConn, nil
}

// describe says how a process ended.
func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + status.Signal().String()
	}
	return "exit status " + strconv.Itoa(status.ExitStatus())
}

// Code is the exit code of the successor, if it has ended.
func (h *Heir) Code() (code int, over bool) {
	select {
	case <-h.ended:
		return exitCode(h.status), true
	default:
		return 0, false
	}
}

// Stop asks the successor to stop.
func (h *Heir) Stop() {
	h.process.Signal(SignalStop) // an error means that it has ended
}
