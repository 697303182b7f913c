// Queuing strategies (https://streams.spec.whatwg.org/#qs).

import { defineInterface, illegalInvocation, isObject, requireArguments, toUnrestrictedDouble, typeError } from "../../bootstrap/webidl.ts";
import { FunctionPrototypeCall, NumberIsNaN, RangeError } from "../../bootstrap/primordials.ts";

/** The size of a chunk; undefined stands for "every chunk counts 1". May throw and may return any number. */
export type SizeAlgorithm = ((chunk: unknown) => number) | undefined;

/** A QueuingStrategy dictionary whose members have been read and converted. */
export interface Strategy {
  highWaterMark: number | undefined;
  size: unknown;
}

/** Conversion to the QueuingStrategy dictionary. */
export function toStrategy(v: unknown, context: string): Strategy {
  if (v === undefined || v === null) return { highWaterMark: undefined, size: undefined };
  if (!isObject(v)) throw typeError(context, "The queuing strategy is not an object.");
  const hwm = (v as { highWaterMark?: unknown }).highWaterMark;
  const highWaterMark = hwm === undefined ? undefined : toUnrestrictedDouble(hwm);
  const size = (v as { size?: unknown }).size;
  if (size !== undefined && typeof size !== "function") throw typeError(context, "size of the queuing strategy is not a function.");
  return { highWaterMark, size };
}

/** ExtractHighWaterMark */
export function extractHighWaterMark(strategy: Strategy, ifMissing: number): number {
  const v = strategy.highWaterMark;
  if (v === undefined) return ifMissing;
  if (NumberIsNaN(v) || v < 0) throw new RangeError("highWaterMark must be a number that is not negative.");
  return v;
}

/** ExtractSizeAlgorithm */
export function extractSizeAlgorithm(strategy: Strategy): SizeAlgorithm {
  const size = strategy.size;
  if (size === undefined || size === countSize) return undefined;
  return (chunk) => toUnrestrictedDouble(FunctionPrototypeCall(size, undefined, chunk));
}

/** EnqueueValueWithSize refuses these. */
export function requireSize(size: number): void {
  if (!(size >= 0) || size === Infinity) throw new RangeError("The size of a chunk must be a finite number that is not negative.");
}

// One function each, made once per realm (§6.1.1, §6.2.1): not constructors, named "size".
const byteLengthSize = {
  size: (chunk: { byteLength: number }): number => chunk.byteLength,
}.size;
const countSize = {
  size: (): number => 1,
}.size;

function initHighWaterMark(init: unknown, given: number, context: string): number {
  requireArguments(given, 1, context);
  if (init !== undefined && init !== null && !isObject(init)) throw typeError(context, "Argument is not an object.");
  const v = (init as { highWaterMark?: unknown } | undefined | null)?.highWaterMark;
  if (v === undefined) throw typeError(context, "highWaterMark is required.");
  return toUnrestrictedDouble(v);
}

export class ByteLengthQueuingStrategy {
  readonly #highWaterMark: number;
  constructor(init: unknown) {
    this.#highWaterMark = initHighWaterMark(init, arguments.length, "ByteLengthQueuingStrategy constructor");
  }
  get highWaterMark(): number {
    return this.#highWaterMark;
  }
  get size(): (chunk: { byteLength: number }) => number {
    if (!(#highWaterMark in this)) illegalInvocation();
    return byteLengthSize;
  }
}
defineInterface(ByteLengthQueuingStrategy);

export class CountQueuingStrategy {
  readonly #highWaterMark: number;
  constructor(init: unknown) {
    this.#highWaterMark = initHighWaterMark(init, arguments.length, "CountQueuingStrategy constructor");
  }
  get highWaterMark(): number {
    return this.#highWaterMark;
  }
  get size(): () => number {
    if (!(#highWaterMark in this)) illegalInvocation();
    return countSize;
  }
}
defineInterface(CountQueuingStrategy);
