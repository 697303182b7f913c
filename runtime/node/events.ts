// node:events (https://nodejs.org/api/events.html). EventEmitter is a function and no class, since programs call it without
// `new` from constructors of their own, and its state has the names that programs look at: _events, _eventsCount,
// _maxListeners. Left to the list of what is not available: EventEmitterAsyncResource.

import { append, ArrayPrototypeShift, copyList, removeAt, AsyncIteratorPrototype, type Deferred, defineData, Error, FunctionPrototypeApply, FunctionPrototypeCall, newDeferred, ObjectCreate, ObjectDefineProperty, ObjectGetPrototypeOf, prepend, PromiseReject, PromiseResolve, ReflectOwnKeys, Symbol, SymbolAsyncIterator, SymbolFor } from "../bootstrap/primordials.ts";
import { isObject } from "../bootstrap/webidl.ts";
import { LogLevel } from "../bootstrap/wire.gen.ts";
import { type AbortSignal, abortReason, addAbortAlgorithm, isAborted, isAbortSignal, removeAbortAlgorithm } from "../web/abort.ts";
import type { EventTarget } from "../web/events/target.ts";
import { inspect } from "../web/inspect.ts";
import { writeLog } from "../web/log.ts";
import { queueMicrotask } from "../web/microtask.ts";
import { invalidArgType, nodeError, outOfRange, requireFunction } from "./errors.ts";

type Listener = ((...args: unknown[]) => unknown) & { listener?: Listener };
type Listeners = Listener | (Listener[] & { warned?: boolean });

export interface Emitter {
  _events: { [name: PropertyKey]: Listeners | undefined } | undefined;
  _eventsCount: number;
  _maxListeners: number | undefined;
  [captures]?: boolean;
  [rejection]?: (error: unknown, name: PropertyKey, ...args: unknown[]) => void;
  on(name: PropertyKey, listener: Listener): Emitter;
  emit(name: PropertyKey, ...args: unknown[]): boolean;
  removeListener(name: PropertyKey, listener: Listener): Emitter;
}

const captures: unique symbol = Symbol("kCapture") as never;
const rejection: unique symbol = SymbolFor("nodejs.rejection") as never;
const errorMonitor: symbol = Symbol("events.errorMonitor");

let defaultMaxListeners = 10;
let captureRejections = false;

/** Sets up the state of an emitter: what `EventEmitter.call(this)` does. */
function initialise(self: Emitter, options: unknown): void {
  const above = ObjectGetPrototypeOf(self) as { _events?: unknown } | null;
  if (self._events === undefined || (above !== null && self._events === above._events)) {
    self._events = ObjectCreate(null) as NonNullable<Emitter["_events"]>;
    self._eventsCount = 0;
  }
  self._maxListeners ??= undefined;
  const wanted = isObject(options) ? (options as { captureRejections?: unknown }).captureRejections : undefined;
  if (wanted !== undefined) {
    if (typeof wanted !== "boolean") throw invalidArgType("options.captureRejections", "of type boolean", wanted);
    self[captures] = wanted;
  } else if (captureRejections) self[captures] = true;
}

interface EventEmitterFunction {
  new (options?: unknown): Emitter;
  (this: Emitter, options?: unknown): void;
  prototype: Emitter;
}

export const EventEmitter = function EventEmitter(this: Emitter, options: unknown): void {
  initialise(this, options);
} as unknown as EventEmitterFunction & { [name: string]: unknown };

function limitOf(self: Emitter): number {
  return self._maxListeners === undefined ? defaultMaxListeners : self._maxListeners;
}

function add(self: Emitter, name: PropertyKey, listener: Listener, first: boolean): Emitter {
  requireFunction(listener, "listener");
  let events = self._events;
  if (events === undefined) {
    events = self._events = ObjectCreate(null) as NonNullable<Emitter["_events"]>;
    self._eventsCount = 0;
  } else if (events["newListener"] !== undefined) {
    // Before it is added: what listens for "newListener" must not hear of itself.
    self.emit("newListener", name, listener.listener ?? listener);
    events = self._events!;
  }
  const there = events[name];
  if (there === undefined) {
    events[name] = listener;
    self._eventsCount++;
    return self;
  }
  const list: Listener[] & { warned?: boolean } = typeof there === "function" ? [there] : there;
  if (first) prepend(list, listener);
  else append(list, listener);
  if (typeof there === "function") events[name] = list;
  const most = limitOf(self);
  if (most > 0 && list.length > most && list.warned !== true) {
    list.warned = true;
    writeLog(
      LogLevel.warn,
      `MaxListenersExceededWarning: Possible EventEmitter memory leak detected. ${list.length} ${typeof name === "symbol" ? inspect(name) : name} listeners added to ${inspect(self, -1)}. MaxListeners is ${most}. Use emitter.setMaxListeners() to increase limit`,
    );
  }
  return self;
}

