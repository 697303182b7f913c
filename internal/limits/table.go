package limits

import (
	"time"

	"skerry/internal/bindings"
	"skerry/internal/egress"
	"skerry/internal/hostproto"
	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/observe"
	"skerry/internal/project"
	"skerry/internal/routing"
	"skerry/internal/worker"
)

// The files that define most.
const (
	ofWorker   = "internal/worker/worker.go:"
	ofIngress  = "internal/ingress/limits.go:"
	ofEgress   = "internal/egress/client.go:"
	ofIsolates = "internal/isolates/config.go:"
	ofServer   = "internal/project/server.go:"
	ofWire     = "protocol/messages.json:"
)

// Table is every limit.
func Table() []Group {
	return []Group{
		{"A worker", "Per worker, or per event of it.", []Row{
			{"CPU time of an event", span(worker.DefaultCPU), ofWorker + "DefaultCPU", "503, error code 1102, outcome `exceededCpu`", "`limits.cpu_ms` of the project or `skerry.toml` (30 s in `skerry dev`); ceiling `cpu_ms_max`", "10 ms or 30 s, settable to 5 min"},
			{"`limits.cpu_ms`", count(300_000, "ms"), "internal/project/project.go:maxCPUMillis", "the configuration is refused", "", "5 min"},
			{"CPU time of start-up (global scope)", span(worker.DefaultStartup), ofWorker + "DefaultStartup", "`Script startup exceeded CPU time limit.`; 500, error code 1101, outcome `scriptInvalid`", "`limits.startup_ms` of `skerry.toml`; ceiling `startup_ms_max`", "1 s, code 10021 at upload"},
			{"`limits.startup_ms`", count(60_000, "ms"), ofServer + "maxStartupMillis", "the configuration is refused", "", ""},
			{"memory of an isolate", count(worker.DefaultMemoryMB, "MiB"), ofWorker + "DefaultMemoryMB", "503, error code 1102, outcome `exceededMemory`; another isolate takes over", "`limits.memory_mb` of `skerry.toml`; ceiling `memory_mb_max`", "128 MB"},
			{"`limits.memory_mb`", count(4096, "MiB"), ofServer + "maxMemoryMB", "the configuration is refused", "", ""},
			{"subrequests of an event", count(worker.DefaultSubrequests, ""), ofWorker + "DefaultSubrequests", "`Too many subrequests by single Worker invocation (limit N).`", "`limits.subrequests` of the project or `skerry.toml`; ceiling `subrequests_max`", "50 or 10 000, settable"},
			{"ceiling of subrequests", count(worker.DefaultSubrequestsMax, ""), ofWorker + "DefaultSubrequestsMax", "a project's limit is lowered, with a warning", "`limits.subrequests_max` of `skerry.toml`", ""},
			{"`limits.subrequests`", count(10_000_000, ""), "internal/project/project.go:maxSubrequests", "the configuration is refused", "", "10 000 000"},
			{"requests waiting for response headers", count(bindings.DefaultWaiting, "per event"), "internal/bindings/bindings.go:DefaultWaiting", "one more waits", "", "6"},
			{"host calls under way of an event", count(isolates.CallsPerEventMax, ""), ofIsolates + "CallsPerEventMax", "`too many calls under way`", "", ""},
			{"events of a worker under way", count(worker.DefaultEvents, ""), ofWorker + "DefaultEvents", "503, error code 1200, outcome `loadShed`", "`limits.events` of `skerry.toml`; ceiling `events_max`", "`Too many requests queued.` for one object"},
			{"`limits.events`", count(isolates.EventsMax, ""), ofServer + "maxEvents", "the configuration is refused", "", ""},
			{"time for waitUntil after the response, or after the client has left", span(30 * time.Second), ofIsolates + "late", "the event is ended, outcome `canceled`, and the console says `waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled.`", "", "30 s"},
			{"time in which a handler that knows of its client's leaving may go on", count(5000, "ms"), "runtime/bootstrap/dispatch.ts:cancelGraceMs", "the event is ended, outcome `canceled`", "", ""},
			{"workers that a request comes through", count(ingress.DefaultDepth, ""), ofIngress + "DefaultDepth", "500, error code 1019", "", "16"},
			{"timers pending of an event", count(10_000, ""), "runtime/web/timers.ts:timersMax", "`TypeError`: `an event may have no more than 10000 timers at once.`", "", ""},
			{"stack of JavaScript", size(960 << 10), "host/engine/isolate.h:kStackBytes", "`RangeError`: `Maximum call stack size exceeded`", "", ""},
			{"console output of an event", size(256 << 10), "host/engine/instance.h:kLogBytesMax", "the rest is dropped, and a line says so", "", "256 KB"},
			{"console output of a worker at once", size(observe.ConsoleBurst), "internal/observe/quota.go:ConsoleBurst", "lines are dropped and counted in a warning", "", ""},
			{"console output of a worker in the long run", size(observe.ConsoleRate).per("per second"), "internal/observe/quota.go:ConsoleRate", "lines are dropped and counted in a warning", "", ""},
			{"one line of the console", size(hostproto.LogTextMax), ofWire + "log_text_max", "it is cut", "", ""},
			{"text of a stack trace", size(hostproto.StackTextMax), ofWire + "stack_text_max", "it is cut", "", ""},
		}},
		{"What a worker is made of", "Checked when a project is read and built.", []Row{
			{"all modules together", size(project.MaxBundle), "internal/project/bundle.go:MaxBundle", "the build fails: `the worker has N bytes, and 67108864 are allowed`", "", "64 MiB, code 10027"},
			{"modules", count(1<<16, ""), "internal/project/bundle.go:maxModules", "the build fails: `the worker has N modules, and 65536 are allowed`", "", ""},
			{"modules as a host takes them", size(hostproto.WorkerDataMax), ofWire + "worker_data_max", "the worker cannot be started", "", ""},
			{"variables and secrets", count(project.MaxVars, ""), "internal/project/vars.go:MaxVars", "the project is refused: `the worker has N variables, and 128 are allowed`", "", "64 or 128, code 10055"},
			{"one variable", size(project.MaxVar), "internal/project/vars.go:MaxVar", "the project is refused: `variable \"NAME\" has N bytes, and 5120 are allowed`", "", "5 KB, code 10054"},
			{"a configuration file", size(4 << 20), "internal/project/project.go:maxConfig", "it is refused", "", ""},
			{"name of a worker", size(63), "internal/project/project.go:maxName", "the project is refused", "", "63"},
			{"a route's pattern", size(routing.MaxPattern), "internal/routing/pattern.go:MaxPattern", "the configuration is refused", "", ""},
			{"workers of one `skerry.toml`", count(100_000, ""), ofServer + "maxWorkers", "the configuration is refused", "", ""},
			{"code cache of a module", size(isolates.CodeCacheMax), ofIsolates + "CodeCacheMax", "it is not kept: each isolate compiles the module anew", "", ""},
		}},
		{"Requests of clients", "", []Row{
			{"head of a request, URL included", size(ingress.DefaultHeaderBytes), ofIngress + "DefaultHeaderBytes", "431, error code 1431", "", "128 KB"},
			{"header fields", count(ingress.DefaultHeaderFields, ""), ofIngress + "DefaultHeaderFields", "400 (HTTP/1) or 431 (HTTP/2)", "", ""},
			{"URL", size(ingress.DefaultURLBytes), ofIngress + "DefaultURLBytes", "414, error code 1414", "", "16 KB"},
			{"body of a request", size(ingress.DefaultBodyBytes), ofIngress + "DefaultBodyBytes", "413, error code 1413", "", "100 MB to 5 GB by plan"},
			{"time for a request's head", span(ingress.DefaultReadHeader), ofIngress + "DefaultReadHeader", "the connection is closed", "", ""},
			{"time without any of the body while the worker waits for it", span(ingress.DefaultBodyStall), ofIngress + "DefaultBodyStall", "408, error code 1408; the event is cancelled, the connection closed", "", ""},
			{"what earns a client more of that time, until the worker answers", size(ingress.DefaultBodyRate).per("per second"), ofIngress + "DefaultBodyRate", "408, error code 1408, when the time is used up", "", ""},
			{"time in which a client takes nothing of a response", span(ingress.DefaultWriteStall), ofIngress + "DefaultWriteStall", "the connection is closed (HTTP/1), the stream is reset (HTTP/2)", "", ""},
			{"time of an idle connection", span(ingress.DefaultIdle), ofIngress + "DefaultIdle", "the connection is closed", "", ""},
			{"time of a TLS handshake", span(ingress.DefaultHandshake), ofIngress + "DefaultHandshake", "the connection is closed", "", ""},
			{"concurrent requests of an HTTP/2 connection", count(ingress.DefaultStreams, ""), ofIngress + "DefaultStreams", "the stream is refused", "", ""},
			{"time for which a stream that was reset counts among them while its worker is at it", span(ingress.ResetHold), ofIngress + "ResetHold", "`ENHANCE_YOUR_CALM` for who resets more than four times the concurrent requests meanwhile", "", ""},
			{"HTTP/2 frames that carry nothing: PING, SETTINGS, RST_STREAM, PRIORITY, unknown, empty", count(ingress.DefaultControlFrames, "in 10 s"), ofIngress + "DefaultControlFrames", "the connection is closed with `ENHANCE_YOUR_CALM`", "", ""},
			{"headers of a response", size(hostproto.HeadersMax), ofWire + "headers_max", "`TypeError`: `The headers are N bytes long; at most 131072 can be sent.`", "", "128 KB"},
		}},
		{"WebSockets", "", []Row{
			{"a client's message, inflated", size(ingress.DefaultMessageBytes), ofIngress + "DefaultMessageBytes", "close code 1009", "", "32 MiB"},
			{"a server's message, inflated", size(egress.DefaultMessageBytes), ofEgress + "DefaultMessageBytes", "close code 1009", "", "32 MiB"},
			{"a message between host and supervisor", size(hostproto.SocketMessageMax), ofWire + "socket_message_max", "the host process is ended", "", ""},
			{"what a worker sent and its peer has not taken", size(hostproto.SocketUnsentMax), ofWire + "socket_unsent_max", "close code 1006: `The WebSocket's buffer is full: …`", "", ""},
			{"time in which a client takes nothing", span(ingress.DefaultSocketStall), ofIngress + "DefaultSocketStall", "the connection is closed", "", ""},
			{"time in which a server takes nothing", span(egress.DefaultSocketStall), ofEgress + "DefaultSocketStall", "the connection is closed", "", ""},
			{"reason of a close", size(hostproto.SocketReasonMax), ofWire + "socket_reason_max", "`SyntaxError` (RFC 6455)", "", "the same"},
			{"time for the answer to a close", span(5 * time.Second), ofIsolates + "goodbye", "the connection is cut", "", ""},
			{"sockets of a host's workers", count(isolates.SocketsMax, ""), ofIsolates + "SocketsMax", "`too many WebSockets are open`", "", ""},
		}},
		{"Requests of workers (fetch)", "", []Row{
			{"redirects", count(egress.DefaultRedirects, ""), ofEgress + "DefaultRedirects", "`TypeError`: `too many redirects (limit 20)`", "", "20 (Fetch)"},
			{"upload that is held to be sent again", size(egress.DefaultHold), ofEgress + "DefaultHold", "a 307 or 308 fails", "", ""},
			{"head of a response", size(egress.DefaultHeaderBytes), ofEgress + "DefaultHeaderBytes", "the fetch fails", "", "128 KB"},
			{"time to connect", span(egress.DefaultConnect), ofEgress + "DefaultConnect", "the fetch fails", "", ""},
			{"time of a TLS handshake", span(egress.DefaultHandshake), ofEgress + "DefaultHandshake", "the fetch fails", "", ""},
			{"time until the head of a response", span(egress.DefaultResponseHeader), ofEgress + "DefaultResponseHeader", "the fetch fails", "", ""},
			{"time of an idle connection", span(egress.DefaultIdle), ofEgress + "DefaultIdle", "it is closed", "", ""},
			{"idle connections to one server", count(egress.DefaultIdlePerHost, ""), ofEgress + "DefaultIdlePerHost", "the rest is closed", "", ""},
			{"idle connections", count(egress.DefaultIdleTotal, ""), ofEgress + "DefaultIdleTotal", "the rest is closed", "", ""},
			{"window of a zstd response", size(egress.DefaultDecodeWindow), ofEgress + "DefaultDecodeWindow", "reading the body fails", "", ""},
		}},
		{"Web APIs", "Memories of WebAssembly and buffers, resizable ones too, count towards the memory of the isolate. The number of resizable buffers has no limit of its own,\nsince V8 tells nobody of one: it is bounded by the CPU time to make them, by the heap that their objects take, and in the end by the limits of the\nprocess, which is then ended and its worker blamed. Without the sandbox (`--sandbox=off`) memories of WebAssembly are not counted.", []Row{
			{"bytes of one `getRandomValues`", size(65536), "runtime/web/crypto.ts:randomBytesMax", "`QuotaExceededError`", "", "65 536 (WebCrypto)"},
			{"iterations of PBKDF2", count(100_000, ""), "runtime/web/crypto/derivation.ts:pbkdf2IterationsMax", "`NotSupportedError`: `Pbkdf2 failed: iteration counts above 100000 are not supported (requested N).`", "", "100 000"},
			{"the same, in the host", count(100_000, ""), "host/ops/crypto/derive.cc:kPbkdf2IterationsMax", "`OperationError`", "", "100 000"},
			{"memory of Argon2", count(64<<10, "KiB"), "host/ops/crypto/derive.cc:kArgon2MemoryMax", "`OperationError`: `Argon2 may use at most 65536 KiB of memory here.`", "", ""},
			{"memory times passes of Argon2", count(256<<10, "KiB"), "host/ops/crypto/derive.cc:kArgon2WorkMax", "`OperationError`", "", ""},
			{"bits of an RSA key that is made", count(8192, ""), "runtime/web/crypto/rsa.ts:bitsMax", "`OperationError`: `An RSA key must have 512 to 8192 bits.`", "", ""},
			{"bits of an RSA key that is imported", count(16384, ""), "host/ops/crypto/import.cc:kRsaBitsMax", "`DataError`", "", ""},
			{"output of a hash of any length", size(16 << 20), "host/ops/crypto/request.h:kOutputMax", "`OperationError`: `The output may have at most 16 MiB.`", "", ""},
			{"input of AES-KW", size(1 << 20), "host/ops/crypto/cipher.cc:kKeyWrapMax", "`OperationError`", "", ""},
			{"serialised form of a structured clone", size(256 << 20), "host/ops/clone.cc:kCloneBytesMax", "`DataCloneError`", "", ""},
			{"performance entries remembered, of each type", count(1000, ""), "runtime/web/performance-timeline.ts:entriesMax", "the oldest are dropped", "", ""},
			{"parts of a multipart body", count(100_000, ""), "runtime/web/multipart.ts:multipartPartsMax", "`TypeError`: `more than 100000 parts`", "", ""},
			{"headers of one part", size(16_384), "runtime/web/multipart.ts:multipartHeaderBytesMax", "`TypeError`", "", ""},
			{"one event of an EventSource", count(32*1024*1024, "characters"), "runtime/web/event-source.ts:eventSizeMax", "the connection fails", "", ""},
			{"labels of `console.count` and `console.time`", count(1000, "per event"), "runtime/web/console.ts:labelsMax", "a new label is not remembered", "", ""},
			{"depth of `console.group` as it is shown", count(32, ""), "runtime/web/console.ts:groupDepthMax", "it is shown no deeper", "", ""},
			{"memory of an HTMLRewriter", size(3 << 20), "host/html/rewriter.h:kMemoryMax", "`The memory limit has been exceeded.`", "", "3 MiB"},
			{"output of an HTMLRewriter that nobody has taken", size(16 << 20), "host/html/rewriter.h:kOutputMax", "`The memory limit has been exceeded.`", "", ""},
			{"handlers of an HTMLRewriter", count(16<<10, ""), "host/html/rewriter.h:kHandlersMax", "`on` throws", "", ""},
			{"selectors of an HTMLRewriter together", size(256 << 10), "host/html/selector.h:kSelectorTextMax", "`on` throws", "", ""},
			{"`:not()` in `:not()`", count(32, "deep"), "host/html/selector.h:kNegationDepthMax", "`on` throws", "", ""},
			{"long cryptographic operations under way, per isolate", count(1000, ""), "host/engine/job_pool.h:kJobsPerOwnerMax", "`OperationError`: `Too many cryptographic operations of this worker are under way.`", "", ""},
			{"WebAssembly memories of an isolate", count(8, ""), "host/limits/wasm_memory.h:kWasmMemoriesMax", "`RangeError`", "", ""},
			{"one WebAssembly memory", count(2048, "pages of 64 KiB"), "cmd/skerry/installation.go:--wasm-max-mem-pages", "`RangeError`; `grow` throws", "", "128 MB, that of the isolate"},
			{"functions of a WebAssembly module", count(100_000, ""), "cmd/skerry/installation.go:--max-wasm-functions", "the worker cannot be started", "", ""},
			{"one ArrayBuffer, and the length that a resizable one may get", size(128 << 20), "host/engine/host.h:kDefaultMemory", "`RangeError`", "with `limits.memory_mb`", "128 MB"},
			{"WebAssembly modules compiled from bytes, per isolate", count(4096, ""), "host/engine/instance.h:kWasmCompilesMax", "another isolate takes over", "", "none may be"},
		}},
		{"A host process", "What its workers can make it, and the supervisor for it, hold.", []Row{
			{"processes", count(256, ""), ofServer + "maxHosts", "the configuration is refused", "`host.hosts` up to it, default 1", ""},
			{"executor threads", count(256, ""), ofServer + "maxExecutors", "the configuration is refused", "`host.executors` up to it, default: processors; a host has 64 at most", ""},
			{"isolates that are configured", count(4000, ""), ofServer + "maxIsolates", "the configuration is refused", "`host.isolates_max` up to it, default 1500: idle ones are evicted", ""},
			{"long cryptographic operations under way", count(16_000, ""), "host/engine/job_pool.h:kJobsMax", "`OperationError`", "", ""},
			{"threads for them", count(8, ""), "host/engine/host.h:kJobThreadsMax", "they wait", "", ""},
			{"instances, resident or not", count(4000, ""), "host/engine/host.h:kInstancesMax", "503, error code 1200, outcome `loadShed`", "", ""},
			{"memory of a host", count(4<<20, "MiB"), ofServer + "maxBudgetMB", "the configuration is refused", "`host.memory_max_mb` (the process is ended beyond it) and `host.memory_budget_mb` (idle isolates are evicted) up to it", ""},
			{"spare isolates", count(1000, ""), ofServer + "maxSpares", "the configuration is refused", "`host.spares` up to it", ""},
			{"events under way", count(isolates.EventsMax, ""), ofIsolates + "EventsMax", "503, error code 1200, outcome `loadShed`", "", ""},
			{"host calls under way", count(isolates.CallsMax, ""), ofIsolates + "CallsMax", "`too many calls under way`", "", ""},
			{"arguments of host calls under way", size(isolates.CallBytesMax), ofIsolates + "CallBytesMax", "`too many calls under way`", "", ""},
			{"bytes of bodies and messages that wait for a reader", size(isolates.DefaultBufferedMax), ofIsolates + "DefaultBufferedMax", "the stream that has more is cut, the socket closed", "", ""},
			{"code caches that are incomplete", size(32 << 20), ofIsolates + "codeCachePendingMax", "further ones are not kept", "", ""},
			{"standard error that goes to the log", size(isolates.StderrLogMax), ofIsolates + "StderrLogMax", "the rest is counted", "", ""},
			{"descriptors", count(64, ""), "host/sandbox/resource_limits.cc:RLIMIT_NOFILE", "the call fails in the host", "", ""},
			{"threads", count(256, ""), "host/sandbox/resource_limits.cc:RLIMIT_NPROC", "the call fails in the host", "", ""},
			{"threads, by control group", count(512, ""), "internal/sandbox/cgroup.go:pidsMax", "the call fails in the host", "", ""},
			{"quick deaths in a row", count(3, ""), ofIsolates + "quickDeathsMax", "events fail at once instead of waiting for a new host", "", ""},
			{"quarantine processes", count(isolates.QuarantineHostsMax, ""), "internal/isolates/placement.go:QuarantineHostsMax", "suspects share them", "", ""},
			{"cordons", count(isolates.CordonsMax, ""), "internal/isolates/placement.go:CordonsMax", "the worker is refused", "", ""},
			{"pause of a worker that killed hosts", span(isolates.RefuseMax), "internal/isolates/blame.go:RefuseMax", "its requests are refused meanwhile", "", ""},
			{"time for the answer to a probe", span(30 * time.Second), ofIsolates + "probeTimeout", "the host process is ended", "", ""},
			{"time for an event that nobody waits for", span(15 * time.Minute), ofIsolates + "leftBehind", "the host process is replaced", "", ""},
			{"time for requests at SIGTERM and after an upgrade", span(30 * time.Second), "cmd/skerry/serve.go:DefaultDrain", "they are cut off; WebSockets get close code 1001, or 1012 when another process serves", "`--drain`", ""},
			{"time for the new process of an upgrade to serve", span(5 * time.Minute), "cmd/skerry/upgrades.go:UpgradePatience", "it is ended, the old one goes on, and the upgrade has failed", "", ""},
			{"questions to a server at the same time (`skerry upgrade`)", count(16, ""), "internal/succession/control.go:controlsMax", "the connection is closed", "", ""},
			{"time for a replaced host's events", span(30 * time.Second), ofIsolates + "retire", "they are ended", "", "30 s after the client has left"},
		}},
		{"The wire between supervisor and host", "Whoever goes beyond one of these breaks the protocol, and the host process is ended.", []Row{
			{"a frame", size(hostproto.FramePayloadMax), ofWire + "frame_payload_max", "the host process is ended", "", ""},
			{"a piece of a body", size(hostproto.StreamDataMax), ofWire + "stream_data_max", "the host process is ended", "", ""},
			{"a body's bytes that have not been taken", size(hostproto.StreamWindow), ofWire + "stream_window", "the host process is ended", "", ""},
			{"a piece of a WebSocket message", size(hostproto.SocketDataMax), ofWire + "socket_data_max", "the host process is ended", "", ""},
			{"a socket's bytes that have not been taken", size(hostproto.SocketWindow), ofWire + "socket_window", "the host process is ended", "", ""},
			{"what each piece costs of that besides", size(hostproto.SocketPieceCost), ofWire + "socket_piece_cost", "", "", ""},
			{"streams of a host", count(isolates.StreamsMax, ""), ofIsolates + "StreamsMax", "the host process is ended", "", ""},
			{"frames that change nothing, more than others", count(isolates.IdleFramesMax, ""), ofIsolates + "IdleFramesMax", "the host process is ended", "", ""},
			{"bytes that wait for a host to read them", size(hostproto.PendingHardMax), "internal/hostproto/conn.go:PendingHardMax", "the host process is ended", "", ""},
			{"bytes that wait for the supervisor to read them", size(8 << 20), "host/wire/channel.h:kPendingMax", "threads of the host wait", "", ""},
		}},
	}
}
