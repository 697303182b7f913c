// The contract between the TypeScript runtime layer and the C++ host: the operations the host offers (Native) and the
// functions the host calls (Handlers). C++ side: host/ops/. Nothing here may become reachable from a worker's global.
//
// Rules of the fence
// - Numbers are uint32 unless said otherwise. `event` 0 means "outside any event".
// - An operation throws only where its comment says so; bad arguments are a bug of ours and throw a plain TypeError.
// - Byte arguments are copied before the operation returns. Uint8Arrays handed to handlers are owned by the receiver.
// - Handlers are called one at a time, never from inside an operation, and the host drains the microtask queue after each.
// - An operation that names an event, call or stream that has ended does nothing.

/** Result of a URL operation: href, then the eight offsets of ada::url_components, then the origin-relevant scheme type. */
export type UrlRecord = [
  href: string,
  protocolEnd: number,
  usernameEnd: number,
  hostStart: number,
  hostEnd: number,
  port: number, // 0xffffffff: none
  pathnameStart: number,
  searchStart: number, // 0xffffffff: none
  hashStart: number, // 0xffffffff: none
];

export type DecodedPiece = [text: string, state: number] | [text: undefined, state: number, decoded: number];
/** Key material that the host keeps. It is no ArrayBuffer that anything can be done with, and must not get out to a worker. */
declare const keyBrand: unique symbol;
export type KeyHandle = ArrayBuffer & { readonly [keyBrand]: true };
/** As KeyHandle, the state of a digest. */
declare const digestBrand: unique symbol;
export type DigestHandle = ArrayBuffer & { readonly [digestBrand]: true };
/** Bytes; an answer; a new secret key; two byte strings, or a public and a private key; the number of a job; why it failed. */
export type CryptoResult = ArrayBuffer | boolean | KeyHandle | [ArrayBuffer, ArrayBuffer] | [KeyHandle, KeyHandle] | number | string;

export interface Native {
  // ---- set-up, at snapshot time only
  /** Registers the functions the host calls. Once. */
  setHandlers(handlers: Handlers): void;

  // ---- events (host/ops/event.cc)
  /**
   * Sends the response of an event; at most once. headers is packed: name LF value LF …, Latin-1.
   * stream 0: body is the whole body (null: none). Odd: a stream from streamOpen that carries the body. Even: splice that inbound stream.
   * length: bytes of the body, -1 if unknown. socket: 0 unless status is 101; from socketOpen, or that of a call, untouched, which is spliced.
   */
  respond(event: number, status: number, statusText: string, headers: string, body: string | Uint8Array | null, stream: number, length: number, socket: number): void;
  /** Ends an event; once. outcome is the protocol's Outcome. The host adds CPU time. */
  eventDone(event: number, outcome: number, passThrough: boolean, message: string, stack: string): void;
  /** Packed request headers (name LF value LF …), Latin-1. */
  eventHeaders(event: number): string;
  /** The cf object of the request as JSON text, "" if none. */
  eventCf(event: number): string;
  /** Console output. level is the protocol's LogLevel. Text over log_text_max bytes is cut by the host. */
  log(event: number, level: number, text: string): void;
  /** Starts a host call; answered through handlers.callResult. stream: upload, 0 none, odd own, even spliced. */
  call(event: number, slot: number, op: number, stream: number, args: Uint8Array): number;
  callAbort(call: number): void;

  // ---- streams (host/ops/stream.cc)
  /** Inbound: grants credit; data arrives through handlers.streamData. */
  streamPull(stream: number, bytes: number): void;
  /** Inbound, nothing read yet or rest after some reads: gathers all that is left and delivers it once, through handlers.streamCollected. text: as a UTF-8 decoded string (BOM removed, U+FFFD for errors), else as an ArrayBuffer. */
  streamCollect(stream: number, text: boolean): void;
  /** Inbound: no more wanted. No handler is called for it afterwards. */
  streamCancel(stream: number, message: string): void;
  /** Outbound: a new stream of this event. */
  streamOpen(event: number): number;
  /** Outbound: sends bytes. Returns the credit left, which may be negative: then wait for handlers.streamCredit before sending more. -1e9 if the reader is gone. */
  streamWrite(stream: number, bytes: Uint8Array): number;
  streamEnd(stream: number): void;
  streamReset(stream: number, code: number, message: string): void;

