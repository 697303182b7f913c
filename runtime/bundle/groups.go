package main

// This file says which modules of the runtime layer are evaluated when. How that works, and what a module of a lazy group
// must obey, is said in main.go.
//
// Who adds a module decides where it belongs:
//
//   - Nothing to do: it is in the core, and every isolate pays for its functions, about 250 bytes each, and for its classes,
//     about 600 bytes and 300 for each member. Right for what nearly every worker uses.
//   - A lazy group, an existing one or a new one: right for everything else. The core then uses its functions and makes
//     its objects as if it were there, but has no class of it at hand. Its globals are listed in bootstrap/globals.ts.
//   - The pure modules: right for helpers without state that several groups use and the core does not, or not all of them.
//
// The bundler refuses a module that only lazy groups import and that is named nowhere, so nothing gets into the core by
// being forgotten.

// A plan says what of the runtime layer is where. Modules are named by their paths below runtime/; those that are not named
// are the core.
type plan struct {
	groups []group
	// pure modules have functions and constants and nothing else. Every part that needs one has its own copy of what it
	// needs of it, so that the core has no function that only lazy groups use.
	pure []string
}

// A group is a set of modules that are evaluated together when one of them is first needed. What belongs in one group: what
// is used together, and not more than is parsed in a few hundred microseconds (about 50 KB of code).
type group struct {
	name    string
	modules []string
	// idle are exported functions that need not load the group: as long as it is not there they give false and do nothing.
	// Brand checks are such functions, since nothing can be an instance of a class that does not exist, and handlers for
	// things that only the group makes.
	idle []string
}

