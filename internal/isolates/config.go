package isolates

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// Limits on what a host, its workers and its clients can make the supervisor hold.
const (
	// EventsMax is the number of events one host may have under way. More are shed.
	EventsMax = 1 << 16
	// CallsMax is the number of host calls one host may have under way; further ones are refused.
	CallsMax = 1 << 14
	// CallsPerEventMax is the same for one event.
	CallsPerEventMax = 1 << 10
	// CallBytesMax is the number of bytes that the arguments of all calls under way of one host may have.
	CallBytesMax = 128 << 20
	// StreamsMax is the number of streams that one host may have open towards the supervisor: no honest one comes near it.
	StreamsMax = 1 << 17
	// DefaultBufferedMax is the default of Config.BufferedMax.
	DefaultBufferedMax = 1 << 30
	// IdleFramesMax is how many more frames one host may send that change nothing than frames that do.
	IdleFramesMax = 1 << 16
	// SocketsMax is the number of WebSockets that the workers of one host may have open as clients, or while they serve as many.
	SocketsMax = 1 << 16
	// CodeCacheMax is the size in bytes that the code cache of one module may have; a larger one is not kept.
	CodeCacheMax = 16 << 20
	// codeCachePerByte and codeCacheFloor bound it by the size of the module: that often, and so many bytes besides. What several modules
	// of one host have that is not complete yet is at most codeCachePendingMax bytes.
	codeCachePerByte, codeCacheFloor = 16, 64 << 10
	codeCachePendingMax              = 32 << 20
	// StderrLogMax is how many bytes of a host's standard error go to the log; the rest is counted.
	StderrLogMax = 1 << 20
	// stderrLineMax and stderrTailMax bound one line of it and what is kept for error messages, in bytes.
	stderrLineMax = 4 << 10
	stderrTailMax = 4 << 10
	// workerDataPiece is the size in bytes of one WorkerData.
	workerDataPiece = 256 << 10
	// bodyErrorMax is the size in bytes of an error text sent to a host.
	bodyErrorMax = 1 << 10
)

// timing holds the durations that tests shorten.
type timing struct {
	// hello is how long a new host may take to answer Hello.
	hello time.Duration
	// healthy is the age from which a host that dies before its first event has ended does not count towards the back-off.
	healthy time.Duration
	// backoffMin and backoffMax bound the pause before a host is started again after quickDeathsMax quick deaths.
	backoffMin, backoffMax time.Duration
	// probe is how often a host is asked whether it lives, probeTimeout how long it may take to answer.
	probe, probeTimeout time.Duration
	// lifetime is how long a host serves before another takes its place; housekeep is how often that and idle quarantines are looked at.
	lifetime, housekeep time.Duration
	// sample is how often the memory of hosts is looked at.
	sample time.Duration
	// retire is how long a host that has been replaced may go on with its events.
	retire time.Duration
	// late is how long an event may go on when its response is out or its client gone; lateLook is how often that is looked at.
	late, lateLook time.Duration
	// goodbye is how long the peer of a WebSocket may take to answer a Close frame before its connection is cut.
	goodbye time.Duration
	// leftBehind is how long a host may leave an event unended that nobody waits for any more.
	leftBehind time.Duration
	// exit is how long a socket may stay open after its process has gone.
	exit time.Duration
}

var defaultTiming = timing{
	hello: 10 * time.Second, healthy: time.Second, backoffMin: 100 * time.Millisecond, backoffMax: 10 * time.Second,
	probe: 5 * time.Second, probeTimeout: 30 * time.Second, retire: 30 * time.Second, exit: time.Second, goodbye: 5 * time.Second, sample: 100 * time.Millisecond,
	late: 30 * time.Second, lateLook: time.Second,
	lifetime: 24 * time.Hour, housekeep: 10 * time.Second, leftBehind: 15 * time.Minute,
}

// quickDeathsMax is the number of quick deaths in a row after which Fetch fails instead of waiting for a new host.
const quickDeathsMax = 3

// Engine is what host processes are made of.
type Engine struct {
	// Launch starts one host process on the files that become its descriptors 3 (the socket) and 4 (the crash page), and its standard
	// error. The pool closes its own copies of them.
	Launch func(socket, crashPage, stderr *os.File) (Process, error)
	// Build must equal what the host was built as.
	Build string
	// MemoryMax is the resident memory in bytes beyond which a host is ended, 0: none. The supervisor samples it, so set it where the
	// kernel does not hold hosts to a limit.
	MemoryMax int64
}

