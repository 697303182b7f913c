// Exceptions that have no caller to go to (https://html.spec.whatwg.org/multipage/webappapis.html#report-the-exception) and
// promises that were rejected and that nobody handles (…#unhandled-promise-rejections). Neither ends an event: the worker
// may listen on its global object, and otherwise they are lines of its log.
//
// V8 tells of each rejection without a handler at once; most get one a few microtasks later, so they are looked at again
// after some. Deviation: the host has no hook for the end of a microtask checkpoint, so "after the checkpoint" is after
// rejectionHops further microtasks.

import { ErrorEvent } from "../web/events/error.ts";
import { PromiseRejectionEvent } from "../web/events/rejection.ts";
import { dispatchTrusted, isListenedTo } from "../web/events/target.ts";
import { writeLog } from "../web/log.ts";
import { inspect, stackOf, titleOf } from "../web/inspect.ts";
import { type AsyncFrame, currentFrame, runInFrame } from "./context.ts";
import { native } from "./native.ts";
import { ArrayPrototypePush, ArrayPrototypeSplice, ErrorCaptureStackTrace, NumberParseInt, RegExpPrototypeExec, StringPrototypeSplit, WeakSetConstructor, WeakSetPrototypeAdd, WeakSetPrototypeDelete } from "./primordials.ts";
import { isObject } from "./webidl.ts";
import { LogLevel } from "./wire.gen.ts";

/** Microtasks that may pass before a rejection counts as unhandled. */
export const rejectionHops = 64;

interface Rejection {
  readonly promise: Promise<unknown>;
  readonly reason: unknown;
  readonly frame: AsyncFrame | undefined;
}

let pending: Rejection[] = [];
let hops = 0;
const reported = new WeakSetConstructor();

/** handlers.promiseReject. */
export function onPromiseReject(type: number, promise: Promise<unknown>, reason: unknown): void {
  if (type === 0) {
    ArrayPrototypePush(pending, { promise, reason, frame: currentFrame() });
    if (pending.length === 1) {
      hops = 0;
      native.enqueueMicrotask(wait);
    }
  } else if (type === 1) {
    for (let i = 0; i < pending.length; i++) {
      if (pending[i]!.promise !== promise) continue;
      ArrayPrototypeSplice(pending, i, 1);
      return;
    }
    if (WeakSetPrototypeDelete(reported, promise) && isListenedTo(globalThis, "rejectionhandled")) {
      const frame = currentFrame();
      native.enqueueMicrotask(() => runInFrame(frame, fire as never, undefined, ["rejectionhandled", promise, native.promiseState(promise)[1]]));
    }
  }
}

function wait(): void {
  if (pending.length === 0) return;
  if (++hops < rejectionHops) native.enqueueMicrotask(wait);
  else report();
}

function report(): void {
  const list = pending;
  pending = [];
  for (let i = 0; i < list.length; i++) {
    const { promise, reason, frame } = list[i]!;
    WeakSetPrototypeAdd(reported, promise);
    runInFrame(frame, reportOne as never, undefined, [promise, reason]);
  }
}

function reportOne(promise: Promise<unknown>, reason: unknown): void {
  if (isListenedTo(globalThis, "unhandledrejection") && !fire("unhandledrejection", promise, reason)) return;
  writeLog(LogLevel.error, `Uncaught (in promise) ${typeof reason === "string" ? reason : inspect(reason)}`);
}

function fire(type: string, promise: Promise<unknown>, reason: unknown): boolean {
  return dispatchTrusted(globalThis, new PromiseRejectionEvent(type, { __proto__: null, promise, reason, cancelable: type === "unhandledrejection" }));
}

const frame = /^ +at (?:.* \()?([^()]+):([0-9]+):([0-9]+)\)?$/;

/** Where an exception comes from: the first frame of its stack, or that of the code that runs. */
function errorEvent(e: unknown): ErrorEvent {
  const isError = isObject(e) && native.typeTag(e) === "NativeError";
  const message = `Uncaught ${isError ? titleOf(e) : typeof e === "string" ? e : inspect(e)}`;
  let stack = isError ? stackOf(e) : undefined;
  if (stack === undefined) {
    const here = {};
    ErrorCaptureStackTrace(here);
    stack = stackOf(here) ?? "";
  }
  let filename = "";
  let lineno = 0;
  let colno = 0;
  const lines = StringPrototypeSplit(stack, "\n");
  for (let i = 0; i < lines.length; i++) {
    const match = RegExpPrototypeExec(frame, lines[i]!);
    if (match === null) continue;
    filename = match[1]!;
    lineno = NumberParseInt(match[2]!, 10);
    colno = NumberParseInt(match[3]!, 10);
    break;
  }
  return new ErrorEvent("error", { __proto__: null, message, filename, lineno, colno, error: e, cancelable: true });
}

let reporting = false;

/** An exception of a listener, timer or microtask, or one given to reportError. Never throws. */
export function reportUncaught(e: unknown): void {
  // What the error listeners themselves throw is only logged.
  if (!reporting && isListenedTo(globalThis, "error")) {
    reporting = true;
    try {
      if (!dispatchTrusted(globalThis, errorEvent(e))) return;
    } finally {
      reporting = false;
    }
  }
  writeLog(LogLevel.error, `Uncaught ${typeof e === "string" ? e : inspect(e)}`);
}
