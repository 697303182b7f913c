// A stand-in for the C++ host, for unit tests of the runtime layer inside plain Node. Import it before anything of
// runtime/: it puts __native on globalThis, which runtime/bootstrap/native.ts reads when it is evaluated, so the modules
// under test must be imported dynamically afterwards:
//
//   import { mock } from "../testing/mock-native.ts";
//   const { URL } = await import("./url.ts");
//
// Leaf operations (text, time, objects, crypto, tasks) really work, built from Node's own facilities. Operations that
// talk to the supervisor (events, calls, streams) are recorded in mock.calls and answer with zeros; a test sets
// mock.native.<name> to script them. Timers fire only when a test calls mock.advance(ms), so no test waits for a clock.

import type { Handlers, Native, UrlRecord } from "../bootstrap/native.ts";

// The tests run in Node, but this project's tsconfig knows no Node types on purpose: reach them untyped, in one place.
const node = (globalThis as any).process.getBuiltinModule as (name: string) => any;
const { AsyncLocalStorage } = node("node:async_hooks");
const { Buffer } = node("node:buffer");
const crypto = node("node:crypto");
const util = node("node:util");
const { createRequire } = node("node:module");
const g = globalThis as any;
// Captured now: the test may install the runtime's own classes over Node's.
const { URL, URLSearchParams, TextDecoder, structuredClone, queueMicrotask } = g;

const frames = new AsyncLocalStorage();
const then = Promise.prototype.then;
const ignore = (): void => {};

const detached = (v: ArrayBufferView | ArrayBuffer): boolean => ((ArrayBuffer.isView(v) ? v.buffer : v) as unknown as { detached: boolean }).detached;
const bytesOf = (v: ArrayBufferView | ArrayBuffer): Uint8Array =>
  detached(v) ? new Uint8Array(0) : ArrayBuffer.isView(v) ? new Uint8Array(v.buffer, v.byteOffset, v.byteLength) : new Uint8Array(v);

const plain = (b: Uint8Array): Uint8Array => new Uint8Array(b); // A Buffer may be a slice of Node's pool.

interface Timer {
  at: number;
  id: number;
}

/** What a test can look at and steer. */
export interface Mock {
  native: Native;
  /** The handlers given to setHandlers. */
  handlers: Handlers | undefined;
  /** Every recorded operation: [name, ...arguments]. */
  calls: [string, ...unknown[]][];
  /** Forgets the recorded operations and timers. */
  reset(): void;
  /** Moves both clocks by ms and calls handlers.timer for the timers that are due, in order. */
  advance(ms: number): void;
  /** The timers that are pending, soonest first. */
  timers(): readonly number[];
}

const codecs = new Map<ArrayBuffer, { decompress: boolean; left: number; value: number }>();
const decodings: Uint8Array[][] = [];
// The encodings of the tests by their lines in web/encoding-labels.ts.
const decoderNames: { [number: number]: string } = { 0: "utf-8", 21: "windows-1252", 34: "shift_jis", 37: "utf-16be", 38: "utf-16le" };

let clock = 0;
let pending: Timer[] = [];
let maker: (name: string) => unknown;
const epoch = 1_700_000_000_000;

const record =
  <R>(name: string, result: R) =>
  (...args: unknown[]): R => {
    mock.calls.push([name, ...args]);
    return result;
  };

function urlRecord(href: string): UrlRecord {
  // The offsets of ada::url_components, computed from a serialised URL.
  const u = new URL(href);
  const none = 0xffffffff;
  const protocolEnd = u.protocol.length;
  const slashes = href.startsWith("//", protocolEnd);
  const credentials = u.username !== "" || u.password !== "";
  const start = protocolEnd + (slashes ? 2 : 0);
  const usernameEnd = start + u.username.length;
  const hostStart = credentials ? usernameEnd + (u.password !== "" ? u.password.length + 1 : 0) : start;
  const hostEnd = hostStart + (credentials ? 1 : 0) + u.hostname.length;
  const dotSlash = !slashes && u.pathname.startsWith("//") ? 2 : 0; // "/." keeps such a path from looking like a host
  const pathnameStart = (u.port === "" ? hostEnd : hostEnd + 1 + u.port.length) + dotSlash;
  const hash = href.indexOf("#");
  const question = href.indexOf("?");
  const search = question >= 0 && (hash < 0 || question < hash) ? question : -1;
  return [href, protocolEnd, usernameEnd, hostStart, hostEnd, u.port === "" ? none : Number(u.port), pathnameStart, search < 0 ? none : search, hash < 0 ? none : hash];
}