  // ---- WebSockets (host/ops/socket.cc)
  /** A new socket of this event, for its response. */
  socketOpen(event: number): number;
  /** Messages may come, through handlers.socketMessage. */
  socketAccept(socket: number): void;
  /** Sends a message. false: the socket has been closed, or more waits to be sent than may wait. */
  socketSend(socket: number, data: string | ArrayBuffer | ArrayBufferView): boolean;
  /** The last word, once. code: that of a Close frame; 1005: one without a code; 1006: cut the connection. false: it waits behind what is unsent, handlers.socketFlushed follows. */
  socketClose(socket: number, code: number, reason: string): boolean;
  /** Bytes of messages that the network has not taken yet. */
  socketBuffered(socket: number): number;

  // ---- time (host/ops/time.cc)
  /** Wall clock in ms since the epoch (fractional). In serve it stands still while code runs. */
  now(): number;
  /** Monotonic ms since the isolate's worker started (fractional). Stands still as now() does. */
  monotonic(): number;
  /** Calls handlers.timer(id) once, not before delay ms. ids are the caller's, unique in the isolate. */
  timerStart(event: number, id: number, delay: number): void;
  timerCancel(id: number): void;

  // ---- tasks (host/ops/task.cc)
  enqueueMicrotask(callback: () => void): void;
  /** V8's continuation-preserved embedder data: captured with each promise reaction. */
  getAsyncFrame(): unknown;
  setAsyncFrame(frame: unknown): void;
  /** Marks a promise as handled, so that it never counts as an unhandled rejection. */
  markHandled(promise: Promise<unknown>): void;
  /** Whether a promise is marked so, or has a reaction. */
  isHandled(promise: Promise<unknown>): boolean;
  /** From now on WebAssembly.compile and its like take bytes: for the compatibility flag allow_wasm_from_bytes. */
  allowWasmFromBytes(): void;

  // ---- text (host/ops/text.cc)
  utf8Encode(text: string): Uint8Array;
  /** Returns [UTF-16 units read, bytes written]. */
  utf8EncodeInto(text: string, into: Uint8Array): [number, number];
  /** Byte length of the UTF-8 encoding (lone surrogates count 3). */
  utf8Length(text: string): number;
  /** Decodes as the WHATWG "UTF-8 decode" without BOM handling. fatal: undefined instead of U+FFFD. Takes ArrayBuffer or any view. */
  utf8Decode(bytes: ArrayBufferView | ArrayBuffer, fatal: boolean): string | undefined;
  latin1Decode(bytes: ArrayBufferView | ArrayBuffer): string;
  /** Low byte of each UTF-16 unit. */
  latin1Encode(text: string): Uint8Array;
  /**
   * A decoder of the Encoding Standard. encoding: its line in web/encoding-labels.ts, but not "replacement". state: 0 at the
   * start of a stream, then what came with the piece before. flags: 1 the stream goes on, 2 fatal, 4 keep a byte order mark
   * (of UTF-8 and UTF-16, the others keep it anyway).
   * Without flag 1: the text, undefined for an error. With it: the text and the next state; for an error undefined, the
   * state after it and how many of the bytes have been decoded by then.
   */
  decodeText(encoding: number, bytes: ArrayBufferView | ArrayBuffer, state: number, flags: number): string | undefined | DecodedPiece;
  /** True if the string has only code units up to 0xff. */
  isLatin1(text: string): boolean;
  /** WHATWG forgiving-base64: undefined if invalid. Result and argument of btoa are "binary" strings. */
  atob(text: string): string | undefined;
  /** undefined if a unit is over 0xff. */
  btoa(text: string): string | undefined;
  /** String.prototype.toWellFormed for USVString conversion. */
  toUSVString(text: string): string;

  // ---- compression (host/ops/codec.cc)
  /** A new codec, which is only to be handed back. format: 0 deflate, 1 deflate-raw, 2 gzip, 3 brotli, 4 zstd. Throws RangeError if there is no memory for it. */
  codecNew(format: number, decompress: boolean): ArrayBuffer;
  /**
   * Feeds a codec from the bytes at `from` on, of which it may take only a part, and gives a piece of output, if any.
   * finish: there is no input after these bytes. Call it again while there is input left or status is 1.
   * status: 0 wants input, 1 has more output, 2 the format's end was reached, 3 the input is not valid, 4 no memory.
   */
  codecStep(codec: ArrayBuffer, bytes: ArrayBufferView | ArrayBuffer, from: number, finish: boolean): [output: Uint8Array | undefined, taken: number, status: number];
  /** Frees its memory now, not when it is collected. */
  codecFree(codec: ArrayBuffer): void;