function onceWrapper(self: Emitter, name: PropertyKey, listener: Listener): Listener {
  requireFunction(listener, "listener");
  let fired = false;
  const wrapped: Listener = function (this: unknown, ...args: unknown[]): unknown {
    if (fired) return undefined;
    fired = true;
    self.removeListener(name, wrapped);
    return FunctionPrototypeApply(listener, self, args);
  };
  wrapped.listener = listener;
  return wrapped;
}

/** The arguments first, second (if it is defined), rest. */
function withFirst(first: unknown, second: unknown, rest: readonly unknown[]): unknown[] {
  const all = second === undefined ? [first] : [first, second];
  for (let i = 0; i < rest.length; i++) append(all, rest[i]);
  return all;
}

/** What an emitter that captures rejections does with one: its own handler, or its "error" event. */
function onRejected(self: Emitter, error: unknown, name: PropertyKey, args: readonly unknown[]): void {
  const handler = self[rejection];
  if (typeof handler === "function") {
    FunctionPrototypeApply(handler, self, withFirst(error, name, args));
    return;
  }
  // Its own "error" listeners must not be captured again.
  const before = self[captures];
  try {
    self[captures] = false;
    self.emit("error", error);
  } finally {
    if (before === undefined) delete self[captures];
    else self[captures] = before;
  }
}

function call(self: Emitter, listener: Listener, name: PropertyKey, args: readonly unknown[]): void {
  const result = FunctionPrototypeApply<unknown>(listener, self, args);
  if (self[captures] !== true || !isObject(result)) return;
  const then = (result as { then?: unknown }).then;
  if (typeof then !== "function") return;
  FunctionPrototypeCall(then, result, undefined, (e: unknown) => queueMicrotask(() => onRejected(self, e, name, args)));
}

function unhandled(self: Emitter, args: readonly unknown[]): never {
  const error = args[0];
  if (error instanceof Error) throw error;
  let shown: string;
  try {
    shown = inspect(error);
  } catch {
    shown = `${error as string}`;
  }
  const e = nodeError(Error as never, "ERR_UNHANDLED_ERROR", `Unhandled error. (${shown})`);
  (e as { context?: unknown }).context = error;
  void self;
  throw e;
}

function listenersOf(self: Emitter, name: PropertyKey, unwrap: boolean): Listener[] {
  const there = self._events?.[name];
  if (there === undefined) return [];
  if (typeof there === "function") return [unwrap ? (there.listener ?? there) : there];
  const out: Listener[] = [];
  for (let i = 0; i < there.length; i++) append(out, unwrap ? (there[i]!.listener ?? there[i]!) : there[i]!);
  return out;
}

function requireLimit(n: unknown, name: string): number {
  if (typeof n !== "number") throw invalidArgType(name, "of type number", n);
  if (!(n >= 0)) throw outOfRange(name, ">= 0", n);
  return n;
}

