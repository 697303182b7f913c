// The global object of a worker: what is on it, with which property descriptors
// (https://webidl.spec.whatwg.org/#define-the-global-property-references), and what V8 put there that has no place in a
// worker. Nothing of the platform but these values is reachable from it.
//
// Most of them are made when they are first read (native.defineLazy), which costs a worker that does not use them nothing
// but the name.

import { cloudflare } from "../cloudflare/global.ts";
import { AbortController, AbortSignal } from "../web/abort.ts";
import { atob, btoa } from "../web/base64.ts";
import { Blob, File } from "../web/blob.ts";
import { Cache, caches, CacheStorage } from "../web/cache.ts";
import { CompressionStream, DecompressionStream } from "../web/compression.ts";
import { console } from "../web/console.ts";
import { CryptoKey } from "../web/crypto/key.ts";
import { SubtleCrypto } from "../web/crypto/subtle.ts";
import { Crypto, crypto } from "../web/crypto.ts";
import { DOMException, QuotaExceededError } from "../web/domexception.ts";
import { TextDecoder, TextEncoder } from "../web/encoding.ts";
import { TextDecoderStream, TextEncoderStream } from "../web/encoding-streams.ts";
import { CloseEvent } from "../web/events/close.ts";
import { CustomEvent } from "../web/events/custom.ts";
import { ErrorEvent } from "../web/events/error.ts";
import { EventSource } from "../web/event-source.ts";
import { Event } from "../web/events/event.ts";
import { MessageEvent } from "../web/events/message.ts";
import { PromiseRejectionEvent } from "../web/events/rejection.ts";
import { defineEventHandler, EventTarget, installGlobalTarget } from "../web/events/target.ts";
import { ExtendableEvent, FetchEvent } from "../web/extendable.ts";
import { fetch as fetchFunction } from "../web/fetch/fetch.ts";
import { Request } from "../web/fetch/request.ts";
import { Response } from "../web/fetch/response.ts";
import { FormData } from "../web/form-data.ts";
import { Headers } from "../web/headers.ts";
import { HTMLRewriter } from "../web/html-rewriter/html-rewriter.ts";
import { BroadcastChannel } from "../web/messaging/broadcast.ts";
import { MessageChannel, MessagePort } from "../web/messaging/port.ts";
import { queueMicrotask } from "../web/microtask.ts";
import { Navigator, navigator } from "../web/navigator.ts";
import { Performance, performance, PerformanceMark, PerformanceMeasure } from "../web/performance.ts";
import { PerformanceObserver, PerformanceObserverEntryList } from "../web/performance-observer.ts";
import { PerformanceEntry } from "../web/performance-timeline.ts";
import { Scheduler, scheduler } from "../web/scheduler.ts";
import { FixedLengthStream, IdentityTransformStream } from "../web/streams/identity.ts";
import {
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
} from "../web/streams/readable.ts";
import { ByteLengthQueuingStrategy, CountQueuingStrategy } from "../web/streams/strategies.ts";
import { TransformStream, TransformStreamDefaultController } from "../web/streams/transform.ts";
import { WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter } from "../web/streams/writable.ts";
import { structuredClone } from "../web/structured-clone.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "../web/timers.ts";
import { URLSearchParams } from "../web/url-search-params.ts";
import { URL } from "../web/url.ts";
import { URLPattern } from "../web/urlpattern/urlpattern.ts";
import { compileStreaming, instantiateStreaming, setWasmFunctions } from "../web/wasm-streaming.ts";
import { WebSocketPair } from "../web/websocket/pair.ts";
import { WebSocket } from "../web/websocket/websocket.ts";
import { installClock, installTemporal } from "./clock.ts";
import { ExecutionContext } from "./dispatch.ts";
import { reportException } from "./errors.ts";
import { native } from "./native.ts";
import { defineData, FunctionPrototypeApply, ObjectDefineProperty, ObjectSetPrototypeOf, ReflectOwnKeys, TypeError } from "./primordials.ts";
import { installSourceText } from "./source-text.ts";
import { defineInterface, illegalConstructor, requireArguments } from "./webidl.ts";

class WorkerGlobalScope extends EventTarget {
  constructor() {
    illegalConstructor();
    super();
  }
}
defineInterface(WorkerGlobalScope);

class ServiceWorkerGlobalScope extends WorkerGlobalScope {}
defineInterface(ServiceWorkerGlobalScope);

// Methods, since operations of the global scope are no constructors.
const { fetch, reportError } = {
  fetch(_input: unknown, _init: unknown = undefined): unknown {
    return FunctionPrototypeApply(fetchFunction, undefined, arguments as unknown as readonly unknown[]);
  },
  reportError(e: unknown): void {
    requireArguments(arguments.length, 1, "reportError");
    reportException(e);
  },
};

