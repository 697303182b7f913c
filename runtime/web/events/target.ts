// EventTarget (https://dom.spec.whatwg.org/#interface-eventtarget) and event handler attributes
// (https://html.spec.whatwg.org/#event-handler-attributes), without trees: an event has one target, which sees it first
// with its capturing and then with its other listeners. Listeners run in the async frame of the dispatch.

import { native } from "../../bootstrap/native.ts";
import { defineInterface, illegalInvocation, isObject, requireArguments, toDOMString, typeError } from "../../bootstrap/webidl.ts";
import { FunctionPrototypeCall, ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ObjectSetPrototypeOf, TypeError } from "../../bootstrap/primordials.ts";
import { DOMException } from "../domexception.ts";
import { AT_TARGET, Event, isEvent, NONE, recordOf, trusted } from "./event.ts";

interface Listener {
  readonly type: string;
  /** Null for an event handler attribute, whose callback is in handler. */
  readonly callback: object | null;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  readonly handler: Handler | undefined;
  removed: boolean;
  /** The one that was added after it. It stays when this one is removed, for a dispatch that is under way. */
  next: Listener | undefined;
  /** Counts the listeners that a target was ever given, from 1. */
  number: number;
  /** Takes the removal out of the signal it was given. */
  forget: (() => void) | undefined;
}

/** An event handler attribute: one listener whose callback may be replaced. */
interface Handler {
  callback: object;
  listener: Listener;
}

interface TargetState {
  // A list of links: an array could be seen from outside, by setters on Array.prototype.
  first: Listener | undefined;
  last: Listener | undefined;
  /** Listeners added so far. */
  added: number;
  handlers: { [type: string]: Handler | undefined } | undefined;
  /** Told after the set of listeners has changed. */
  changed: ((type: string, any: boolean) => void) | undefined;
}

// ---- hooks

let report: (error: unknown, target: object) => void = (error) => {
  native.enqueueMicrotask(() => {
    throw error;
  });
};
/** Installs what "report the exception" does with an error that a listener threw. */
export function setReportException(fn: (error: unknown, target: object) => void): void {
  report = fn;
}
/** Reports an exception that has no caller to go to. */
export function reportException(error: unknown, target: object): void {
  report(error, target);
}

/** What addEventListener needs of AbortSignal, which is itself an EventTarget and installs it. */
export interface SignalOps {
  is(v: unknown): v is object;
  aborted(signal: object): boolean;
  /** Runs fn when signal aborts; returns what undoes it. */
  add(signal: object, fn: () => void): () => void;
}
let signals: SignalOps | undefined;
export function setSignalOps(ops: SignalOps): void {
  signals = ops;
}

// ---- EventTarget

class Returned {
  constructor(o: object) {
    return o;
  }
}

let stateOf: (v: unknown) => TargetState | undefined;

// The state sits in a class of its own, so that it can also be stamped on the global object.
class Stamp extends Returned {
  readonly #state: TargetState = { first: undefined, last: undefined, added: 0, handlers: undefined, changed: undefined };
  constructor(o: object) {
    super(o);
  }
  static {
    stateOf = (v) => (isObject(v) && #state in v ? (v as Stamp).#state : undefined);
  }
}

let globalTarget: object | undefined;

/** Makes the global object an event target. Methods called without a receiver then act on it, as Web IDL says. */
export function installGlobalTarget(global: object): void {
  new Stamp(global);
  globalTarget = global;
}

export const isEventTarget = (v: unknown): v is EventTarget => stateOf(v) !== undefined;

function receiver(self: unknown): object {
  const v = self === undefined || self === null ? globalTarget : self;
  return v as object;
}
function requireState(v: unknown): TargetState {
  const state = stateOf(v);
  if (state === undefined) illegalInvocation();
  return state;
}

export class EventTarget {
  constructor() {
    new Stamp(this);
  }