const methods = {
  setMaxListeners(this: Emitter, n: unknown): Emitter {
    this._maxListeners = requireLimit(n, "setMaxListeners");
    return this;
  },
  getMaxListeners(this: Emitter): number {
    return limitOf(this);
  },
  emit(this: Emitter, name: PropertyKey, ...args: unknown[]): boolean {
    const events = this._events;
    if (name === "error") {
      if (events?.[errorMonitor] !== undefined) FunctionPrototypeApply(this.emit, this, withFirst(errorMonitor, undefined, args));
      if (events?.["error"] === undefined) unhandled(this, args);
    }
    const there = events?.[name];
    if (there === undefined) return false;
    if (typeof there === "function") call(this, there, name, args);
    else {
      // Listeners that are added or removed meanwhile do not matter to this call.
      const list = copyList(there);
      for (let i = 0; i < list.length; i++) call(this, list[i]!, name, args);
    }
    return true;
  },
  addListener(this: Emitter, name: PropertyKey, listener: Listener): Emitter {
    return add(this, name, listener, false);
  },
  prependListener(this: Emitter, name: PropertyKey, listener: Listener): Emitter {
    return add(this, name, listener, true);
  },
  once(this: Emitter, name: PropertyKey, listener: Listener): Emitter {
    return this.on(name, onceWrapper(this, name, listener));
  },
  prependOnceListener(this: Emitter, name: PropertyKey, listener: Listener): Emitter {
    return add(this, name, onceWrapper(this, name, listener), true);
  },
  removeListener(this: Emitter, name: PropertyKey, listener: Listener): Emitter {
    requireFunction(listener, "listener");
    const events = this._events;
    const there = events?.[name];
    if (events === undefined || there === undefined) return this;
    if (typeof there === "function") {
      if (there !== listener && there.listener !== listener) return this;
      if (--this._eventsCount === 0) this._events = ObjectCreate(null) as NonNullable<Emitter["_events"]>;
      else delete events[name];
    } else {
      let at = there.length - 1;
      while (at >= 0 && there[at] !== listener && there[at]!.listener !== listener) at--;
      if (at < 0) return this;
      removeAt(there, at);
      if (there.length === 1) events[name] = there[0];
    }
    if (events["removeListener"] !== undefined) this.emit("removeListener", name, listener.listener ?? listener);
    return this;
  },
  removeAllListeners(this: Emitter, name?: PropertyKey): Emitter {
    const events = this._events;
    if (events === undefined) return this;
    if (events["removeListener"] === undefined) {
      if (arguments.length === 0) {
        this._events = ObjectCreate(null) as NonNullable<Emitter["_events"]>;
        this._eventsCount = 0;
      } else if (events[name!] !== undefined) {
        delete events[name!];
        this._eventsCount--;
      }
      return this;
    }
    if (arguments.length === 0) {
      const names = ReflectOwnKeys(events);
      for (let i = 0; i < names.length; i++) if (names[i] !== "removeListener") methods.removeAllListeners.call(this, names[i]!);
      methods.removeAllListeners.call(this, "removeListener");
      this._events = ObjectCreate(null) as NonNullable<Emitter["_events"]>;
      this._eventsCount = 0;
      return this;
    }
    const list = listenersOf(this, name!, false);
    for (let i = list.length - 1; i >= 0; i--) this.removeListener(name!, list[i]!);
    return this;
  },
  listeners(this: Emitter, name: PropertyKey): Listener[] {
    return listenersOf(this, name, true);
  },
  rawListeners(this: Emitter, name: PropertyKey): Listener[] {
    return listenersOf(this, name, false);
  },
  listenerCount(this: Emitter, name: PropertyKey, listener?: Listener): number {
    if (listener === undefined || listener === null) return listenersOf(this, name, false).length;
    let n = 0;
    const list = listenersOf(this, name, false);
    for (let i = 0; i < list.length; i++) if (list[i] === listener || list[i]!.listener === listener) n++;
    return n;
  },
  eventNames(this: Emitter): PropertyKey[] {
    return this._eventsCount > 0 ? ReflectOwnKeys(this._events!) : [];
  },
};

const prototype = EventEmitter.prototype as unknown as { [name: string]: unknown };
{
  const names = ReflectOwnKeys(methods) as string[];
  for (let i = 0; i < names.length; i++) defineData(prototype, names[i]!, (methods as never as { [name: string]: unknown })[names[i]!], true, true, true);
  defineData(prototype, "on", methods.addListener, true, true, true);
  defineData(prototype, "off", methods.removeListener, true, true, true);
  defineData(prototype, "_events", undefined, true, true, true);
  defineData(prototype, "_eventsCount", 0, true, true, true);
  defineData(prototype, "_maxListeners", undefined, true, true, true);
}

// ---- functions beside the class

type Target = Emitter | EventTarget;

function isEmitter(v: unknown): v is Emitter {
  return isObject(v) && typeof (v as { on?: unknown }).on === "function";
}