function parseUrl(input: string, base: string | undefined): UrlRecord | undefined {
  try {
    return urlRecord(new URL(input, base).href);
  } catch {
    return undefined;
  }
}

const hostOnly =
  (name: string) =>
  (): never => {
    throw new Error(`${name} needs the host`);
  };

const urlParts = ["href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

const tags: [string, (v: unknown) => boolean][] = [
  ["Proxy", util.types.isProxy],
  ["Map", util.types.isMap],
  ["Set", util.types.isSet],
  ["Date", util.types.isDate],
  ["RegExp", util.types.isRegExp],
  ["Promise", util.types.isPromise],
  ["ArrayBuffer", util.types.isArrayBuffer],
  ["SharedArrayBuffer", util.types.isSharedArrayBuffer],
  ["DataView", util.types.isDataView],
  ["NativeError", util.types.isNativeError],
  ["WeakMap", util.types.isWeakMap],
  ["WeakSet", util.types.isWeakSet],
  ["MapIterator", util.types.isMapIterator],
  ["SetIterator", util.types.isSetIterator],
  ["Generator", util.types.isGeneratorObject],
  ["AsyncFunction", util.types.isAsyncFunction],
  ["GeneratorFunction", util.types.isGeneratorFunction],
  ["Arguments", util.types.isArgumentsObject],
  ["Boxed", util.types.isBoxedPrimitive],
  ["External", util.types.isExternal],
  ["ModuleNamespace", util.types.isModuleNamespaceObject],
];

// The HTML rewriter has no likeness here: this is the host's own, in the addon that the host's unit tests use.
type HtmlOperations = { [K in keyof Native as K extends `html${string}` ? K : never]: Native[K] };
const htmlNames = [
  "htmlAttribute", "htmlAttributes", "htmlDoctype", "htmlElement", "htmlFeed", "htmlLast", "htmlName", "htmlNext", "htmlOpen", "htmlRecipient",
  "htmlRemoveAttribute", "htmlSelectorError", "htmlSelf", "htmlSetAttribute", "htmlSetName", "htmlSetText", "htmlSpace", "htmlTake", "htmlText", "htmlWrite",
] as const satisfies readonly (keyof HtmlOperations)[];
/** The host's leaf operations: `make -C host/test` builds them. */
export const leaf = (): { [name: string]: (...args: unknown[]) => unknown } => createRequire((import.meta as unknown as { url: string }).url)("../../build/host-test/leaf.node");
const html = Object.fromEntries(htmlNames.map((name) => [name, (...args: unknown[]) => leaf()[name]!(...args)])) as unknown as HtmlOperations;

const native: Native = {
  ...html,
  setHandlers(handlers) {
    mock.handlers = handlers;
  },

  respond: record("respond", undefined),
  eventDone: record("eventDone", undefined),
  eventHeaders: record("eventHeaders", ""),
  eventCf: record("eventCf", ""),
  log: record("log", undefined),
  call: record("call", 1),
  callAbort: record("callAbort", undefined),

  streamPull: record("streamPull", undefined),
  streamCollect: record("streamCollect", undefined),
  streamCancel: record("streamCancel", undefined),
  streamOpen: record("streamOpen", 1),
  streamWrite: record("streamWrite", 65536),
  streamEnd: record("streamEnd", undefined),
  streamReset: record("streamReset", undefined),

  socketOpen: record("socketOpen", 1),
  socketAccept: record("socketAccept", undefined),
  socketSend: record("socketSend", true),
  socketClose: record("socketClose", true),
  socketBuffered: record("socketBuffered", 0),

  now: () => epoch + clock,
  monotonic: () => clock,
  timerStart(_event, id, delay) {
    pending.push({ at: clock + delay, id });
    pending.sort((a, b) => a.at - b.at); // Stable: timers of one moment keep their order.
  },
  timerCancel(id) {
    pending = pending.filter((t) => t.id !== id);
  },

  enqueueMicrotask: (callback) => queueMicrotask(callback),
  getAsyncFrame: () => frames.getStore(),
  setAsyncFrame: (frame) => frames.enterWith(frame),
  isHandled: () => false,
  allowWasmFromBytes: record("allowWasmFromBytes", undefined),
  markHandled: (promise) => void Reflect.apply(then, promise, [undefined, ignore]),

  utf8Encode: (text) => plain(Buffer.from(text, "utf8")),
  utf8EncodeInto(text, into) {
    let read = 0;
    let written = 0;
    for (const c of text) {
      const n = Buffer.byteLength(c);
      if (written + n > into.length) break;
      into.set(Buffer.from(c, "utf8"), written);
      written += n;
      read += c.length;
    }
    return [read, written];
  },
  utf8Length: (text) => Buffer.byteLength(text, "utf8"),
  utf8Decode(bytes, fatal) {
    try {
      return new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes);
    } catch {
      return undefined;
    }
  },
  latin1Decode: (bytes) => Buffer.from(bytesOf(bytes)).toString("latin1"),
  latin1Encode: (text) => plain(Buffer.from(text, "latin1")),
  decodeText(encoding, bytes, state, flags) {
    // A state is the number of a list of what came before, which is decoded again.
    const more = (flags & 1) !== 0;
    const before = state === 0 ? [] : decodings[state - 1]!;
    const decoder = new TextDecoder(decoderNames[encoding], { fatal: (flags & 2) !== 0, ignoreBOM: (flags & 4) !== 0 });
    for (const piece of before) decoder.decode(piece, { stream: true });
    const now = plain(bytesOf(bytes));
    try {
      const text = decoder.decode(now, { stream: more });
      return more ? [text, decodings.push([...before, now])] : text;
    } catch {
      return more ? [undefined, 0, now.length] : undefined;
    }
  },
  // A toy for tests of streams. Decompressing: a byte n below 100 gives n pieces of one byte n (of 65 536 from 50 on), 0 is the
  // end, others are not valid. Compressing: each byte gives itself twice, and the end gives a 0.
  codecNew(format, decompress) {
    const codec = new ArrayBuffer(8);
    codecs.set(codec, { decompress, left: 0, value: 0 });
    mock.calls.push(["codecNew", format, decompress]);
    return codec;
  },
  codecStep(codec, bytes, from, finish) {
    const c = codecs.get(codec)!;
    const input = bytesOf(bytes);
    let taken = 0;
    if (c.left === 0 && from < input.length) {
      c.value = input[from]!;
      c.left = c.decompress ? c.value : 2;
      taken = 1;
      if (c.decompress && c.value === 0) return [undefined, 1, 2];
      if (c.decompress && c.value >= 100) return [undefined, 1, 3];
    }
    if (c.left > 0) return [new Uint8Array(c.decompress && c.value >= 50 ? 65536 : 1).fill(c.value), taken, --c.left > 0 ? 1 : 0];
    return finish && !c.decompress ? [new Uint8Array(1), 0, 2] : [undefined, 0, 0];
  },
  codecFree(codec) {
    codecs.delete(codec);
    mock.calls.push(["codecFree"]);
  },
  isLatin1: (text) => /^[\u0000-\u00ff]*$/.test(text),
  atob(text) {
    try {
      return g.atob(text);
    } catch {
      return undefined;
    }
  },
  btoa: (text) => (/^[\u0000-\u00ff]*$/.test(text) ? Buffer.from(text, "latin1").toString("base64") : undefined),
  toUSVString: (text) => text.toWellFormed(),

  urlParse: parseUrl,
  urlCanParse: (input, base) => parseUrl(input, base) !== undefined,
  urlSet(href, part, value) {
    const u = new URL(href);
    try {
      u[urlParts[part]!] = value;
    } catch {
      return undefined;
    }
    return urlRecord(u.href);
  },
  urlOrigin: (href) => new URL(href).origin,
  formDecode(text) {
    const out: string[] = [];
    // A leading "?" is data here, but URLSearchParams would drop it.
    new URLSearchParams(text.startsWith("?") ? `?${text}` : text).forEach((value: string, name: string) => out.push(name, value));
    return out;
  },
  formEncode(pairs) {
    const p = new URLSearchParams();
    for (let i = 0; i < pairs.length; i += 2) p.append(pairs[i], pairs[i + 1]);
    return p.toString();
  },

  randomFill: (into) => void crypto.randomFillSync(bytesOf(into)),
  randomUUID: () => crypto.randomUUID(),
  digest(algorithm, bytes) {
    if (!["SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5"].includes(algorithm)) return undefined;
    return plain(crypto.createHash(algorithm.replace("-", "")).update(bytesOf(bytes)).digest()).buffer as ArrayBuffer;
  },
  // The real ones are tried with the real host: host/test/webcrypto.test.mjs puts them here.
  cryptoRun(_event, operation, name, _key, _other, data) {
    if (operation !== "digest") throw new Error(`${operation} needs the host`);
    return native.digest(name, data!)!;
  },
  cryptoJob: hostOnly("cryptoJob"),
  keyFromSecret: hostOnly("keyFromSecret"),
  keyImport: hostOnly("keyImport"),
  keyExport: hostOnly("keyExport"),
  keyPublic: hostOnly("keyPublic"),
  keyRsa: hostOnly("keyRsa"),
  timingSafeEqual: (a, b) => crypto.timingSafeEqual(bytesOf(a), bytesOf(b)),
  base64UrlEncode: (bytes) => Buffer.from(bytesOf(bytes)).toString("base64url"),
  base64UrlDecode: (text) => (/^[\w-]*$/.test(text) && text.length % 4 !== 1 ? (plain(Buffer.from(text, "base64url")).buffer as ArrayBuffer) : undefined),
  digestOpen: hostOnly("digestOpen"),
  digestWrite: hostOnly("digestWrite"),
  digestClose: hostOnly("digestClose"),
  byteLength: (bytes) => bytes.byteLength,

  structuredClone(value, transfer, _isHost, _toHost, _fromHost, fail) {
    // Platform objects are not understood here: Node's serialiser has no hook for them.
    try {
      return structuredClone(value, { transfer });
    } catch (e) {
      return fail((e as Error).message);
    }
  },
  // The settled value cannot be read from plain JavaScript without waiting: only the state is right.
  promiseState(promise) {
    const text: string = util.inspect(promise, { depth: 0, customInspect: false });
    if (text.includes("<pending>")) return [0, undefined];
    if (text.includes("<rejected>")) return [2, undefined];
    return [1, undefined];
  },
  proxyParts: () => undefined,
  previewEntries(value) {
    if (value instanceof Map) return [[...value].flat(), true];
    if (value instanceof Set) return [[...value], false];
    return undefined;
  },
  typeTag(value) {
    const typed = ArrayBuffer.isView(value) && !util.types.isDataView(value);
    if (typed) return Reflect.get(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, value) as string;
    for (const [name, is] of tags) if (is(value)) return name;
    return "Object";
  },
  platformSource: () => undefined,
  // As V8 does it: from what is known without running anything.
  constructorName(value) {
    for (let at: object | null = value; at !== null && !util.types.isProxy(at); at = Object.getPrototypeOf(at)) {
      const c = Object.getOwnPropertyDescriptor(at, "constructor")?.value as unknown;
      const name = typeof c === "function" ? (Object.getOwnPropertyDescriptor(c, "name")?.value as unknown) : undefined;
      if (typeof name === "string") return name;
    }
    return "Object";
  },
  setMaker(make) {
    maker = make;
  },
  // At once: nothing in plain JavaScript looks like a data property before it has its value.
  defineLazy(target, name, enumerable) {
    Object.defineProperty(target, name, { value: maker(name), writable: true, enumerable, configurable: true });
  },
  isDetached: (buffer) => (buffer as unknown as { detached: boolean }).detached,
  transferBuffer: (buffer) => (buffer as unknown as { transferToFixedLength(): ArrayBuffer }).transferToFixedLength(),
};

export const mock: Mock = {
  native,
  handlers: undefined,
  calls: [],
  reset() {
    this.calls = [];
    pending = [];
  },
  advance(ms) {
    const end = clock + ms;
    for (;;) {
      const next = pending[0];
      if (next === undefined || next.at > end) break;
      pending.shift();
      clock = Math.max(clock, next.at);
      this.handlers?.timer(next.id);
    }
    clock = end;
  },
  timers: () => pending.map((t) => t.id),
};

g.__native = native;
