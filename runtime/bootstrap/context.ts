// Which event the running code belongs to. V8 captures the frame with every promise reaction, so after any `await` the
// frame is the one that was current when the continuation was made; callbacks that are not promise reactions (timers,
// listeners of AbortSignals that fire later) capture and restore it themselves with captureFrame and runInFrame.

import { native } from "./native.ts";
import { Error, FunctionPrototypeApply, TypeError } from "./primordials.ts";

/** What one event needs while it runs. One object per event; ended is set when it is over. */
export interface EventState {
  readonly id: number;
  ended: boolean;
}

/** Immutable: changing the event or a store makes a new frame. Stores are AsyncLocalStorage values by storage. */
export interface AsyncFrame {
  readonly event: EventState | undefined;
  readonly stores: ReadonlyMap<object, unknown> | undefined;
}

export function currentFrame(): AsyncFrame | undefined {
  return native.getAsyncFrame() as AsyncFrame | undefined;
}

/** The event the running code belongs to; undefined in global scope. */
export function currentEvent(): EventState | undefined {
  return currentFrame()?.event;
}

export const globalScopeMessage =
  "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. " +
  "To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";

/** The current event, or the documented error in global scope. */
export function requireEvent(): EventState {
  const event = currentEvent();
  if (event === undefined) throw new TypeError(globalScopeMessage);
  return event;
}

let hold: (event: EventState) => void = () => {};
let release: (event: EventState) => void = () => {};

/** Once, at snapshot time: what the two functions below do. */
export function setHolds(holds: (event: EventState) => void, releases: (event: EventState) => void): void {
  hold = holds;
  release = releases;
}

/** The event does not end before releaseEvent: it has a WebSocket. */
export function holdEvent(event: EventState): void {
  hold(event);
}
export function releaseEvent(event: EventState): void {
  release(event);
}

/** Throws the documented error unless the running code belongs to this event. */
export function requireOwnEvent(event: EventState): void {
  if (currentEvent() === event) return;
  throw new Error(
    "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler. " +
      "This is a limitation of Cloudflare Workers which allows us to improve overall performance.",
  );
}

/** Runs fn in frame and restores the frame that was current. */
export function runInFrame<R>(frame: AsyncFrame | undefined, fn: (...args: never[]) => R, self: unknown, args: readonly unknown[]): R {
  const before = native.getAsyncFrame();
  native.setAsyncFrame(frame);
  try {
    return FunctionPrototypeApply<R>(fn, self, args);
  } finally {
    native.setAsyncFrame(before);
  }
}
