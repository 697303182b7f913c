package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"skerry/internal/isolates"
	"skerry/internal/sandbox"
)

// sandboxFlag is --sandbox.
type sandboxFlag struct {
	mode  sandbox.Mode
	given bool
}

func (f *sandboxFlag) String() string { return f.mode.String() }
func (f *sandboxFlag) Type() string   { return "mode" }
func (f *sandboxFlag) Set(text string) error {
	mode, err := sandbox.ParseMode(text)
	f.mode, f.given = mode, true
	return err
}

func (f *sandboxFlag) add(flags *pflag.FlagSet, incomplete string) {
	flags.Var(f, "sandbox", `"on": isolate hosts run without files, network and privileges, and `+incomplete+`; "degraded": with as much of that as the machine has;
"off": with nothing, for debugging; "explain": on, and a forbidden system call is named. See skerry doctor`)
}

// hostProcesses is the sandbox that a command starts its hosts in, and what the pool must know of it.
type hostProcesses struct {
	*sandbox.Sandbox
	memoryMax int64
}

// openSandbox makes the sandbox and says which walls stand. lenient goes on without what is missing unless the mode was asked for.
func openSandbox(f sandboxFlag, parts *installation, memoryMax int64, lenient bool, logger *slog.Logger) (*hostProcesses, error) {
	config := sandbox.Config{
		Node: parts.Node, Addon: parts.Addon, Snapshot: parts.Snapshot, Flags: hostFlags, Build: parts.Build, Mode: f.mode, MemoryMax: memoryMax,
	}
	box, err := sandbox.New(config)
	lacking, incomplete := errors.AsType[*sandbox.MissingError](err)
	if incomplete && lenient && !f.given {
		config.Mode = sandbox.Degraded
		box, err = sandbox.New(config)
	} else if incomplete {
		return nil, &commandError{exitSandbox, "skerry doctor shows the whole table; --sandbox=degraded goes on without these walls, for code that you trust", lacking}
	}
	if err != nil {
		return nil, &commandError{exitInstall, "", err}
	}
	var present, absent []string
	for _, finding := range box.Findings() {
		if finding.Present {
			present = append(present, finding.Name)
		} else {
			absent = append(absent, finding.Name)
		}
	}
	switch {
	case f.mode == sandbox.Off:
		logger.Warn("THE SANDBOX IS OFF: code that breaks out of V8 has all that this user has. Never run code that you do not trust like this")
	case incomplete || f.mode == sandbox.Degraded && len(lackingOf(box)) > 0:
		logger.Warn("the sandbox is not complete: run only code that you trust; skerry doctor says how to get the rest", "walls", strings.Join(present, " "), "missing", strings.Join(absent, " "))
	default:
		logger.Info("sandbox", "walls", strings.Join(present, " "), "missing", strings.Join(absent, " "))
	}
	return &hostProcesses{box, memoryMax}, nil
}

// lackingOf lists the walls that mode on would require and that are missing.
func lackingOf(box *sandbox.Sandbox) []string {
	var names []string
	for _, finding := range box.Findings() {
		if !finding.Present && !finding.Optional {
			names = append(names, finding.Name)
		}
	}
	return names
}

// launch is isolates.Config.Launch.
func (p *hostProcesses) launch(socket, crashPage, stderr *os.File) (isolates.Process, error) {
	return p.Start(socket, crashPage, stderr)
}

// engine is what a pool makes hosts of.
func (p *hostProcesses) engine(parts *installation) isolates.Engine {
	return isolates.Engine{Launch: p.launch, Build: parts.Build, MemoryMax: p.sampledMemory()}
}

// sampledMemory is the limit that the supervisor itself must hold hosts to: 0 if the kernel does.
func (p *hostProcesses) sampledMemory() int64 {
	if p.MemoryLimited() {
		return 0
	}
	return p.memoryMax
}

// standing is which walls stand, for metrics.
func (p *hostProcesses) standing() map[string]bool {
	walls := make(map[string]bool)
	for _, finding := range p.Findings() {
		walls[finding.Name] = finding.Present
	}
	return walls
}

// The memory that a host may use when nothing is configured: an equal part of most of the machine's, and enough to work with.
const (
	memoryShare   = 0.75
	memoryHostMin = 1 << 30
)

// memoryMax is the memory in bytes that one host may use. configuredMB is 0 if it is not configured.
func memoryMax(configuredMB, hosts int) int64 {
	if configuredMB > 0 {
		return int64(configuredMB) << 20
	}
	return max(memoryHostMin, int64(memoryShare*float64(machineMemory()))/int64(max(1, hosts)))
}

// machineMemory is the machine's memory in bytes, 0 if it is not known.
func machineMemory() int64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "MemTotal:"); found {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64) // 0 if it is no number
			return kilobytes << 10
		}
	}
	return 0
}

// sandboxTable is what skerry doctor prints, and whether `skerry serve` would start.
func sandboxTable(findings []sandbox.Finding) (string, bool) {
	var b strings.Builder
	complete := true
	for _, f := range findings {
		state := "present"
		switch {
		case f.Present:
		case f.Optional:
			state = "absent"
		default:
			state, complete = "MISSING", false
		}
		fmt.Fprintf(&b, "  %-16s %-8s stops %s\n", f.Name, state, f.Stops)
		if !f.Present {
			fmt.Fprintf(&b, "  %-16s %-8s %s\n  %-16s %-8s %s\n", "", "", "why: "+f.Problem, "", "", "how: "+f.Remedy)
		}
	}
	return b.String(), complete
}
