// What the platform says about exceptions that left a worker's code: as text for the end of an event, and through one
// hook for those that end nothing (a listener, a timer, a microtask, reportError).

import { inspect } from "../web/inspect.ts";
import { withoutPlatformFrames } from "../web/stack.ts";
import { isObject } from "./webidl.ts";

export interface ExceptionText {
  /** "Name: message" of an error, a short inspection of anything else. */
  message: string;
  /** The stack with its first line; "" if there is none. */
  stack: string;
}

/** Never throws. Reads name, message and stack as JavaScript would, so user code may run: only inside the event that threw. */
export function describeException(e: unknown): ExceptionText {
  if (!isObject(e)) return { message: typeof e === "string" ? e : inspect(e), stack: "" };
  const name = read(e, "name");
  const message = read(e, "message");
  const stack = withoutPlatformFrames(read(e, "stack") ?? "");
  if (name === undefined && message === undefined) return { message: inspect(e), stack };
  const text = message === undefined || message === "" ? (name ?? "Error") : name === undefined || name === "" ? message : `${name}: ${message}`;
  return { message: text, stack };
}

function read(e: object, key: string): string | undefined {
  try {
    const v = (e as { [k: string]: unknown })[key];
    return typeof v === "string" ? v : undefined;
  } catch {
    return undefined;
  }
}

let reporter: (e: unknown) => void = () => {};

/** Once, at snapshot time. */
export function setExceptionReporter(report: (e: unknown) => void): void {
  reporter = report;
}

/** HTML's "report an exception": an error event on the global object, a console line if nobody prevents it. Never throws. */
export function reportException(e: unknown): void {
  reporter(e);
}
