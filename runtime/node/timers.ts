// node:timers/promises (https://nodejs.org/api/timers.html#timers-promises-api), and setImmediate: a timer that is due at once.

import { AsyncIteratorPrototype, Error, newDeferred, ObjectCreate, PromiseReject, PromiseResolve, SymbolAsyncIterator, FunctionPrototypeApply } from "../bootstrap/primordials.ts";
import { isObject } from "../bootstrap/webidl.ts";
import { type AbortSignal, abortReason, addAbortAlgorithm, isAborted, isAbortSignal, removeAbortAlgorithm } from "../web/abort.ts";
import { clearInternalTimeout, clearTimeout, setInternalTimeout, setTimeout as startTimer } from "../web/timers.ts";
import { invalidArgType, nodeError, requireFunction } from "./errors.ts";

export function setImmediate(callback: unknown, ...args: unknown[]): unknown {
  requireFunction(callback, "callback");
  return startTimer(() => FunctionPrototypeApply(callback, undefined, args), 0);
}

export function clearImmediate(timer: unknown): void {
  clearTimeout(timer as never);
}

function signalOf(options: unknown): AbortSignal | undefined {
  const signal = isObject(options) ? (options as { signal?: unknown }).signal : undefined;
  if (signal !== undefined && !isAbortSignal(signal)) throw invalidArgType("options.signal", "an instance of AbortSignal", signal);
  return signal;
}

function abortError(signal: AbortSignal): Error {
  const error = nodeError(Error as never, "ABORT_ERR", "The operation was aborted");
  error.name = "AbortError";
  (error as { cause?: unknown }).cause = abortReason(signal);
  return error;
}

function later(ms: unknown, value: unknown, options: unknown): Promise<unknown> {
  let signal: AbortSignal | undefined;
  try {
    signal = signalOf(options);
  } catch (e) {
    return PromiseReject(e);
  }
  if (signal !== undefined && isAborted(signal)) return PromiseReject(abortError(signal));
  const { promise, resolve, reject } = newDeferred<unknown>();
  const onAbort = (): void => {
    clearInternalTimeout(timer);
    reject(abortError(signal!));
  };
  const timer = setInternalTimeout(
    () => {
      if (signal !== undefined) removeAbortAlgorithm(signal, onAbort);
      resolve(value);
    },
    typeof ms === "number" && ms >= 1 ? ms : 1,
  );
  if (signal !== undefined) addAbortAlgorithm(signal, onAbort);
  return promise;
}

/** An async iterator that gives value every ms, until it is returned or its signal aborts. */
function every(ms: unknown, value: unknown, options: unknown): object {
  const signal = signalOf(options);
  const iterator = ObjectCreate(AsyncIteratorPrototype) as { [key: PropertyKey]: unknown };
  let over = false;
  iterator["next"] = (): Promise<unknown> => {
    if (over) return PromiseResolve({ value: undefined, done: true });
    return later(ms, { value, done: false }, { signal });
  };
  iterator["return"] = (): Promise<unknown> => {
    over = true;
    return PromiseResolve({ value: undefined, done: true });
  };
  iterator[SymbolAsyncIterator] = () => iterator;
  return iterator;
}

export const promises = {
  setTimeout: (ms?: unknown, value?: unknown, options?: unknown): Promise<unknown> => later(ms, value, options),
  setImmediate: (value?: unknown, options?: unknown): Promise<unknown> => later(0, value, options),
  setInterval: (ms?: unknown, value?: unknown, options?: unknown): object => every(ms, value, options),
  scheduler: { wait: (ms?: unknown, options?: unknown): Promise<unknown> => later(ms, undefined, options), yield: (): Promise<unknown> => later(0, undefined, undefined) },
};