  // ---- URL (host/ops/url.cc, Ada)
  urlParse(input: string, base: string | undefined): UrlRecord | undefined;
  urlCanParse(input: string, base: string | undefined): boolean;
  /** Runs a setter of the URL API. part: 0 href 1 protocol 2 username 3 password 4 host 5 hostname 6 port 7 pathname 8 search 9 hash. undefined if refused: the URL is as before. */
  urlSet(href: string, part: number, value: string): UrlRecord | undefined;
  /** The serialised origin ("null" for opaque ones). */
  urlOrigin(href: string): string;
  /** application/x-www-form-urlencoded parsing: [name, value, name, value, …]. No leading "?" is removed. */
  formDecode(text: string): string[];
  /** application/x-www-form-urlencoded serialising of [name, value, …]. */
  formEncode(pairs: string[]): string;

  // ---- crypto (host/ops/crypto/, OpenSSL)
  randomFill(into: ArrayBufferView): void;
  randomUUID(): string;
  /** At once. algorithm: "SHA-1" "SHA-256" "SHA-384" "SHA-512" "MD5" "SHA3-256" "SHA3-384" "SHA3-512". undefined if unknown. */
  digest(algorithm: string, bytes: ArrayBufferView | ArrayBuffer): ArrayBuffer | undefined;
  /**
   * Runs an operation; the tables in host/ops/crypto/ say what each takes. name is that of a hash, a kind of key or the like.
   * A string says why it failed. A number is that of a job that the operation became because it is long (and there is an event,
   * which is billed for it): see cryptoJob. Bytes are copied before this returns. Throws RangeError if there is no memory for the result.
   */
  cryptoRun(
    event: number,
    operation: string,
    name: string,
    key: KeyHandle | undefined,
    other: KeyHandle | undefined,
    data: ArrayBufferView | ArrayBuffer | undefined,
    a: ArrayBufferView | ArrayBuffer | undefined,
    b: ArrayBufferView | ArrayBuffer | undefined,
    c: ArrayBufferView | ArrayBuffer | undefined,
    n: number | undefined,
    m: number | undefined,
    o: number | undefined,
    p: number | undefined,
  ): CryptoResult;
  /** What a job gives, when it has run, in an object without a prototype. Once per job. Never settled if the event ends before. */
  cryptoJob(job: number): Promise<{ value: CryptoResult }>;
  keyFromSecret(bytes: ArrayBufferView | ArrayBuffer): KeyHandle;
  /**
   * kind: "RSA" "P-256" "P-384" "P-521" "Ed25519" "Ed448" "X25519" "X448" "ML-KEM-512"… "ML-DSA-44"…
   * format: "spki" "pkcs8" "public" "private" (bytes as they are), or "parts": big-endian numbers and strings in the order RSA n e [d p q dp dq qi],
   * EC x y [d], others public [private]. A string says what is wrong.
   */
  keyImport(kind: string, format: string, data: ArrayBufferView | ArrayBuffer | ArrayBuffer[]): KeyHandle | string;
  /** Formats as above, and "secret" for secret keys. A string says what is wrong. */
  keyExport(key: KeyHandle, format: string): ArrayBuffer | ArrayBuffer[] | string;
  /** The public key of a private one. */
  keyPublic(key: KeyHandle): KeyHandle;
  /** Of a key of RSA: bits of the modulus, and the public exponent, big-endian. */
  keyRsa(key: KeyHandle): [number, ArrayBuffer];
  /** False if the lengths differ. */
  timingSafeEqual(a: ArrayBufferView | ArrayBuffer, b: ArrayBufferView | ArrayBuffer): boolean;
  base64UrlEncode(bytes: ArrayBufferView | ArrayBuffer): string;
  /** undefined if invalid; no padding, no white space. */
  base64UrlDecode(text: string): ArrayBuffer | undefined;
  /** A digest in the making. Names as for digest, and "crc32" "crc32c" "crc64nvme". undefined if unknown. */
  digestOpen(name: string): DigestHandle | undefined;
  digestWrite(digest: DigestHandle, bytes: ArrayBufferView | ArrayBuffer): void;
  /** Once; the digest is then of no more use. */
  digestClose(digest: DigestHandle): ArrayBuffer;
  /** Of an ArrayBuffer or a view, 0 if it is detached. */
  byteLength(bytes: ArrayBufferView | ArrayBuffer): number;