  addEventListener(type: unknown, callback: unknown, options: unknown = undefined): void {
    const target = receiver(this);
    const state = requireState(target);
    const context = "EventTarget.addEventListener";
    requireArguments(arguments.length, 2, context);
    const name = toDOMString(type);
    const listener = toListener(callback, context);
    let capture = false;
    let once = false;
    let passive = false;
    let signal: object | undefined;
    if (isObject(options)) {
      const o = options as { capture?: unknown; once?: unknown; passive?: unknown; signal?: unknown };
      capture = !!o.capture;
      once = !!o.once;
      passive = !!o.passive;
      const s = o.signal;
      if (s !== undefined) {
        if (signals === undefined || !signals.is(s)) throw typeError(context, "signal is not an AbortSignal.");
        signal = s;
      }
    } else capture = !!options;
    if (signal !== undefined && signals!.aborted(signal)) return;
    if (listener === null || find(state, name, listener, capture) !== undefined) return;
    const entry = newListener(name, listener, capture, once, passive, undefined);
    if (signal !== undefined) entry.forget = signals!.add(signal, () => remove(state, entry));
    add(state, entry);
  }

  removeEventListener(type: unknown, callback: unknown, options: unknown = undefined): void {
    const state = requireState(receiver(this));
    const context = "EventTarget.removeEventListener";
    requireArguments(arguments.length, 2, context);
    const name = toDOMString(type);
    const listener = toListener(callback, context);
    const capture = isObject(options) ? !!(options as { capture?: unknown }).capture : !!options;
    const found = find(state, name, listener, capture);
    if (found !== undefined) remove(state, found);
  }