// Config is what a Pool is made of. Zero values mean the defaults.
type Config struct {
	// Engine is what hosts are made of until Replace.
	Engine

	// Hosts is the number of host processes that serve (default 1). Each worker lives in one of them.
	Hosts int
	// WarmSpareHost keeps one more process past Ready, to take the place of one that dies.
	WarmSpareHost bool

	// Executors is the number of executor threads of a host (default: processors), ExecutorsMax the most it may grow to
	// (default: four times as many), at most crashSlots. Spares is the number of spare isolates (default 2, -1: none), IsolatesMax
	// the number of isolates from which idle ones are evicted (default 1500), MemoryBudget the same in bytes (default: none).
	Executors, ExecutorsMax, Spares, IsolatesMax int
	MemoryBudget                                 int64
	// BufferedMax is how many bytes of bodies and messages of one host may wait in the supervisor for somebody to read them (default:
	// DefaultBufferedMax). A stream that has more to say then is cut.
	BufferedMax int64
	// ClockFrozen makes the clocks of workers stand still while they run; Dev turns development aids on.
	ClockFrozen, Dev bool

	// Calls answers host calls; nil refuses all of them.
	Calls CallHandler
	// OnLog is told console lines. It is called on the reading goroutine of a host and must not block; text is valid until it returns.
	OnLog func(v *worker.Version, level hostproto.LogLevel, text []byte)
	// Logger takes the pool's own log; nil: slog.Default().
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Hosts <= 0 {
		c.Hosts = 1
	}
	if c.Executors <= 0 {
		c.Executors = runtime.GOMAXPROCS(0)
	}
	c.Executors = min(c.Executors, crashSlots)
	if c.ExecutorsMax <= 0 {
		c.ExecutorsMax = 4 * c.Executors
	}
	c.ExecutorsMax = max(c.Executors, min(c.ExecutorsMax, crashSlots))
	if c.Spares == 0 {
		c.Spares = 2
	}
	c.Spares = max(0, min(c.Spares, 1<<16-1))
	if c.IsolatesMax <= 0 {
		c.IsolatesMax = 1500
	}
	if c.BufferedMax <= 0 {
		c.BufferedMax = DefaultBufferedMax
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func (c Config) hello(build string) hostproto.Hello {
	return hostproto.Hello{
		Protocol: hostproto.Protocol, Build: build, Executors: uint16(c.Executors), ExecutorsMax: uint16(c.ExecutorsMax), Spares: uint16(c.Spares),
		IsolatesMax: uint32(c.IsolatesMax), MemoryBudget: uint64(max(0, c.MemoryBudget)), ClockFrozen: c.ClockFrozen, Dev: c.Dev,
	}
}

// Process is a host that runs.
type Process interface {
	Pid() int
	// Kill ends it at once. It may have ended.
	Kill()
	// Wait returns when it has ended, with a description. It is called once.
	Wait() string
	// KilledFromOutside says, after Wait, that somebody killed it, so that nothing it ran is to blame.
	KilledFromOutside() bool
}

// CallHandler answers host calls.
type CallHandler interface {
	// Call runs on its own goroutine. ctx ends with CallAbort, with the event or its host, and when the body of the result has been
	// read to its end or closed. Both bodies may be used until then; the pool closes them.
	Call(ctx context.Context, c *Call) CallResult
}

// Call is a host call as a host made it: nothing in it has been checked but that the event is one of Version.
type Call struct {
	Version *worker.Version
	Slot    uint16
	Op      hostproto.CallOp
	// Args are the encoded arguments; the handler may keep them.
	Args []byte
	// Upload is nil if there is none.
	Upload io.ReadCloser
}

// CallResult is the answer to a Call. Body and Socket are closed by the pool.
type CallResult struct {
	Code    hostproto.CallCode
	Message string
	Result  []byte
	Body    io.ReadCloser
	// Length of Body in bytes, -1 if unknown.
	Length int64
	// Socket is a WebSocket that was opened; then there is no Body.
	Socket MessageConn
	// Violation, if not empty, is what no honest host would have asked. It ends the host.
	Violation string
}
