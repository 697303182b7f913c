// setTimeout, setInterval and their like (https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html#timers).
// Deviations: a timer belongs to the event that made it and ends with it; strings are not compiled; a nested timer is not
// held to 4 ms, as CPU time is limited anyway. Order is the host's: by deadline, then by creation.

import { type AsyncFrame, currentFrame, type EventState, requireEvent, runInFrame } from "../bootstrap/context.ts";
import { reportException } from "../bootstrap/errors.ts";
import { native } from "../bootstrap/native.ts";
import {
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeSet,
  Set,
  SetPrototypeAdd,
  SetPrototypeDelete,
  SetPrototypeForEach,
  SetPrototypeGetSize,
} from "../bootstrap/primordials.ts";
import { toLong, typeError } from "../bootstrap/webidl.ts";

/** Timers that one event may have pending. */
export const timersMax = 10_000;

interface Timer {
  readonly id: number;
  readonly event: EventState;
  readonly frame: AsyncFrame | undefined;
  readonly callback: (...args: never[]) => unknown;
  readonly args: readonly unknown[];
  readonly delay: number;
  readonly repeat: boolean;
}

const none: readonly unknown[] = [];
const timers = new Map<number, Timer>();
const timersOfEvent = new Map<number, Set<number>>();
let lastId = 0;

function nextId(): number {
  do lastId = lastId >= 0x7fffffff ? 1 : lastId + 1;
  while (MapPrototypeGet(timers, lastId) !== undefined);
  return lastId;
}

function start(event: EventState, callback: Timer["callback"], args: readonly unknown[], delay: number, repeat: boolean, max: number): number {
  const id = nextId();
  if (event.ended) return id;
  let set = MapPrototypeGet(timersOfEvent, event.id);
  if (set === undefined) MapPrototypeSet(timersOfEvent, event.id, (set = new Set()));
  if (SetPrototypeGetSize(set) >= max) throw typeError("setTimeout", `an event may have no more than ${max} timers at once.`);
  SetPrototypeAdd(set, id);
  MapPrototypeSet(timers, id, { id, event, frame: currentFrame(), callback, args, delay, repeat });
  native.timerStart(event.id, id, delay);
  return id;
}

function drop(timer: Timer): void {
  MapPrototypeDelete(timers, timer.id);
  const set = MapPrototypeGet(timersOfEvent, timer.event.id);
  if (set !== undefined && SetPrototypeDelete(set, timer.id) && SetPrototypeGetSize(set) === 0) MapPrototypeDelete(timersOfEvent, timer.event.id);
}

function clear(id: number): void {
  const timer = MapPrototypeGet(timers, id);
  if (timer === undefined) return;
  drop(timer);
  native.timerCancel(id);
}

/** handlers.timer: the host says that a timer is due. */
export function onTimer(id: number): void {
  const timer = MapPrototypeGet(timers, id);
  if (timer === undefined) return;
  if (!timer.repeat) drop(timer);
  try {
    runInFrame(timer.frame, timer.callback, globalThis, timer.args);
  } catch (e) {
    runInFrame(timer.frame, reportException as (...args: never[]) => void, undefined, [e]);
  }
  if (timer.repeat && MapPrototypeGet(timers, id) === timer) native.timerStart(timer.event.id, id, timer.delay);
}

/** Forgets the timers of an event that is over. */
export function cancelTimersOf(event: number): void {
  if (MapPrototypeGetSize(timersOfEvent) === 0) return;
  const set = MapPrototypeGet(timersOfEvent, event);
  if (set === undefined) return;
  MapPrototypeDelete(timersOfEvent, event);
  SetPrototypeForEach(set, (id) => {
    MapPrototypeDelete(timers, id);
    native.timerCancel(id);
  });
}

// ---- for the platform

/** A timer of the platform on behalf of a worker, in the frame of its caller; throws in global scope and when there are too many. */
export function setInternalTimeout(callback: () => void, ms: number): number {
  return start(requireEvent(), callback, none, ms > maxDelay ? maxDelay : ms, false, timersMax);
}
/** A timer of the platform's own, which no limit refuses. */
export function setPlatformTimeout(event: EventState, callback: () => void, ms: number): number {
  return start(event, callback, none, ms, false, Infinity);
}
export const clearInternalTimeout = clear;

// ---- for workers

/** The longest delay that HTML's `long` can say; longer ones are those modulo 2^32, as in every browser. */
const maxDelay = 0x7fffffff;

function initialize(handler: unknown, timeout: unknown, args: readonly unknown[], repeat: boolean, context: string): number {
  if (typeof handler !== "function") {
    throw typeError(context, typeof handler === "string" ? "code in a string is not compiled; pass a function." : "Value is not a function.");
  }
  let delay = timeout === undefined ? 0 : toLong(timeout, context);
  if (delay < 0) delay = 0;
  return start(requireEvent(), handler as Timer["callback"], args, delay, repeat, timersMax);
}

// Methods, since operations of the global scope are no constructors.
export const { clearInterval, clearTimeout, setInterval, setTimeout } = {
  clearInterval(id: unknown = 0): void {
    clear(toLong(id, "clearInterval"));
  },

  clearTimeout(id: unknown = 0): void {
    clear(toLong(id, "clearTimeout"));
  },

  setInterval(handler: unknown, timeout: unknown = undefined, ...args: unknown[]): number {
    return initialize(handler, timeout, args, true, "setInterval");
  },

  setTimeout(handler: unknown, timeout: unknown = undefined, ...args: unknown[]): number {
    return initialize(handler, timeout, args, false, "setTimeout");
  },
};
