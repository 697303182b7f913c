// Exceptions that have no caller to go to (https://html.spec.whatwg.org/multipage/webappapis.html#report-the-exception) and
// promises that were rejected and that nobody handles (…#unhandled-promise-rejections). Neither ends an event: the worker
// may listen on its global object, and otherwise they are lines of its log.
//
// V8 tells of each rejection without a handler at once; most get one a few microtasks later. So they are noted, and looked
// at when the microtasks have run (handlers.rejectionsDue).

import { ErrorEvent } from "../web/events/error.ts";
import { PromiseRejectionEvent } from "../web/events/rejection.ts";
import { dispatchTrusted, isListenedTo } from "../web/events/target.ts";
import { writeLog } from "../web/log.ts";
import { inspect, stackOf, titleOf } from "../web/inspect.ts";
import { queueTask } from "../web/tasks.ts";
import { type AsyncFrame, currentFrame, runInFrame } from "./context.ts";
import { native } from "./native.ts";
import {
  ErrorCaptureStackTrace,
  Map,
  MapPrototypeClear,
  MapPrototypeDelete,
  MapPrototypeForEach,
  MapPrototypeSet,
  NumberParseInt,
  RegExpPrototypeExec,
  StringPrototypeSplit,
  WeakSetConstructor,
  WeakSetPrototypeAdd,
  WeakSetPrototypeDelete,
} from "./primordials.ts";
import { isObject } from "./webidl.ts";
import { LogLevel } from "./wire.gen.ts";

interface Rejection {
  readonly reason: unknown;
  readonly frame: AsyncFrame | undefined;
}

/** "About-to-be-notified rejected promises", in the order of their rejection. */
let pending = new Map<Promise<unknown>, Rejection>();
/** Those that are being reported. */
let due = new Map<Promise<unknown>, Rejection>();
/** "Outstanding rejected promises": those that were reported. */
const reported = new WeakSetConstructor();

/** handlers.promiseReject. */
export function onPromiseReject(type: number, promise: Promise<unknown>, reason: unknown): void {
  if (type === 0) MapPrototypeSet(pending, promise, { reason, frame: currentFrame() });
  else if (type === 1) {
    if (MapPrototypeDelete(pending, promise) || MapPrototypeDelete(due, promise) || !WeakSetPrototypeDelete(reported, promise)) return;
    if (isListenedTo(globalThis, "rejectionhandled")) queueTask(() => void fire("rejectionhandled", promise, native.promiseState(promise)[1]));
  }
}

/** handlers.rejectionsDue. */
export function onRejectionsDue(): void {
  const list = pending;
  pending = due;
  due = list;
  // A listener that is told of one promise may handle others, which are then gone from the map. Of promises that the platform
  // has marked as handled nobody has told us.
  MapPrototypeForEach(due, ({ reason, frame }, promise) => {
    if (native.isHandled(promise)) MapPrototypeDelete(due, promise);
    else runInFrame(frame, reportOne as never, undefined, [promise, reason]);
  });
  MapPrototypeClear(due);
}

function reportOne(promise: Promise<unknown>, reason: unknown): void {
  const unseen = !isListenedTo(globalThis, "unhandledrejection") || fire("unhandledrejection", promise, reason);
  if (MapPrototypeDelete(due, promise)) WeakSetPrototypeAdd(reported, promise);
  if (unseen) writeLog(LogLevel.error, `Uncaught (in promise) ${typeof reason === "string" ? reason : inspect(reason)}`);
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
