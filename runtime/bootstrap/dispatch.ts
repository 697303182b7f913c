// What the host asks of a worker: start it, hand it requests, tell it that a client has gone. One EventRecord per event
// holds all that must be known until native.eventDone.
//
// The common case is kept cheap: a handler that returns a Response at once needs neither promise nor closure, one that
// returns a promise needs one `then` with two functions that exist already and find their event through the frame.

import { isWorkerEntrypoint } from "../cloudflare/workers.ts";
import { type AbortSignal, createAbortSignal, signalAbort } from "../web/abort.ts";
import { DOMException } from "../web/domexception.ts";
import { isListenedTo, dispatchTrusted } from "../web/events/target.ts";
import { closeFetchEvent, type EventLifetime, makeFetchEvent } from "../web/extendable.ts";
import { endEventResources } from "../web/fetch/resources.ts";
import { type Request, requestFromEvent } from "../web/fetch/request.ts";
import { Response } from "../web/fetch/response.ts";
import { writeLog } from "../web/log.ts";
import { cancelTimersOf, setPlatformTimeout } from "../web/timers.ts";
import { type AsyncFrame, currentEvent, type EventState, setHolds } from "./context.ts";
import { describeException } from "./errors.ts";
import { isResponse, respond, type Sending } from "./exchange.ts";
import { defineEnvironment, env, setConfig } from "./modules.ts";
import { native } from "./native.ts";
import { FunctionPrototypeCall, Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet, PromisePrototypeThen, PromiseResolve, ReflectConstruct, TypeError } from "./primordials.ts";
import { defineInterface, illegalConstructor, illegalInvocation, isObject, requireArguments } from "./webidl.ts";
import { CancelReason, LogLevel, Outcome } from "./wire.gen.ts";

/** How long a handler that has been told of its client's departure may go on, in ms. */
export const cancelGraceMs = 5000;

/** An event is its own first frame: one object less for each request. */
class EventRecord implements EventState, AsyncFrame {
  readonly id: number;
  readonly event: EventState;
  readonly stores: undefined;
  ended: boolean;
  /** Aborts when the client goes away; made when it is first asked for. */
  signal: AbortSignal | undefined;
  /** The response while its body is being sent. */
  sending: Sending | undefined;
  /** waitUntil promises that are pending. */
  waiting: number;
  /** The handler has returned or thrown, and what it returned has settled. */
  settled: boolean;
  /** The response is sent to its end, or there will be none. */
  answered: boolean;
  /** native.respond has been called. */
  responded: boolean;
  outcome: Outcome;
  passThrough: boolean;
  message: string;
  stack: string;

  constructor(id: number) {
    this.id = id;
    this.event = this;
    this.stores = undefined;
    this.ended = false;
    this.signal = undefined;
    this.sending = undefined;
    this.waiting = 0;
    this.settled = false;
    this.answered = false;
    this.responded = false;
    this.outcome = Outcome.ok;
    this.passThrough = false;
    this.message = "";
    this.stack = "";
  }
}

function signalOf(event: EventState): AbortSignal {
  return ((event as EventRecord).signal ??= createAbortSignal());
}

/** Events that outlived the call of their handler. */
const events = new Map<number, EventRecord>();

// ---- the worker

type Handler = (...args: unknown[]) => unknown;

/** How requests reach the worker; set by start. */
let kind: "none" | "object" | "class" | "script" = "none";
let handlerObject: object | undefined;
let handlerFetch: unknown;
let handlerClass: Handler | undefined;

export function init(text: string): void {
  setConfig(text);
}