  // ---- HTML rewriter (host/ops/html.cc)
  // A rewriter is an ArrayBuffer that must not be shown to anybody. Strings that name or hold content are text if the
  // document is UTF-8, else its bytes, one to a unit. Operations throw a TypeError, "Parser error: …", where the original
  // platform's do.
  /** What is wrong with a selector, in the platform's words; "" if it is good. */
  htmlSelectorError(selector: string): string;
  /**
   * A new rewriter. Handlers have numbers: first those of the selectors, then those of the document. wants has for each of
   * them what it wants to see: 1 elements, 2 comments, 4 text, 8 doctypes. Throws for a bad selector or too many of them.
   */
  htmlOpen(selectors: string[], wants: number[], utf8: boolean, esiTags: boolean): ArrayBuffer;
  /** More of the document, when htmlNext has asked for it: bytes from start to end, at most 64 KiB at a time. */
  htmlFeed(rewriter: ArrayBuffer, bytes: Uint8Array, start: number, end: number): void;
  /** There is no more. */
  htmlLast(rewriter: ArrayBuffer): void;
  /**
   * Finishes the present token, writing it if htmlSelf was not called, and goes on to the next. Bits 0–3: 0 feed me, 1
   * element, 2 end tag, 3 comment, 4 text, 5 doctype, 6 end, 7 call again (after much work), 8 take the output and call
   * again. Bit 4: what is written for the token is seen. Bit 5: the element has content, the text is the last of its
   * stretch. From bit 8 on: the number of recipients.
   */
  htmlNext(rewriter: ArrayBuffer): number;
  /** Who gets the token: the number of a handler; of an end tag, the key of an element that it ends, the innermost first. */
  htmlRecipient(rewriter: ArrayBuffer, index: number): number;
  /** Of an element or end tag, ASCII lower case. */
  htmlName(rewriter: ArrayBuffer): string;
  htmlSetName(rewriter: ArrayBuffer, name: string, endTag: boolean): void;
  /** Namespace of the element: 0 HTML, 1 SVG, 2 MathML. */
  htmlSpace(rewriter: ArrayBuffer): number;
  /** Of a comment, or a piece of text. */
  htmlText(rewriter: ArrayBuffer): string;
  /** Of a comment. */
  htmlSetText(rewriter: ArrayBuffer, text: string): void;
  /** [name, public identifier, system identifier] of the doctype. */
  htmlDoctype(rewriter: ArrayBuffer): [string | null, string | null, string | null];
  /** The first attribute of that name; null if there is none. */
  htmlAttribute(rewriter: ArrayBuffer, name: string): string | null;
  /** [name, value, …] */
  htmlAttributes(rewriter: ArrayBuffer): string[];
  htmlSetAttribute(rewriter: ArrayBuffer, name: string, value: string): void;
  htmlRemoveAttribute(rewriter: ArrayBuffer, name: string): void;
  /** Of the element: a key that comes back with its end tag (0: none), whether its content is to go, whether "<p/>" is to lose its slash. */
  htmlElement(rewriter: ArrayBuffer, endKey: number, removeContent: boolean, dropSlash: boolean): void;
  /** Writes markup, or text with & < > escaped. Returns the bytes of output that wait. */
  htmlWrite(rewriter: ArrayBuffer, text: string, markup: boolean): number;
  /** Writes the present token itself, or leaves it out. */
  htmlSelf(rewriter: ArrayBuffer, keep: boolean): void;
  /** The output so far; undefined if there is none. */
  htmlTake(rewriter: ArrayBuffer): Uint8Array | undefined;

