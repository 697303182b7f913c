// scheduler.wait, the one part of the Prioritized Task Scheduling API (https://wicg.github.io/scheduling-apis/) that the
// Workers platform has: a promise for later, which an AbortSignal can end.

import { newDeferred, PromiseReject } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, requireArguments, toDictionary, toUnrestrictedDouble, typeError } from "../bootstrap/webidl.ts";
import { type AbortSignal, addAbortAlgorithm, isAbortSignal, removeAbortAlgorithm } from "./abort.ts";
import { clearInternalTimeout, setInternalTimeout } from "./timers.ts";

const construct = {};
const context = "Scheduler.wait";
/** In ms: the longest that a timer takes. */
const delayMax = 0x7fffffff;

export class Scheduler {
  #brand = true;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }

  wait(delay: unknown, options: unknown = undefined): Promise<void> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 1, context);
      const given = toUnrestrictedDouble(delay);
      // What is no time to wait is none at all, as for timers.
      const ms = given > 0 ? (given < delayMax ? given : delayMax) : 0;
      const signal = toDictionary<{ signal: unknown }>(options, context)?.signal;
      if (signal !== undefined && !isAbortSignal(signal)) throw typeError(context, "signal is not an AbortSignal.");
      return wait(ms, signal);
    } catch (e) {
      return PromiseReject(e);
    }
  }
}
defineInterface(Scheduler);

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return PromiseReject(signal.reason);
  const { promise, resolve, reject } = newDeferred<void>();
  let abort: (() => void) | undefined;
  const timer = setInternalTimeout(() => {
    if (abort !== undefined) removeAbortAlgorithm(signal!, abort);
    resolve();
  }, ms);
  if (signal !== undefined) {
    abort = () => {
      clearInternalTimeout(timer);
      reject(signal.reason);
    };
    addAbortAlgorithm(signal, abort);
  }
  return promise;
}

export const scheduler: Scheduler = new Scheduler(construct);