function listen(target: Target, name: PropertyKey, listener: Listener, onlyOnce: boolean): void {
  if (isEmitter(target)) {
    if (onlyOnce) methods.once.call(target, name, listener);
    else target.on(name, listener);
  } else if (isObject(target) && typeof target.addEventListener === "function") target.addEventListener(name as string, listener as never, { once: onlyOnce });
  else throw invalidArgType("emitter", "an instance of EventEmitter", target);
}

function unlisten(target: Target, name: PropertyKey, listener: Listener): void {
  if (isEmitter(target)) target.removeListener(name, listener);
  else (target as EventTarget).removeEventListener(name as string, listener as never);
}

function signalOf(options: unknown): AbortSignal | undefined {
  const signal = isObject(options) ? (options as { signal?: unknown }).signal : undefined;
  if (signal !== undefined && !isAbortSignal(signal)) throw invalidArgType("options.signal", "an instance of AbortSignal", signal);
  return signal;
}

/** Node's AbortError, which is no DOMException. */
function abortError(signal: AbortSignal): Error {
  const error = nodeError(Error as never, "ABORT_ERR", "The operation was aborted");
  error.name = "AbortError";
  (error as { cause?: unknown }).cause = abortReason(signal);
  return error;
}

export function once(emitter: Target, name: PropertyKey, options: unknown = undefined): Promise<unknown[]> {
  const result = newDeferred<unknown[]>();
  let signal: AbortSignal | undefined;
  try {
    signal = signalOf(options);
  } catch (e) {
    return PromiseReject(e);
  }
  if (signal !== undefined && isAborted(signal)) return PromiseReject(abortError(signal));
  const onError: Listener = (e) => {
    unlisten(emitter, name, onEvent);
    if (signal !== undefined) removeAbortAlgorithm(signal, onAbort);
    result.reject(e);
  };
  const onEvent: Listener = (...args) => {
    if (isEmitter(emitter)) emitter.removeListener("error", onError);
    if (signal !== undefined) removeAbortAlgorithm(signal, onAbort);
    result.resolve(args);
  };
  const onAbort = (): void => {
    unlisten(emitter, name, onEvent);
    if (isEmitter(emitter)) emitter.removeListener("error", onError);
    result.reject(abortError(signal!));
  };
  try {
    listen(emitter, name, onEvent, true);
    if (name !== "error" && isEmitter(emitter)) methods.once.call(emitter, "error", onError);
  } catch (e) {
    return PromiseReject(e);
  }
  if (signal !== undefined) addAbortAlgorithm(signal, onAbort);
  return result.promise;
}

/** An async iterator over the events of that name. */
export function on(emitter: Target, name: PropertyKey, options: unknown = undefined): object {
  const signal = signalOf(options);
  if (signal !== undefined && isAborted(signal)) throw abortError(signal);
  const events: unknown[][] = [];
  const waiting: Deferred<unknown>[] = [];
  const endings = isObject(options) ? (options as { close?: unknown }).close : undefined;
  let failure: { error: unknown } | undefined;
  let finished = false;

  const onEvent: Listener = (...args) => {
    const first = ArrayPrototypeShift(waiting);
    if (first === undefined) append(events, args);
    else first.resolve({ value: args, done: false });
  };
  const onError: Listener = (error) => {
    const first = ArrayPrototypeShift(waiting);
    if (first === undefined) failure = { error };
    else first.reject(error);
    close();
  };
  const onAbort = (): void => void onError(abortError(signal!));
  const onEnd: Listener = () => void close();
  const close = (): Promise<unknown> => {
    unlisten(emitter, name, onEvent);
    if (name !== "error" && isEmitter(emitter)) emitter.removeListener("error", onError);
    if (endings !== undefined) for (let i = 0; i < (endings as string[]).length; i++) unlisten(emitter, (endings as string[])[i]!, onEnd);
    if (signal !== undefined) removeAbortAlgorithm(signal, onAbort);
    finished = true;
    for (let w = ArrayPrototypeShift(waiting); w !== undefined; w = ArrayPrototypeShift(waiting)) w.resolve({ value: undefined, done: true });
    return PromiseResolve({ value: undefined, done: true });
  };

  const iterator = ObjectCreate(AsyncIteratorPrototype) as { [name: PropertyKey]: unknown };
  iterator["next"] = (): Promise<unknown> => {
    const value = ArrayPrototypeShift(events);
    if (value !== undefined) return PromiseResolve({ value, done: false });
    if (failure !== undefined) {
      const { error } = failure;
      failure = undefined;
      return PromiseReject(error);
    }
    if (finished) return PromiseResolve({ value: undefined, done: true });
    const later = newDeferred<unknown>();
    append(waiting, later);
    return later.promise;
  };
  iterator["return"] = close;
  iterator["throw"] = (error: unknown): void => {
    if (!(error instanceof Error)) throw invalidArgType("EventEmitter.AsyncIterator", "an instance of Error", error);
    onError(error);
  };
  iterator[SymbolAsyncIterator] = function (this: unknown) {
    return this;
  };
  listen(emitter, name, onEvent, false);
  if (name !== "error" && isEmitter(emitter)) emitter.on("error", onError);
  if (endings !== undefined) for (let i = 0; i < (endings as string[]).length; i++) listen(emitter, (endings as string[])[i]!, onEnd, false);
  if (signal !== undefined) addAbortAlgorithm(signal, onAbort);
  return iterator;
}