  // ---- objects (host/ops/clone.cc, host/ops/inspect.cc)
  /**
   * HTML StructuredSerialize + StructuredDeserialize. transfer holds ArrayBuffers, which end up detached.
   * Platform objects are asked about through the three callbacks: isHost(o) says whether o is one; toHost(o) stores it and returns an index, or throws a DataCloneError; fromHost(i) makes the copy.
   * V8's own complaints arrive through fail(message), which must throw.
   */
  structuredClone(value: unknown, transfer: ArrayBuffer[], isHost: (o: object) => boolean, toHost: (o: object) => number, fromHost: (index: number) => object, fail: (message: string) => never): unknown;
  /** [state: 0 pending 1 fulfilled 2 rejected, value]. */
  promiseState(promise: Promise<unknown>): [number, unknown];
  /** [target, handler] of a Proxy, else undefined. */
  proxyParts(value: object): [unknown, unknown] | undefined;
  /** Entries of a Map, Set, WeakMap, WeakSet or one of their iterators: [entries, isKeyValue]; undefined otherwise. */
  previewEntries(value: object): [unknown[], boolean] | undefined;
  /** What V8 knows a value to be, unforgeable: "Map" "Set" "Date" "RegExp" "Promise" "Proxy" "ArrayBuffer" "SharedArrayBuffer" "DataView" "Uint8Array"… "NativeError" "WeakMap" "WeakSet" "WeakRef" "MapIterator" "SetIterator" "Generator" "AsyncFunction" "GeneratorFunction" "AsyncGeneratorFunction" "Arguments" "Boxed" "External" "ModuleNamespace" "WasmModule" "WasmMemory" or "Object". */
  typeTag(value: object): string;
  constructorName(value: object): string;
  /** What Function.prototype.toString says of a function of the runtime layer; undefined of anything else. */
  platformSource(value: unknown): string | undefined;
  /** Gives the function that makes the values of lazy properties. Once, at snapshot time. */
  setMaker(make: (name: string) => unknown): void;
  /**
   * A writable, configurable property whose value make(name) gives when it is first read; it looks like a data property from
   * the start. If make throws, so does reading, and the next reading tries again. Before code of the worker's runs only.
   */
  defineLazy(target: object, name: string, enumerable: boolean): void;
  /** Detached state of an ArrayBuffer. */
  isDetached(buffer: ArrayBuffer): boolean;
  /** ArrayBuffer.prototype.transfer without looking at user-visible properties: the bytes move, the argument is detached. Throws TypeError if it is not detachable. */
  transferBuffer(buffer: ArrayBuffer): ArrayBuffer;
}

/** What the worker is, given to handlers.init as JSON text. */
export interface WorkerConfig {
  name: string;
  compatDate: string;
  /** Those that are on and that this layer asks for; and one entry that begins with "#", see compatBits in modules.ts. */
  compatFlags: string[];
  dev: boolean;
  /** Service-worker syntax: one classic script, which finds its bindings as globals. */
  script?: boolean;
  /** One entry per binding, in slot order; slot numbers start at 1 (0 is the global fetch). */
  env: EnvEntry[];
}
export type EnvEntry =
  | { name: string; type: "text"; value: string }
  | { name: string; type: "json"; value: unknown }
  /** A binding that the project asks for and the platform has not: value is its key in the project file. */
  | { name: string; type: "unserved"; value: string };

export interface Handlers {
  /** Before the worker's modules are evaluated. config is a WorkerConfig as JSON. */
  init(config: string): void;
  /** After evaluation. namespace is the main module's; undefined for service-worker syntax. Throws if the worker offers no handler. */
  start(namespace: object | undefined): void;
  /** Exports of a built-in module such as "node:async_hooks"; undefined if there is none of that name. */
  builtin(specifier: string): Record<string, unknown> | undefined;

  /** An HTTP request. stream 0: no body. length -1: unknown. */
  fetch(event: number, method: string, url: string, stream: number, length: number): void;
  /** The client went away (or the platform gave up, see CancelReason). */
  cancel(event: number, reason: number): void;
  /** The host has ended the event itself (CPU, memory, hang): forget it, call no operation for it. */
  eventKilled(event: number): void;
  /** code is the protocol's CallCode; message explains a failure. stream is a download body, 0 if none; socket a WebSocket that was opened, 0 if none. */
  callResult(call: number, code: number, message: string, stream: number, length: number, result: Uint8Array, socket: number): void;

  streamData(stream: number, bytes: Uint8Array): void;
  streamEnd(stream: number): void;
  streamError(stream: number, code: number, message: string): void;
  streamCollected(stream: number, value: ArrayBuffer | string): void;
  /** Outbound: credit now available, positive. */
  streamCredit(stream: number, credit: number): void;
  /** Outbound: the reader wants no more. */
  streamCancelled(stream: number, message: string): void;

  /** A whole message. */
  socketMessage(socket: number, data: string | ArrayBuffer): void;
  /** The other side's last word, after which nothing comes. code is that of its Close frame, 1005 if that had none, 1006 if there is no connection any more; reason then says why. */
  socketClosed(socket: number, code: number, reason: string): void;
  /** The last word is said that had to wait. */
  socketFlushed(socket: number): void;

  timer(id: number): void;
  /** type: 0 rejected without handler, 1 handler added afterwards, 2 rejected after being resolved, 3 resolved after being resolved. */
  promiseReject(type: number, promise: Promise<unknown>, reason: unknown): void;
  /** The microtasks have run, and promiseReject was called with type 0 since this was called last. */
  rejectionsDue(): void;
}

// The bundle is wrapped in a function of this one parameter; see runtime/bundle.
declare const __native: Native;
export const native: Native = __native;