var runtimePlan = plan{
	pure: []string{
		"bootstrap/webidl.ts",
		"bootstrap/wire.gen.ts",
		"web/bytes.ts",
		"web/iterable.ts",
		"web/log.ts",
		"web/stack.ts",
		"web/url-record.ts",
	},
	groups: []group{
		{name: "abort", modules: []string{"web/abort.ts"}, idle: []string{"isAbortSignal"}},
		{name: "bodystreams", modules: []string{"web/fetch/body-stream.ts", "web/fetch/iterable-body.ts", "web/fetch/parts-stream.ts", "web/fetch/stream-source.ts"}},
		{name: "cache", modules: []string{"web/cache.ts"}},
		{name: "calls", modules: []string{"bootstrap/calls.ts"}, idle: []string{"onCallResult"}},
		{name: "cf", modules: []string{"web/fetch/cf.ts"}},
		{name: "clone", modules: []string{"web/structured-clone.ts"}},
		{name: "compression", modules: []string{"web/compression.ts"}, idle: []string{"codingOf"}},
		{name: "console", modules: []string{"web/console.ts"}},
		{name: "channels", modules: []string{"web/messaging/broadcast.ts", "web/messaging/port.ts"}},
		{name: "consume", modules: []string{"web/fetch/consume.ts"}},
		{name: "crypto", modules: []string{"web/crypto.ts", "web/crypto/key.ts", "web/crypto/subtle.ts"}},
		{name: "cryptomethods", modules: []string{
			"web/crypto/common.ts", "web/crypto/curves.ts", "web/crypto/derivation.ts", "web/crypto/digests.ts", "web/crypto/jwk.ts", "web/crypto/methods.ts",
			"web/crypto/normalize.ts", "web/crypto/rsa.ts", "web/crypto/run.ts", "web/crypto/symmetric.ts",
		}},
		{name: "cryptomodern", modules: []string{"web/crypto/modern.ts"}},
		{name: "digeststream", modules: []string{"web/crypto/digest-stream.ts"}},
		{name: "encoding", modules: []string{"web/fetch/encode-body.ts"}},
		{name: "entrypoints", modules: []string{"cloudflare/workers.ts"}, idle: []string{"isWorkerEntrypoint"}},
		{name: "errors", modules: []string{"web/domexception.ts"}, idle: []string{"isDOMException"}},
		{name: "eventkinds", modules: []string{
			"web/events/close.ts", "web/events/custom.ts", "web/events/error.ts", "web/events/message.ts", "web/events/rejection.ts", "web/extendable.ts",
		}},
		{name: "events", modules: []string{"web/events/event.ts"}, idle: []string{"isEvent"}},
		{name: "eventsource", modules: []string{"web/event-source.ts"}},
		{name: "fetch", modules: []string{"web/fetch/data-url.ts", "web/fetch/fetch.ts", "web/fetch/integrity.ts"}},
		{name: "forms", modules: []string{"web/blob.ts", "web/form-data.ts", "web/multipart.ts"}, idle: []string{"isBlob", "isFormData"}},
		{name: "hooks", modules: []string{"node/async_hooks.ts"}},
		{name: "flags", modules: []string{"cloudflare/compat-names.gen.ts", "cloudflare/global.ts"}},
		{name: "htmlrewriter", modules: []string{
			"web/html-rewriter/codec.ts", "web/html-rewriter/html-rewriter.ts", "web/html-rewriter/tokens.ts", "web/html-rewriter/transform.ts",
		}},
		{name: "inbound", modules: []string{"web/fetch/inbound.ts", "web/fetch/origin.ts"}, idle: []string{"isInbound", "onStreamCollected", "onStreamData", "onStreamEnd", "onStreamError"}},
		{name: "inspect", modules: []string{"web/inspect.ts"}},
		{name: "mime", modules: []string{"web/mime.ts"}},
		{name: "node", modules: []string{
			"node/errors.ts", "node/events.ts", "node/modules.ts", "node/names.gen.ts", "node/path.ts", "node/process.ts", "node/timers.ts", "node/url.ts", "node/util.ts",
		}},
		{name: "outbound", modules: []string{"web/fetch/outbound.ts"}, idle: []string{"onStreamCancelled", "onStreamCredit"}},
		{name: "performance", modules: []string{"web/performance.ts", "web/performance-observer.ts", "web/performance-timeline.ts"}},
		{name: "pipes", modules: []string{"web/streams/from.ts", "web/streams/pipe.ts", "web/streams/tee.ts"}},
		{name: "small", modules: []string{"web/base64.ts", "web/microtask.ts", "web/navigator.ts", "web/scheduler.ts"}},
		{name: "streams", modules: []string{
			"web/streams/byte-core.ts", "web/streams/fifo.ts", "web/streams/internal.ts", "web/streams/promises.ts", "web/streams/readable-core.ts",
			"web/streams/readable.ts", "web/streams/strategies.ts",
		}, idle: []string{"isReadableStream"}},
		{name: "streamtransfer", modules: []string{"web/streams/transfer.ts"}},
		{name: "tasks", modules: []string{"web/tasks.ts"}},
		{name: "text", modules: []string{"web/encoding-labels.ts", "web/encoding.ts"}},
		{name: "textstreams", modules: []string{"web/encoding-streams.ts"}},
		{name: "timers", modules: []string{"web/timers.ts"}, idle: []string{"cancelTimersOf", "onTimer"}},
		{name: "transforms", modules: []string{"web/streams/identity.ts", "web/streams/transform-core.ts", "web/streams/transform.ts"}},
		{name: "unhandled", modules: []string{"bootstrap/unhandled.ts"}},
		{name: "unserved", modules: []string{"bootstrap/unserved.ts"}},
		{name: "urlpattern", modules: []string{
			"web/urlpattern/canonical.ts", "web/urlpattern/component.ts", "web/urlpattern/constructor-string.ts", "web/urlpattern/escape.ts",
			"web/urlpattern/generate.ts", "web/urlpattern/init.ts", "web/urlpattern/parts.ts", "web/urlpattern/tokens.ts", "web/urlpattern/urlpattern.ts",
		}},
		{name: "urls", modules: []string{"web/url-search-params.ts", "web/url.ts"}, idle: []string{"isURLSearchParams"}},
		{name: "wasm", modules: []string{"web/wasm-streaming.ts"}},
		{name: "websockets", modules: []string{
			"web/websocket/handshake.ts", "web/websocket/pair.ts", "web/websocket/state.ts", "web/websocket/websocket.ts",
		}, idle: []string{"isWebSocket", "onSocketClosed", "onSocketFlushed", "onSocketMessage"}},
		{name: "writables", modules: []string{"web/streams/writable-core.ts", "web/streams/writable.ts"}, idle: []string{"writableOf"}},
	},
}
