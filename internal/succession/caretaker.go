package succession

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// caretakerVariable is how an anchor tells itself that it has become a caretaker: the descriptor of its line and the main process.
const caretakerVariable = "SKERRY_CARETAKER"

// caretakerName is what ps -o comm shows of a caretaker that is at work.
const caretakerName = "skerry-care"

// Quit is the exit code after a second signal to stop.
const Quit = 130

// SignalStop asks a generation to stop. Unlike SIGTERM it may come again and again: who stops a whole control group has told the
// generation already.
const SignalStop = syscall.SIGUSR1

// passed are the signals that go on to the main process.
var passed = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR2}

// caretaker stands for the server towards whoever knows the anchor.
type caretaker struct {
	line     int
	main     int   // process id
	before   []int // those that were main before, and may be ending still
	stopping bool
}

// pass passes a signal on. quit: it was the second one to stop, and the main process is killed.
func (c *caretaker) pass(s os.Signal) (quit bool) {
	switch s {
	case syscall.SIGTERM, syscall.SIGINT:
		send := SignalStop
		if c.stopping {
			send = syscall.SIGKILL // hosts go with their process
		}
		for _, pid := range append(c.before, c.main) {
			syscall.Kill(pid, send) // an error means that it has ended, here and below
		}
		if c.stopping {
			return true
		}
		c.stopping = true
	case syscall.SIGHUP:
		syscall.Kill(c.main, syscall.SIGHUP)
	case syscall.SIGUSR2:
		syscall.Kill(c.main, syscall.SIGUSR2)
	}
	return false
}

// listen takes in who the main process is.
func (c *caretaker) listen() {
	var b [256]byte // some twenty messages, which one generation after the other sends
	for {
		n, _, err := unix.Recvfrom(c.line, b[:], unix.MSG_DONTWAIT)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return // nothing there, or no generation any more
		}
		for _, line := range strings.Fields(string(b[:n])) {
			if pid, err := strconv.Atoi(line); err == nil && pid > 1 {
				c.before = append(c.before, c.main)
				c.main = pid
			}
		}
	}
}

// Forward passes the signals of the anchor on to its heir from now on; what follows that one becomes a child of this process. stop is called
// when the first signal to stop comes, quit with the second one. Nothing of this ends before the process does, or becomes the caretaker.
func (h *Heir) Forward(stop, quit func()) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of later processes: %w", err)
	}
	h.signals = make(chan os.Signal, 16)
	h.care = &caretaker{line: h.line, main: h.Pid}
	signal.Notify(h.signals, passed...)
	go func() { // ends with the process
		for s := range h.signals {
			h.mu.Lock()
			before := h.care.stopping
			again := h.care.pass(s)
			first := h.care.stopping && !before
			h.mu.Unlock()
			if again {
				quit()
			}
			if first {
				stop()
			}
		}
	}()
	return nil
}

// Settle ends the anchor's own life as a server: it becomes the caretaker, by executing program anew, and does not return. If it
// returns, the heir has ended, or there is no such program: the exit code is that of the heir, for which it waits.
func (h *Heir) Settle(program string, args []string) (code int, err error) {
	select {
	case <-h.ended:
		return exitCode(h.status), nil
	default:
	}
	err = h.execute(program, args)
	<-h.ended
	return exitCode(h.status), err
}

func (h *Heir) execute(program string, args []string) error {
	if _, err := unix.FcntlInt(uintptr(h.line), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("keep the line to the generations: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	runtime.LockOSThread() // signals are held back for this thread, which is the one that goes on
	defer runtime.UnlockOSThread()
	// SIGTERM and SIGINT are not lost: at worst they end this process at once, and the generations with it, in good order. Go's runtime
	// does not start with SIGHUP blocked, but does with SIGHUP ignored.
	signal.Ignore(syscall.SIGHUP)
	var held, before unix.Sigset_t
	for _, s := range append([]os.Signal{syscall.SIGCHLD}, passed...) {
		n := uint(s.(syscall.Signal)) - 1
		held.Val[n/64] |= 1 << (n % 64)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &held, &before); err != nil {
		return fmt.Errorf("hold signals back: %w", err)
	}
	for len(h.signals) > 0 {
		h.care.pass(<-h.signals)
	}
	stopping := "0"
	if h.care.stopping {
		stopping = "1"
	}
	env := append(environmentWith(notifyVariable), caretakerVariable+"="+strconv.Itoa(h.line)+" "+strconv.Itoa(h.care.main)+" "+stopping)
	err := syscall.Exec(program, append([]string{"skerry:", "caretaker", "of"}, args...), env)
	unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) // it was set before, so it can be
	signal.Notify(h.signals, syscall.SIGHUP)
	syscall.CloseOnExec(h.line)
	return fmt.Errorf("become the caretaker: %w", err)
}

// Caretake does a caretaker's work, if this process is one, and returns its exit code when nobody is left.
func Caretake() (code int, is bool) {
	text, found := os.LookupEnv(caretakerVariable)
	if !found {
		return 0, false
	}
	var c caretaker
	var stopping int
	if _, err := fmt.Sscanf(text, "%d %d %d", &c.line, &c.main, &stopping); err != nil {
		fmt.Fprintf(os.Stderr, "skerry: error: %s is set, but not by an anchor\n", caretakerVariable)
		return 1, true
	}
	c.stopping = stopping == 1
	return c.run(), true
}

func (c *caretaker) run() int {
	syscall.CloseOnExec(c.line)
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, append([]os.Signal{syscall.SIGCHLD}, passed...)...)
	os.WriteFile("/proc/self/comm", []byte(caretakerName), 0) // for those who look: whether it works matters to nobody
	code := 0
	for {
		c.listen() // before anybody is waited for: see Succeed
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil {
				return code // nobody is left
			}
			if pid == 0 {
				break
			}
			c.before = slices.DeleteFunc(c.before, func(before int) bool { return before == pid })
			if pid == c.main || status.ExitStatus() > 0 {
				code = exitCode(status)
			}
		}
		s := <-signals
		c.listen()
		if s == syscall.SIGTERM || s == syscall.SIGINT {
			Notify("STOPPING=1")
		}
		if c.pass(s) {
			return Quit
		}
	}
}

// exitCode is a shell's for how a process ended.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