/** What every worker has use for, or what the others are made of. */
const interfaces = { EventTarget, ExecutionContext, Headers, Request, Response, ServiceWorkerGlobalScope, WorkerGlobalScope };

/** Interface objects (not enumerable, as console is) that are made when somebody asks for them: their modules are in lazy groups. */
const lazyInterfaces = [
  "AbortController",
  "AbortSignal",
  "Blob",
  "BroadcastChannel",
  "ByteLengthQueuingStrategy",
  "Cache",
  "CacheStorage",
  "CloseEvent",
  "CompressionStream",
  "CountQueuingStrategy",
  "Crypto",
  "CryptoKey",
  "CustomEvent",
  "DOMException",
  "DecompressionStream",
  "ErrorEvent",
  "Event",
  "EventSource",
  "ExtendableEvent",
  "FetchEvent",
  "File",
  "FixedLengthStream",
  "FormData",
  "HTMLRewriter",
  "IdentityTransformStream",
  "MessageChannel",
  "MessageEvent",
  "MessagePort",
  "Navigator",
  "Performance",
  "PerformanceEntry",
  "PerformanceMark",
  "PerformanceMeasure",
  "PerformanceObserver",
  "PerformanceObserverEntryList",
  "PromiseRejectionEvent",
  "QuotaExceededError",
  "ReadableByteStreamController",
  "ReadableStream",
  "ReadableStreamBYOBReader",
  "ReadableStreamBYOBRequest",
  "ReadableStreamDefaultController",
  "ReadableStreamDefaultReader",
  "Scheduler",
  "SubtleCrypto",
  "TextDecoder",
  "TextDecoderStream",
  "TextEncoder",
  "TextEncoderStream",
  "TransformStream",
  "TransformStreamDefaultController",
  "URL",
  "URLPattern",
  "URLSearchParams",
  "WebSocket",
  "WebSocketPair",
  "WritableStream",
  "WritableStreamDefaultController",
  "WritableStreamDefaultWriter",
  "console",
];

/** Operations of the global scope (enumerable), and its attributes, which workers may replace, as the Minimum Common API lets a runtime allow. */
const lazyMembers = ["Cloudflare", "atob", "btoa", "caches", "clearInterval", "clearTimeout", "crypto", "navigator", "performance", "queueMicrotask", "scheduler", "setInterval", "setTimeout", "structuredClone"];

/** The value of a name in the lists above. */
function make(name: string): unknown {
  switch (name) {
    case "AbortController":
      return AbortController;
    case "AbortSignal":
      return AbortSignal;
    case "Blob":
      return Blob;
    case "BroadcastChannel":
      return BroadcastChannel;
    case "ByteLengthQueuingStrategy":
      return ByteLengthQueuingStrategy;
    case "Cache":
      return Cache;
    case "CacheStorage":
      return CacheStorage;
    case "CloseEvent":
      return CloseEvent;
    case "CompressionStream":
      return CompressionStream;
    case "CountQueuingStrategy":
      return CountQueuingStrategy;
    case "Crypto":
      return Crypto;
    case "CryptoKey":
      return CryptoKey;
    case "CustomEvent":
      return CustomEvent;
    case "DOMException":
      return DOMException;
    case "DecompressionStream":
      return DecompressionStream;
    case "ErrorEvent":
      return ErrorEvent;
    case "Event":
      return Event;
    case "EventSource":
      return EventSource;
    case "ExtendableEvent":
      return ExtendableEvent;
    case "FetchEvent":
      return FetchEvent;
    case "File":
      return File;
    case "FixedLengthStream":
      return FixedLengthStream;
    case "FormData":
      return FormData;
    case "HTMLRewriter":
      return HTMLRewriter;
    case "IdentityTransformStream":
      return IdentityTransformStream;
    case "MessageChannel":
      return MessageChannel;
    case "MessageEvent":
      return MessageEvent;
    case "MessagePort":
      return MessagePort;
    case "Navigator":
      return Navigator;
    case "Performance":
      return Performance;
    case "PerformanceEntry":
      return PerformanceEntry;
    case "PerformanceMark":
      return PerformanceMark;
    case "PerformanceMeasure":
      return PerformanceMeasure;
    case "PerformanceObserver":
      return PerformanceObserver;
    case "PerformanceObserverEntryList":
      return PerformanceObserverEntryList;
    case "PromiseRejectionEvent":
      return PromiseRejectionEvent;
    case "QuotaExceededError":
      return QuotaExceededError;
    case "ReadableByteStreamController":
      return ReadableByteStreamController;
    case "ReadableStream":
      return ReadableStream;
    case "ReadableStreamBYOBReader":
      return ReadableStreamBYOBReader;
    case "ReadableStreamBYOBRequest":
      return ReadableStreamBYOBRequest;
    case "ReadableStreamDefaultController":
      return ReadableStreamDefaultController;
    case "ReadableStreamDefaultReader":
      return ReadableStreamDefaultReader;
    case "Scheduler":
      return Scheduler;
    case "SubtleCrypto":
      return SubtleCrypto;
    case "TextDecoder":
      return TextDecoder;
    case "TextDecoderStream":
      return TextDecoderStream;
    case "TextEncoder":
      return TextEncoder;
    case "TextEncoderStream":
      return TextEncoderStream;
    case "TransformStream":
      return TransformStream;
    case "TransformStreamDefaultController":
      return TransformStreamDefaultController;
    case "URL":
      return URL;
    case "URLPattern":
      return URLPattern;
    case "URLSearchParams":
      return URLSearchParams;
    case "WebSocket":
      return WebSocket;
    case "WebSocketPair":
      return WebSocketPair;
    case "WritableStream":
      return WritableStream;
    case "WritableStreamDefaultController":
      return WritableStreamDefaultController;
    case "WritableStreamDefaultWriter":
      return WritableStreamDefaultWriter;
    case "console":
      return console;
    case "Cloudflare":
      return cloudflare;
    case "atob":
      return atob;
    case "btoa":
      return btoa;
    case "caches":
      return caches;
    case "clearInterval":
      return clearInterval;
    case "clearTimeout":
      return clearTimeout;
    case "compileStreaming":
      return compileStreaming;
    case "crypto":
      return crypto;
    case "instantiateStreaming":
      return instantiateStreaming;
    case "navigator":
      return navigator;
    case "performance":
      return performance;
    case "queueMicrotask":
      return queueMicrotask;
    case "scheduler":
      return scheduler;
    case "setInterval":
      return setInterval;
    case "setTimeout":
      return setTimeout;
    case "structuredClone":
      return structuredClone;
    default:
      throw new TypeError(`the global ${name} has no value`);
  }
}