export function start(namespace: object | undefined): void {
  if (namespace === undefined) {
    defineEnvironment(globalThis);
    if (!isListenedTo(globalThis, "fetch")) {
      throw new TypeError('The worker handles no event: it must call addEventListener("fetch", …) while it starts, or be an ES module with a default export.');
    }
    kind = "script";
    return;
  }
  const exported = (namespace as { default?: unknown }).default;
  if (!isObject(exported)) {
    throw new TypeError(
      exported === undefined
        ? "The main module has no default export: it must be an object with handlers, such as { fetch(request, env, ctx) { … } }, or a class that extends WorkerEntrypoint."
        : "The default export of the main module is neither an object with handlers nor a class that extends WorkerEntrypoint.",
    );
  }
  if (typeof exported === "function") {
    if (!isWorkerEntrypoint(exported)) {
      throw new TypeError("The default export of the main module is a function, but not a class that extends WorkerEntrypoint. Export an object with handlers, such as { fetch(request, env, ctx) { … } }.");
    }
    kind = "class";
    handlerClass = exported as Handler;
    return;
  }
  kind = "object";
  handlerObject = exported;
  handlerFetch = (exported as { fetch?: unknown }).fetch;
}

function missingFetch(): never {
  throw new TypeError("Handler does not export a fetch() function.");
}

/** Calls the worker's fetch handler and returns what it returned. */
function callFetch(record: EventRecord, request: object): unknown {
  if (kind === "object") {
    if (typeof handlerFetch !== "function") missingFetch();
    return FunctionPrototypeCall(handlerFetch, handlerObject, request, env, makeContext(record));
  }
  if (kind === "class") {
    const instance = ReflectConstruct(handlerClass!, [makeContext(record), env]) as { fetch?: unknown };
    const method = instance.fetch;
    if (typeof method !== "function") missingFetch();
    return FunctionPrototypeCall(method, instance, request);
  }
  if (kind === "script") return callListeners(record, request);
  throw new TypeError("The worker has not been started.");
}

function callListeners(record: EventRecord, request: object): unknown {
  const lifetime = new ScriptLifetime(record);
  const event = makeFetchEvent(request, lifetime);
  dispatchTrusted(globalThis, event);
  closeFetchEvent(event);
  if (!lifetime.answered) throw new TypeError("No listener of the fetch event called event.respondWith().");
  return lifetime.response;
}

class ScriptLifetime implements EventLifetime {
  readonly record: EventRecord;
  answered = false;
  response: unknown;
  constructor(record: EventRecord) {
    this.record = record;
  }
  waitUntil(promise: unknown): void {
    extend(this.record, promise);
  }
  respondWith(response: unknown): void {
    this.answered = true;
    this.response = response;
  }
  passThroughOnException(): void {
    this.record.passThrough = true;
  }
}

// ---- ExecutionContext

const construct = {};
let recordOfContext: (v: unknown) => EventRecord;

export class ExecutionContext {
  readonly #record: EventRecord;
  #props: object | undefined;