export function getEventListeners(target: unknown, name: PropertyKey): Listener[] {
  if (!isEmitter(target)) throw invalidArgType("emitter", "an instance of EventEmitter", target);
  return listenersOf(target, name, true);
}

export function listenerCount(target: unknown, name: PropertyKey): number {
  if (!isEmitter(target)) throw invalidArgType("emitter", "an instance of EventEmitter", target);
  return methods.listenerCount.call(target, name);
}

export function getMaxListeners(target: unknown): number {
  if (!isEmitter(target)) throw invalidArgType("emitter", "an instance of EventEmitter", target);
  return limitOf(target);
}

export function setMaxListeners(n: unknown = defaultMaxListeners, ...targets: unknown[]): void {
  const limit = requireLimit(n, "setMaxListeners");
  if (targets.length === 0) defaultMaxListeners = limit;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i];
    if (isEmitter(target)) methods.setMaxListeners.call(target, limit);
    // An EventTarget has no limit here: nothing counts its listeners.
    else if (!isObject(target) || typeof (target as EventTarget).addEventListener !== "function") throw invalidArgType("eventTargets", "an instance of EventEmitter or EventTarget", target);
  }
}

export function addAbortListener(signal: unknown, listener: unknown): object {
  if (!isAbortSignal(signal)) throw invalidArgType("signal", "an instance of AbortSignal", signal);
  requireFunction(listener, "listener");
  const run = (): void => void FunctionPrototypeCall(listener, undefined, { type: "abort", target: signal });
  if (isAborted(signal)) queueMicrotask(run);
  else addAbortAlgorithm(signal, run);
  const handle: { [name: PropertyKey]: unknown } = {};
  const dispose = (Symbol as unknown as { dispose?: symbol }).dispose;
  if (dispose !== undefined) handle[dispose] = () => removeAbortAlgorithm(signal, run);
  return handle;
}

{
  const statics = { addAbortListener, getEventListeners, getMaxListeners, listenerCount, on, once, setMaxListeners, EventEmitter, errorMonitor, captureRejectionSymbol: rejection, usingDomains: false };
  const names = ReflectOwnKeys(statics) as string[];
  for (let i = 0; i < names.length; i++) defineData(EventEmitter, names[i]!, (statics as never as { [name: string]: unknown })[names[i]!], true, true, true);
  ObjectDefineProperty(EventEmitter, "defaultMaxListeners", {
    __proto__: null,
    enumerable: true,
    configurable: true,
    get: () => defaultMaxListeners,
    set: (n: unknown) => void (defaultMaxListeners = requireLimit(n, "defaultMaxListeners")),
  } as PropertyDescriptor);
  ObjectDefineProperty(EventEmitter, "captureRejections", {
    __proto__: null,
    enumerable: true,
    configurable: true,
    get: () => captureRejections,
    set(on: unknown) {
      if (typeof on !== "boolean") throw invalidArgType("EventEmitter.captureRejections", "of type boolean", on);
      captureRejections = on;
    },
  } as PropertyDescriptor);
}
