package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"skerry/internal/succession"
)

// The names of the sockets that one process of `skerry serve` passes on to the next.
const (
	socketRequests = "requests"
	socketAdmin    = "admin"
	socketControl  = "control"
)

// facts is what a process of `skerry serve` tells the next.
type facts struct {
	// Built are the workers that run, by siteKey.name: an upgrade must not lose one of them.
	Built []string
}

// generation is what a process of `skerry serve` knows of those before and after it.
type generation struct {
	own  *succession.Inheritance // nil: this is the anchor
	heir *succession.Heir        // nil: nobody follows yet
	// program is the path by which the server was started, dir where.
	program, dir string
	sockets      []succession.Socket
	// asked are upgrades that somebody wants; over is closed when nobody takes them any more.
	asked chan asked
	over  chan struct{}
	// announced: the predecessor knows that this process serves.
	announced bool
	drain     time.Duration
}

// asked is one wish for an upgrade.
type asked struct {
	succession.Question
	reply chan<- succession.Answer // nil: it was a signal
}

func newGeneration(o *serveOptions) (*generation, error) {
	own, err := succession.Inherit()
	if err != nil {
		return nil, err
	}
	s := &generation{own: own, asked: make(chan asked), over: make(chan struct{}), drain: o.drain}
	if s.program, err = startedAs(); err != nil {
		return nil, err
	}
	if s.dir, err = os.Getwd(); err != nil { // as the shell says it, if it does
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	return s, nil
}

// anchor is the process id by which the server is known.
func (s *generation) anchor() int {
	if s.own != nil {
		return s.own.Anchor
	}
	return os.Getpid()
}

// listen takes a socket over from the predecessor, if that had one of the same address, and else opens one.
func (s *generation) listen(name, address, hint string) (net.Listener, error) {
	l, err := s.own.Listener(name, address)
	if err != nil {
		return nil, &commandError{exitListen, "", err}
	}
	if l == nil {
		if l, err = listen(address, hint); err != nil {
			return nil, err
		}
	}
	s.sockets = append(s.sockets, succession.Socket{Name: name, Address: address, Listener: l})
	return l, nil
}

// untilStopped returns a context that ends when the caretaker says so, or has been killed.
func (s *generation) untilStopped(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, succession.SignalStop)
	go func() { // ends with cancel
		select {
		case <-stops:
		case <-s.own.AnchorGone():
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, func() {
		signal.Stop(stops)
		cancel()
	}
}

// control answers `skerry upgrade` and SIGUSR2 until the function returned is called.
func (s *generation) control(logger *slog.Logger) (end func()) {
	name := fmt.Sprint(s.anchor())
	l, err := s.own.Listener(socketControl, name)
	if err == nil && l == nil && s.own == nil {
		l, err = succession.ListenControl(s.anchor())
	}
	if err != nil {
		logger.Warn("no control socket: skerry upgrade will not find this server, SIGUSR2 works", "error", err)
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGUSR2)
	go func() { // ends with the loop of serve
		for {
			select {
			case <-again:
			case <-s.over:
				return
			}
			select {
			case s.asked <- asked{}:
			case <-s.over:
				return
			}
		}
	}()
	over := make(chan struct{})
	if l == nil {
		close(over)
	} else {
		s.sockets = append(s.sockets, succession.Socket{Name: socketControl, Address: name, Listener: l})
		go func() { // ends with the listener
			defer close(over)
			succession.Control(l, s.answer)
		}()
	}
	return func() {
		signal.Stop(again)
		if l != nil {
			l.Close() // the error would be that it is closed
		}
		<-over
	}
}

func (s *generation) answer(q succession.Question) succession.Answer {
	reply := make(chan succession.Answer, 1)
	select {
	case s.asked <- asked{q, reply}:
		return <-reply
	case <-s.over:
		return succession.Answer{Error: "the server is stopping, or another process has just taken over: ask again"}
	}
}

// prepare builds the workers that ran in the predecessor.
func (s *generation) prepare(ctx context.Context, sites *sites) error {
	if s.own == nil {
		return nil
	}
	var told facts
	if err := json.Unmarshal(s.own.Facts, &told); err != nil {
		return fmt.Errorf("understand the predecessor: %w", err)
	}
	return sites.buildNow(ctx, told.Built)
}

// serving tells whoever waits for it that requests are served.
func (s *generation) serving(v8 string) error {
	if s.own == nil {
		succession.Notify("READY=1")
		return nil
	}
	if err := s.own.Serving(succession.Report{Version: version, Engine: v8}); err != nil {
		return err
	}
	s.announced = true
	return nil
}

// handOver is done when somebody follows. stop ends this process's own listening for signals to stop; stopped is closed when the server is
// told to. hurry is called then, so that this process does not wait for connections on which nothing may ever come, and cutOff if there is
// no anchor any more.
func (s *generation) handOver(stop, hurry, cutOff func(), stopped <-chan struct{}, logger *slog.Logger) {
	for _, socket := range s.sockets {
		if socket.Name == socketControl {
			socket.Listener.Close() // the error would be that it is closed
		}
	}
	if s.own != nil {
		go func() { // ends with the process
			<-stopped
			go hurry()
			<-s.own.AnchorGone()
			cutOff()
		}()
		return
	}
	if err := s.heir.Forward(func() { go hurry() }, func() { quit(exitQuit) }); err != nil {
		logger.Error("signals to this process will not reach the new one", "error", err)
		return
	}
	stop()
}

// end is the end of the process: of the anchor only as a server, if somebody follows.
func (s *generation) end(err error) error {
	if err != nil && !s.announced {
		s.own.Fail(err)
	}
	if s.heir == nil {
		return err
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "skerry: error: %v\n", err) // it is not how the server ends
	}
	if s.own == nil {
		code, err := s.heir.Settle(s.program, os.Args)
		return ended(code, err)
	}
	if code, over := s.heir.Code(); over {
		return ended(code, nil) // nobody else can know it
	}
	return nil
}

// ended is an exit code as an error.
func ended(code int, err error) error {
	if err == nil {
		err = errors.New("")
	}
	if code == exitOK {
		return nil
	}
	return &commandError{code, "", err}
}
