// Promises inside streams: none is made before somebody can see it, and none of ours is reported as unhandled.

import { native } from "../../bootstrap/native.ts";
import { type Deferred, newDeferredFast, PromisePrototypeThen, PromiseReject, promiseResolvedWith } from "../../bootstrap/primordials.ts";
import { isObject } from "../../bootstrap/webidl.ts";

/** Never handed out: a reaction to it runs in the next microtask. */
const settled: Promise<undefined> = promiseResolvedWith(undefined);

/** Runs fn in a microtask, in the current async frame. It must not throw. */
export function nextMicrotask(fn: () => void): void {
  PromisePrototypeThen(settled, fn, undefined);
}

/**
 * Reacts to what a callback of a worker returned, as to "a promise resolved with" it. No promise is made for the
 * usual plain undefined. The steps run in a microtask and must not throw.
 */
export function uponResult(value: unknown, fulfilled: (v: never) => void, rejected: (e: unknown) => void): void {
  if (!isObject(value)) {
    PromisePrototypeThen(settled, fulfilled as (v: unknown) => void, undefined);
    return;
  }
  PromisePrototypeThen(resultPromise(value), fulfilled as (v: unknown) => void, rejected);
}

/** "A promise resolved with" a value, also where looking at it throws. */
export function resultPromise(value: unknown): Promise<unknown> {
  try {
    return promiseResolvedWith(value);
  } catch (e) {
    return PromiseReject(e);
  }
}

/**
 * Calls fn and gives its result as a promise, also where it throws. A promise is not given as it is but two microtasks
 * later, as the new promise would that Web IDL makes of it: when streams are cancelled, aborted or closed from both
 * ends at once, the outcome depends on it.
 */
export function promiseCall(fn: () => unknown): Promise<unknown> {
  try {
    const result = fn();
    const promise = promiseResolvedWith(result);
    return promise === result ? laterPromise(promise) : promise;
  } catch (e) {
    return PromiseReject(e);
  }
}

/** The same promise two microtasks later, of undefined. */
export function laterPromise(promise: Promise<unknown>): Promise<undefined> {
  return PromisePrototypeThen(PromisePrototypeThen(promise, returnUndefined), returnUndefined);
}

export const returnUndefined = (): undefined => undefined;
export const ignore = (): void => {};

/** A rejected promise that does not count as unhandled. */
export function handledRejection(e: unknown): Promise<never> {
  const p = PromiseReject(e);
  native.markHandled(p);
  return p;
}

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

/**
 * A promise of undefined that is made when it is first looked at, such as reader.closed. Its rejection is always
 * handled, as the standard has it for all of these.
 */
export class LazyPromise {
  #state = PENDING;
  #reason: unknown = undefined;
  #deferred: Deferred<undefined> | undefined;
  #promise: Promise<undefined> | undefined;

  get promise(): Promise<undefined> {
    if (this.#promise !== undefined) return this.#promise;
    if (this.#state === FULFILLED) return (this.#promise = promiseResolvedWith(undefined) as Promise<undefined>);
    if (this.#state === REJECTED) return (this.#promise = handledRejection(this.#reason));
    this.#deferred = newDeferredFast<undefined>();
    return (this.#promise = this.#deferred.promise);
  }

  get pending(): boolean {
    return this.#state === PENDING;
  }

  resolve(): void {
    if (this.#state !== PENDING) return;
    this.#state = FULFILLED;
    this.#deferred?.resolve(undefined);
    this.#deferred = undefined;
  }

  reject(reason: unknown): void {
    if (this.#state !== PENDING) return;
    this.#state = REJECTED;
    this.#reason = reason;
    const deferred = this.#deferred;
    if (deferred === undefined) return;
    this.#deferred = undefined;
    native.markHandled(deferred.promise);
    deferred.reject(reason);
  }
}

/** What a LazyPromise that has been settled anew is. */
export function lazilyRejected(reason: unknown): LazyPromise {
  const p = new LazyPromise();
  p.reject(reason);
  return p;
}
export function lazilyResolved(): LazyPromise {
  const p = new LazyPromise();
  p.resolve();
  return p;
}
