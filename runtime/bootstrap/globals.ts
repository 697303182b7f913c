// The global object of a worker: what is on it, with which property descriptors
// (https://webidl.spec.whatwg.org/#define-the-global-property-references), and what V8 put there that has no place in a
// worker. Nothing of the platform but these values is reachable from it.

import { AbortController, AbortSignal } from "../web/abort.ts";
import { atob, btoa } from "../web/base64.ts";
import { Blob, File } from "../web/blob.ts";
import { console } from "../web/console.ts";
import { Crypto, crypto, CryptoKey, SubtleCrypto } from "../web/crypto.ts";
import { DOMException, QuotaExceededError } from "../web/domexception.ts";
import { TextDecoder, TextEncoder } from "../web/encoding.ts";
import { TextDecoderStream, TextEncoderStream } from "../web/encoding-streams.ts";
import { CloseEvent } from "../web/events/close.ts";
import { CustomEvent } from "../web/events/custom.ts";
import { ErrorEvent } from "../web/events/error.ts";
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
import { queueMicrotask } from "../web/microtask.ts";
import { Navigator, navigator } from "../web/navigator.ts";
import { Performance, performance, PerformanceEntry, PerformanceMark, PerformanceMeasure } from "../web/performance.ts";
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
import { installClock, installTemporal } from "./clock.ts";
import { ExecutionContext } from "./dispatch.ts";
import { reportException } from "./errors.ts";
import { FunctionPrototypeApply, ObjectDefineProperty, ObjectSetPrototypeOf, ReflectOwnKeys } from "./primordials.ts";
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

/** Interface objects: writable, configurable, not enumerable. */
const interfaces = {
  AbortController,
  AbortSignal,
  Blob,
  ByteLengthQueuingStrategy,
  CloseEvent,
  CountQueuingStrategy,
  Crypto,
  CryptoKey,
  CustomEvent,
  DOMException,
  ErrorEvent,
  Event,
  EventTarget,
  ExecutionContext,
  ExtendableEvent,
  FetchEvent,
  File,
  FixedLengthStream,
  FormData,
  Headers,
  IdentityTransformStream,
  MessageEvent,
  Navigator,
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PromiseRejectionEvent,
  QuotaExceededError,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  Request,
  Response,
  Scheduler,
  ServiceWorkerGlobalScope,
  SubtleCrypto,
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  TextEncoderStream,
  TransformStream,
  TransformStreamDefaultController,
  URL,
  URLSearchParams,
  WorkerGlobalScope,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};

/** Operations of the global scope: writable, enumerable, configurable. */
const operations = {
  atob,
  btoa,
  clearInterval,
  clearTimeout,
  fetch,
  queueMicrotask,
  reportError,
  setInterval,
  setTimeout,
  structuredClone,
};

/** Attributes of the global scope. Workers may replace them, as the Minimum Common API lets a runtime allow. */
const attributes = { crypto, navigator, performance, scheduler };

/** Event handler attributes of the global scope. */
const eventHandlers = ["error", "unhandledrejection", "rejectionhandled"];

function define(target: object, values: object, enumerable: boolean): void {
  const names = ReflectOwnKeys(values) as string[];
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const value = (values as { [k: string]: unknown })[name];
    if (typeof value === "function" && value.name !== name) ObjectDefineProperty(value, "name", { value: name, configurable: true });
    ObjectDefineProperty(target, name, { value, writable: true, enumerable, configurable: true });
  }
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
  define(global, interfaces, false);
  define(global, { console }, false);
  define(global, operations, true);
  define(global, attributes, true);
  define(global, { self: global }, true);
  for (let i = 0; i < eventHandlers.length; i++) defineEventHandler(global, eventHandlers[i]!);
}

/** What cannot be in the snapshot, because V8 puts it on every new global object. In every isolate, before code of the worker's runs. */
export function prepareGlobals(): void {
  delete (globalThis as { SharedArrayBuffer?: unknown }).SharedArrayBuffer;
  installTemporal();
}