  constructor(key: unknown = undefined, record: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#record = record as EventRecord;
  }
  static {
    recordOfContext = (v) => {
      if (!isObject(v) || !(#record in v)) illegalInvocation();
      return (v as ExecutionContext).#record;
    };
  }

  waitUntil(promise: unknown): void {
    const record = recordOfContext(this);
    requireArguments(arguments.length, 1, "ExecutionContext.waitUntil");
    extend(record, promise);
  }
  passThroughOnException(): void {
    recordOfContext(this).passThrough = true;
  }
  /** What the caller of an entrypoint gave it: nothing, for requests from outside. */
  get props(): object {
    recordOfContext(this);
    return (this.#props ??= {});
  }
  get exports(): never {
    recordOfContext(this);
    throw new TypeError("ctx.exports is not supported: entrypoints of the same worker cannot be called yet.");
  }
}
defineInterface(ExecutionContext);

function makeContext(record: EventRecord): ExecutionContext {
  return new ExecutionContext(construct, record);
}

/** The event that runs lives until promise is settled; `import { waitUntil } from "cloudflare:workers"`. */
export function waitUntil(promise: unknown): void {
  const event = currentEvent();
  if (event === undefined) throw new TypeError("waitUntil: there is no event in global scope.");
  extend(event as EventRecord, promise);
}

function extend(record: EventRecord, promise: unknown): void {
  if (record.ended) return;
  const resolved = PromiseResolve(promise); // which may run code of the worker's
  // The reactions find their event through the frame, and waitUntil may be called from another event's code.
  const before = native.getAsyncFrame();
  native.setAsyncFrame(record);
  try {
    PromisePrototypeThen(resolved, onWaitDone, onWaitFailed);
    record.waiting++;
  } finally {
    native.setAsyncFrame(before);
  }
}

function onWaitDone(): void {
  const record = currentEvent() as EventRecord;
  record.waiting--;
  finish(record);
}

function onWaitFailed(e: unknown): void {
  const record = currentEvent() as EventRecord;
  record.waiting--;
  if (!record.ended) fail(record, e, "Uncaught (in waitUntil) ");
  finish(record);
}

// ---- one request

export function fetch(id: number, method: string, url: string, stream: number, length: number): void {
  const record = new EventRecord(id);
  native.setAsyncFrame(record);
  let result: unknown;
  try {
    const request = requestFromEvent(record, method, url, stream, length, signalOf);
    result = callFetch(record, request);
    if (!isResponse(result)) {
      PromisePrototypeThen(PromiseResolve(result), onResponse, onException);
      MapPrototypeSet(events, id, record);
      native.setAsyncFrame(undefined);
      return;
    }
  } catch (e) {
    settleFailed(record, e);
    native.setAsyncFrame(undefined);
    if (!record.ended) MapPrototypeSet(events, id, record);
    return;
  }
  answer(record, result);
  if (!record.ended) MapPrototypeSet(events, id, record);
  native.setAsyncFrame(undefined);
}

/** The handler's promise was fulfilled. */
function onResponse(value: unknown): void {
  const record = currentEvent() as EventRecord;
  if (record.ended) return;
  if (isResponse(value)) answer(record, value);
  else settleFailed(record, new TypeError("Incorrect type for Promise: the Promise did not resolve to 'Response'."));
}

/** The handler's promise was rejected. */
function onException(e: unknown): void {
  const record = currentEvent() as EventRecord;
  if (!record.ended) settleFailed(record, e);
}

function answer(record: EventRecord, response: Response): void {
  record.settled = true;
  if (record.outcome === Outcome.canceled) {
    record.answered = true;
    return finish(record);
  }
  try {
    record.sending = respond(record, response);
  } catch (e) {
    return settleFailed(record, e);
  }
  record.responded = true;
  if (record.sending === undefined) {
    record.answered = true;
    finish(record);
  } else PromisePrototypeThen(record.sending.done, onBodyDone, onBodyFailed);
}

function onBodyDone(): void {
  const record = currentEvent() as EventRecord;
  record.answered = true;
  finish(record);
}

function onBodyFailed(e: unknown): void {
  const record = currentEvent() as EventRecord;
  record.answered = true;
  if (!record.ended) fail(record, e, "Uncaught (in response body) ");
  finish(record);
}

/** The handler has thrown: there will be no response. */
function settleFailed(record: EventRecord, e: unknown): void {
  record.settled = true;
  record.answered = true;
  fail(record, e, "");
  if (record.waiting > 0 && record.outcome === Outcome.exception && !record.passThrough) {
    // Tasks given to waitUntil, such as the report of this very error, go on; the client need not wait for them.
    record.responded = true;
    native.respond(record.id, 500, "", "content-type\ntext/plain;charset=UTF-8\n", "Internal Server Error", 0, 21, 0);
  } else if (record.passThrough) return end(record);
  finish(record);
}

/** Notes what went wrong; the first failure is the one that counts. logged: a console line is written, starting so. */
function fail(record: EventRecord, e: unknown, logged: string): void {
  if (record.outcome === Outcome.canceled) return;
  const { message, stack } = describeException(e);
  if (record.outcome === Outcome.ok) {
    record.outcome = Outcome.exception;
    record.message = message;
    record.stack = stack;
  }
  if (logged !== "") writeLog(LogLevel.error, logged + (stack === "" ? message : stack));
}

function finish(record: EventRecord): void {
  if (record.answered && record.waiting === 0 && !record.ended) end(record);
}

function end(record: EventRecord): void {
  record.ended = true;
  forget(record);
  native.eventDone(record.id, record.outcome, record.passThrough && record.outcome === Outcome.exception && !record.responded, record.message, record.stack);
}

/** Lets go of everything that belongs to an event which is over. */
function forget(record: EventRecord): void {
  record.signal = undefined;
  record.sending = undefined;
  MapPrototypeDelete(events, record.id);
  cancelTimersOf(record.id);
  endEventResources(record);
}

setHolds(
  (event) => {
    (event as EventRecord).waiting++;
  },
  (event) => {
    const record = event as EventRecord;
    record.waiting--;
    finish(record);
  },
);

// ---- the end from outside

const cancelMessages: { readonly [reason: string]: string } = {
  __proto__: null as never,
  [CancelReason.clientDisconnected]: "The client has disconnected.",
  [CancelReason.shutdown]: "The platform is shutting down.",
  [CancelReason.timeout]: "The request has taken too long.",
};
/** The console line of an event whose waitUntil promises took too long, as on the original platform. */
const lateMessage = "waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled.";

export function cancel(id: number, reason: number): void {
  const record = MapPrototypeGet(events, id);
  if (record === undefined) return;
  if (record.outcome === Outcome.ok) record.outcome = Outcome.canceled;
  native.setAsyncFrame(record);
  const message = cancelMessages[reason] ?? "The request was canceled.";
  const watched = record.signal !== undefined;
  if (watched) signalAbort(record.signal!, new DOMException(message, "AbortError"));
  record.sending?.cancelled(message);
  if (!record.ended && record.sending === undefined) {
    // A handler that knows of its signal gets time to clean up; one that cannot know is cut.
    if (record.settled || !watched) {
      record.answered = true;
      finish(record);
    } else {
      setPlatformTimeout(
        record,
        () => {
          record.answered = true;
          finish(record);
        },
        cancelGraceMs,
      );
    }
  }
  if (reason === CancelReason.timeout && !record.ended) {
    writeLog(LogLevel.warn, lateMessage);
    end(record);
  }
  native.setAsyncFrame(undefined);
}

export function eventKilled(id: number): void {
  // Its code was cut off wherever it was: the event need not be in the table, and its frame may still be the current one.
  native.setAsyncFrame(undefined);
  cancelTimersOf(id);
  const record = MapPrototypeGet(events, id);
  if (record === undefined) return;
  record.ended = true;
  forget(record);
}

// ---- at snapshot time

/**
 * Takes a few requests through the layer while the snapshot is made, when operations do nothing: V8 compiles functions when
 * they first run, and what has run here is compiled in every isolate from the start. Leaves the state as it was. It must touch
 * nothing of a lazy group, which would be loaded for good.
 */
export function rehearse(): void {
  const answer = (request: Request, name: string): Response => {
    void request.method;
    void request.url;
    const given = request.headers.get(name);
    return new Response("x", { status: 200, headers: { "content-type": "text/plain", [name]: given ?? "" } });
  };
  const workers: object[] = [
    { fetch: () => new Response("x") },
    { fetch: (request: Request) => answer(request, "x-a") },
    { fetch: async () => new Response(null, { status: 204 }) },
    { fetch: async (request: Request) => Response.json({ url: request.url }) },
    {
      fetch: () => {
        throw new TypeError("x");
      },
    },
  ];
  init('{"name":"","compatDate":"","compatFlags":[],"dev":false,"env":[]}');
  for (let i = 0; i < workers.length; i++) {
    start({ default: workers[i] });
    fetch(i + 1, "GET", "http://x/", 0, -1);
  }
  kind = "none";
  handlerObject = handlerFetch = handlerClass = undefined;
}