/** Event handler attributes of the global scope. */
const eventHandlers = ["error", "unhandledrejection", "rejectionhandled"];

function define(target: object, values: object, enumerable: boolean): void {
  const names = ReflectOwnKeys(values) as string[];
  for (let i = 0; i < names.length; i++) defineData(target, names[i]!, (values as { [k: string]: unknown })[names[i]!], true, enumerable, true);
}

function defineLazily(target: object, names: readonly string[], enumerable: boolean): void {
  for (let i = 0; i < names.length; i++) native.defineLazy(target, names[i]!, enumerable);
}

/** Makes a global object that of a worker. Once, at snapshot time. */
export function installGlobals(global: object): void {
  const g = global as { [name: string]: unknown };
  // What blocks a thread: a worker has but one.
  const { Atomics } = g as { Atomics?: { [name: string]: unknown } };
  if (Atomics !== undefined) {
    delete Atomics["wait"];
    delete Atomics["waitAsync"];
  }

  ObjectSetPrototypeOf(global, ServiceWorkerGlobalScope.prototype);
  installGlobalTarget(global);
  installClock(global);
  installSourceText();
  native.setMaker(make);
  try {
    make(""); // Compiled now, it is compiled in the snapshot.
  } catch {}
  define(global, interfaces, false);
  defineLazily(global, lazyInterfaces, false);
  define(global, { fetch, reportError, self: global }, true);
  defineLazily(global, lazyMembers, true);
  for (let i = 0; i < eventHandlers.length; i++) defineEventHandler(global, eventHandlers[i]!);
}

/** The global `process`, an accessor as in Node.js, which a worker may replace. In isolates with nodejs_compat. */
export function defineProcess(global: object, get: () => object): void {
  ObjectDefineProperty(global, "process", {
    __proto__: null,
    get,
    set(value: unknown) {
      defineData(global, "process", value, true, true, true);
    },
    enumerable: false,
    configurable: true,
  } as PropertyDescriptor);
}

/** What cannot be in the snapshot, because V8 puts it on every new global object. In every isolate, before code of the worker's runs. */
export function prepareGlobals(): void {
  delete (globalThis as { SharedArrayBuffer?: unknown }).SharedArrayBuffer;
  installTemporal();
}

/** For the compatibility flag allow_wasm_from_bytes; V8 puts WebAssembly on every new global object. In such isolates, before code of the worker's runs. */
export function allowWasmFromBytes(): void {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { compile: unknown; instantiate: unknown } };
  setWasmFunctions(WebAssembly.compile, WebAssembly.instantiate);
  defineLazily(WebAssembly, ["compileStreaming", "instantiateStreaming"], true);
  native.allowWasmFromBytes();
}
