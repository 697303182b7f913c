package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"skerry/internal/succession"
)

// UpgradePatience is how long the new process of an upgrade may take to serve. It builds the workers first.
const UpgradePatience = 5 * time.Minute

// upgrades does one upgrade at a time. All its methods are for the loop of serve.
type upgrades struct {
	ctx          context.Context
	cancel       context.CancelFunc
	self         *generation
	logger       *slog.Logger
	v8           func() string
	replaceHosts func(context.Context) error
	facts        func() any

	// predecessor is closed when that has gone; nil then, and if there was none.
	predecessor <-chan struct{}
	waiting     []asked
	running     []asked // nil if none is
	done        chan outcome
}

type outcome struct {
	heir *succession.Heir // nil: it failed, or only hosts were replaced
	old  succession.Report
	took time.Duration
	err  error
}

func newUpgrades(ctx context.Context, self *generation, logger *slog.Logger, v8 func() string, replaceHosts func(context.Context) error, facts func() any) *upgrades {
	u := &upgrades{self: self, logger: logger, v8: v8, replaceHosts: replaceHosts, facts: facts, predecessor: self.own.PredecessorGone(), done: make(chan outcome, 1)}
	u.ctx, u.cancel = context.WithCancel(ctx)
	return u
}

// ask begins an upgrade, or has it wait until the process before this one has gone: three at a time would be too many.
func (u *upgrades) ask(a asked) {
	if u.running != nil {
		u.logger.Warn("an upgrade is asked for while one is under way: this one is not done")
		a.answer(succession.Answer{Error: "an upgrade is under way: ask again when it is over"})
		return
	}
	u.waiting = append(u.waiting, a)
	if u.predecessor != nil && !a.HostsOnly {
		u.logger.Info("the upgrade waits until the requests of the process before this one are over")
	}
	u.begin()
}

// goOn is for when the predecessor has gone.
func (u *upgrades) goOn() {
	u.predecessor = nil
	u.begin()
}

func (u *upgrades) begin() {
	if u.running != nil {
		return
	}
	// All that wait for the same have it in common.
	var rest []asked
	for _, a := range u.waiting {
		if (len(u.running) > 0 && u.running[0].HostsOnly != a.HostsOnly) || (u.predecessor != nil && !a.HostsOnly) {
			rest = append(rest, a)
			continue
		}
		u.running = append(u.running, a)
	}
	u.waiting = rest
	if u.running == nil {
		return
	}
	hostsOnly := u.running[0].HostsOnly
	u.logger.Info("upgrade", "program", u.self.program, "hosts_only", hostsOnly)
	plan := succession.Plan{
		Command: append([]string{u.self.program}, os.Args[1:]...), Dir: u.self.dir, Sockets: u.self.sockets, Facts: u.facts(), Patience: UpgradePatience,
	}
	go func() { // ends with the upgrade, which ends with u.ctx
		begun := time.Now()
		o := outcome{old: u.report()}
		if hostsOnly {
			o.err = u.replaceHosts(u.ctx)
		} else {
			o.heir, o.err = succession.Succeed(u.ctx, u.self.own, plan)
		}
		o.took = time.Since(begun)
		u.done <- o
	}()
}

func (u *upgrades) report() succession.Report {
	return succession.Report{Pid: os.Getpid(), Version: version, Engine: u.v8()}
}

// settle tells how an upgrade has ended, and whether this process is to leave.
func (u *upgrades) settle(o outcome) (leave bool) {
	answer := succession.Answer{Old: o.old, New: u.report(), Millis: o.took.Milliseconds()}
	switch {
	case o.err != nil:
		u.logger.Error("the upgrade failed: everything goes on as before", "error", o.err)
		answer = succession.Answer{Error: o.err.Error()}
	case o.heir != nil:
		answer.New, answer.Drain = o.heir.Report, u.self.drain.Milliseconds()
		u.self.heir = o.heir
	default:
		u.logger.Info("new isolate hosts serve", "v8", answer.New.Engine, "before", answer.Old.Engine, "took", o.took)
	}
	for _, a := range u.running {
		a.answer(answer)
	}
	u.running = nil
	if o.heir != nil {
		return true
	}
	u.begin()
	return false
}

// stop ends all of it. One that is under way is called off.
func (u *upgrades) stop() {
	u.cancel()
	close(u.self.over)
	if u.running != nil {
		if o := <-u.done; o.heir != nil { // it was too late to call it off
			u.settle(o)
		}
	}
	for _, a := range append(u.running, u.waiting...) {
		a.answer(succession.Answer{Error: "the server is stopping, or another process has just taken over: ask again"})
	}
}

func (a asked) answer(answer succession.Answer) {
	if a.reply != nil {
		a.reply <- answer // it has room
	}
}
