// Package worker holds the nouns of the platform: what a worker, a version of it, its modules, bindings and limits are,
// and how an event on it can end. It knows no wire, store or process and imports only the standard library.
package worker

import "time"

// ModuleType says what a module is. The values cross the wire.
type ModuleType uint8

// The module types of the Workers platform. Script is service-worker syntax: one classic script.
const (
	ESModule ModuleType = 0
	JSON     ModuleType = 1
	Text     ModuleType = 2
	Data     ModuleType = 3
	Wasm     ModuleType = 4
	Script   ModuleType = 5
)

// Module is one file of a bundle. Name is what import statements resolve to, as a path relative to the bundle's root.
type Module struct {
	Name string
	Type ModuleType
	Data []byte
	// SourceMap is the source map of an ES module or script in JSON, nil if there is none. It never leaves the supervisor.
	SourceMap []byte
}

// Binding is one entry of env. Exactly one of the value fields belongs to its Kind.
type Binding struct {
	Name string
	Kind BindingKind
	// Text is the value of a TextBinding, and what an UnservedBinding stands for.
	Text string
	// JSON is the value of a JSONBinding, a JSON text.
	JSON []byte
}

// BindingKind says what a binding is.
type BindingKind uint8

// The kinds of bindings.
const (
	TextBinding BindingKind = 1
	JSONBinding BindingKind = 2
	// UnservedBinding stands for a binding of a product that is not served yet: Text is its key in the configuration.
	UnservedBinding BindingKind = 3
)

// Limits are the resource limits of one worker. A zero field means the platform's default.
type Limits struct {
	// CPU is the CPU time one event may use.
	CPU time.Duration
	// Startup is the CPU time the evaluation of the modules may use.
	Startup time.Duration
	// MemoryMB is the memory one isolate may use, in MiB.
	MemoryMB int
	// Subrequests is the number of host calls, fetches that is, one event may make.
	Subrequests int
	// Events is the number of events that may be under way at once.
	Events int
}

// The defaults of Limits.
const (
	DefaultCPU      = 50 * time.Millisecond
	DefaultStartup  = time.Second
	DefaultMemoryMB = 128
	// DefaultSubrequests is what the Workers platform gave until 2026.
	DefaultSubrequests = 1000
	// DefaultEvents leaves each event of a full isolate 16 KiB, and room in the host process for others.
	DefaultEvents = 8192
)

// DefaultSubrequestsMax is what "skerry serve" lets projects ask for unless its operator says otherwise: the default of the Workers platform.
const DefaultSubrequestsMax = 10_000

// AtMost lowers what is above a ceiling, in which a zero field means that there is none. An unset field stays so where its default fits.
func (l Limits) AtMost(ceiling Limits) Limits {
	full := l.WithDefaults()
	if ceiling.CPU != 0 && full.CPU > ceiling.CPU {
		l.CPU = ceiling.CPU
	}
	if ceiling.Startup != 0 && full.Startup > ceiling.Startup {
		l.Startup = ceiling.Startup
	}
	if ceiling.MemoryMB != 0 && full.MemoryMB > ceiling.MemoryMB {
		l.MemoryMB = ceiling.MemoryMB
	}
	if ceiling.Subrequests != 0 && full.Subrequests > ceiling.Subrequests {
		l.Subrequests = ceiling.Subrequests
	}
	if ceiling.Events != 0 && full.Events > ceiling.Events {
		l.Events = ceiling.Events
	}
	return l
}

// WithDefaults replaces zero fields by the defaults.
func (l Limits) WithDefaults() Limits {
	if l.CPU == 0 {
		l.CPU = DefaultCPU
	}
	if l.Startup == 0 {
		l.Startup = DefaultStartup
	}
	if l.MemoryMB == 0 {
		l.MemoryMB = DefaultMemoryMB
	}
	if l.Subrequests == 0 {
		l.Subrequests = DefaultSubrequests
	}
	if l.Events == 0 {
		l.Events = DefaultEvents
	}
	return l
}

// Version is one immutable build of a worker: what an isolate is made of. It is used by pointer and never changed after
// it has been handed out; two different *Version are two different versions.
type Version struct {
	// Name is the worker's name, as in its configuration.
	Name string
	// ID tells versions of one worker apart in logs.
	ID string
	// Main is the index of the entry module in Modules.
	Main       int
	Modules    []Module
	Bindings   []Binding
	CompatDate string
	// CompatFlags is what the runtime layer is told of them (compat.Set.Sent).
	CompatFlags []string
	Limits      Limits
	// Cordon names the workers with which this one may share a process; "" is a name like any other.
	Cordon string
}

// Outcome is how an event on a worker ended. It is data, not an error: errors mean that the platform failed.
// The values cross the wire (Outcome in protocol/messages.json).
type Outcome uint8

// The outcomes.
const (
	OK             Outcome = 0
	Exception      Outcome = 1
	ExceededCPU    Outcome = 2
	ExceededMemory Outcome = 3
	Canceled       Outcome = 4
	LoadShed       Outcome = 5
	HostLost       Outcome = 6
	ScriptInvalid  Outcome = 7
	Hung           Outcome = 8
	InternalError  Outcome = 9
)

var outcomeNames = [...]string{"ok", "exception", "exceededCpu", "exceededMemory", "canceled", "loadShed", "hostLost", "scriptInvalid", "hung", "internalError"}

// String is the name of the outcome in logs and metrics.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

// Outcomes lists every outcome, for metrics that want to start at zero.
func Outcomes() []Outcome {
	all := make([]Outcome, len(outcomeNames))
	for i := range all {
		all[i] = Outcome(i)
	}
	return all
}