  dispatchEvent(event: unknown): boolean {
    const target = receiver(this);
    const state = requireState(target);
    const context = "EventTarget.dispatchEvent";
    requireArguments(arguments.length, 1, context);
    if (!isEvent(event)) throw typeError(context, "Argument is not an Event.");
    const r = recordOf(event);
    if (r.dispatching || !r.initialized) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
    r.trusted = false;
    return dispatch(target, state, event);
  }
}
defineInterface(EventTarget);

function toListener(v: unknown, context: string): object | null {
  if (v === undefined || v === null) return null;
  if (!isObject(v)) throw typeError(context, "Listener is not an object.");
  return v;
}

function newListener(type: string, callback: object | null, capture: boolean, once: boolean, passive: boolean, handler: Handler | undefined): Listener {
  return { type, callback, capture, once, passive, handler, removed: false, next: undefined, number: 0, forget: undefined };
}

function find(state: TargetState, type: string, callback: object | null, capture: boolean): Listener | undefined {
  for (let l = state.first; l !== undefined; l = l.next) if (l.handler === undefined && l.type === type && l.callback === callback && l.capture === capture) return l;
  return undefined;
}

function add(state: TargetState, listener: Listener): void {
  listener.number = ++state.added;
  if (state.last === undefined) state.first = listener;
  else state.last.next = listener;
  state.last = listener;
  state.changed?.(listener.type, true);
}

function remove(state: TargetState, listener: Listener): void {
  if (listener.removed) return;
  listener.removed = true;
  listener.forget?.();
  listener.forget = undefined;
  let before: Listener | undefined;
  for (let l = state.first; l !== listener && l !== undefined; l = l.next) before = l;
  if (before === undefined) state.first = listener.next;
  else before.next = listener.next;
  if (state.last === listener) state.last = before;
  if (listener.handler !== undefined) state.handlers![listener.type] = undefined;
  state.changed?.(listener.type, hasListeners(state, listener.type));
}

function hasListeners(state: TargetState, type: string): boolean {
  for (let l = state.first; l !== undefined; l = l.next) if (l.type === type) return true;
  return false;
}

/** Dispatch (§2.9) with a path of one. */
function dispatch(target: object, state: TargetState, event: Event): boolean {
  const r = recordOf(event);
  r.dispatching = true;
  r.target = target;
  if (state.first !== undefined) {
    r.currentTarget = target;
    r.phase = AT_TARGET;
    if (!r.stopped) invoke(target, state, event, true);
    if (!r.stopped) invoke(target, state, event, false);
  }
  r.phase = NONE;
  r.currentTarget = null;
  r.dispatching = false;
  r.stopped = false;
  r.stoppedNow = false;
  return !r.canceled;
}

/** Inner invoke (§2.9). */
function invoke(target: object, state: TargetState, event: Event, capture: boolean): void {
  const r = recordOf(event);
  const type = event.type;
  const { added } = state; // Listeners added meanwhile wait for the next event.
  for (let l = state.first; l !== undefined && l.number <= added; l = l.next) {
    if (l.removed || l.type !== type || l.capture !== capture) continue;
    if (l.once) remove(state, l);
    r.inPassive = l.passive;
    try {
      if (l.handler !== undefined) callHandler(target, l.handler.callback, event);
      else callListener(target, l.callback!, event);
    } catch (error) {
      report(error, target);
    }
    r.inPassive = false;
    if (r.stoppedNow) return;
  }
}

/** Call a user object's operation handleEvent (Web IDL §3.12). */
function callListener(target: object, callback: object, event: Event): void {
  if (typeof callback === "function") {
    FunctionPrototypeCall(callback, target, event);
    return;
  }
  const handleEvent = (callback as { handleEvent?: unknown }).handleEvent;
  if (typeof handleEvent !== "function") throw new TypeError("EventListener: handleEvent is not a function.");
  FunctionPrototypeCall(handleEvent, callback, event);
}

/** The event handler processing algorithm. */
function callHandler(target: object, callback: object, event: Event): void {
  if (typeof callback !== "function") return;
  const error = target === globalTarget && event.type === "error" ? errorArguments?.(event) : undefined;
  if (error !== undefined) {
    if (FunctionPrototypeCall(callback, target, error[0], error[1], error[2], error[3], error[4]) === true) event.preventDefault();
    return;
  }
  if (FunctionPrototypeCall(callback, target, event) === false) event.preventDefault();
}

let errorArguments: ((event: Event) => [unknown, unknown, unknown, unknown, unknown] | undefined) | undefined;
/** ErrorEvent installs how the global onerror handler gets its five arguments; undefined for other events. */
export function setErrorArguments(fn: NonNullable<typeof errorArguments>): void {
  errorArguments = fn;
}

// ---- for the platform

/** Dispatches an event of ours: isTrusted is true. Returns false if it was canceled. */
export function dispatchTrusted(target: object, event: Event): boolean {
  return dispatch(target, requireState(target), trusted(event));
}

/** Adds a listener of ours, as addEventListener(type, callback) does. */
export function listen(target: object, type: string, callback: (event: Event) => void): void {
  add(requireState(target), newListener(type, callback, false, false, false, undefined));
}

/** Whether an event of this type would reach anybody. */
export function isListenedTo(target: object, type: string): boolean {
  return hasListeners(requireState(target), type);
}

/** Calls fn whenever listeners of a type come or go; any says whether one is left. One such function per target. */
export function onListenersChanged(target: object, fn: (type: string, any: boolean) => void): void {
  requireState(target).changed = fn;
}

/** Defines the event handler attribute on<type> on a class, or on an object such as the global. Once. onSet runs after it was set. */
export function defineEventHandler(where: { prototype: object } | object, type: string, onSet?: (target: object) => void): void {
  const object = typeof where === "function" ? ((where as { prototype: object }).prototype) : where;
  const key = `on${type}`;
  const accessor = {
    get [key](): object | null {
      return requireState(receiver(this)).handlers?.[type]?.callback ?? null;
    },
    set [key](value: unknown) {
      const target = receiver(this);
      setHandler(requireState(target), type, isObject(value) ? value : null);
      onSet?.(target);
    },
  };
  const descriptor = ObjectGetOwnPropertyDescriptor(accessor, key)!;
  ObjectSetPrototypeOf(descriptor, null);
  ObjectDefineProperty(object, key, descriptor);
}

function setHandler(state: TargetState, type: string, callback: object | null): void {
  const handler = state.handlers?.[type];
  if (callback === null) {
    if (handler !== undefined) remove(state, handler.listener);
    return;
  }
  if (handler !== undefined) {
    handler.callback = callback;
    return;
  }
  const made = { callback } as Handler;
  made.listener = newListener(type, null, false, false, false, made);
  state.handlers ??= { __proto__: null } as never;
  state.handlers![type] = made;
  add(state, made.listener);
}
