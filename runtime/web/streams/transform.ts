// TransformStream and TransformStreamDefaultController as workers see them (https://streams.spec.whatwg.org/#ts). What
// they do is in transform-core.ts.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { FunctionPrototypeCall, newDeferredFast, RangeError } from "../../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, isObject, toCallback, typeError } from "../../bootstrap/webidl.ts";
import { type ReadableStream, wrapReadable } from "./readable.ts";
import { extractHighWaterMark, extractSizeAlgorithm, toStrategy } from "./strategies.ts";
import { Transform } from "./transform-core.ts";
import { type WritableStream, wrapWritable } from "./writable.ts";

/** Passed as the first argument, lets a subclass of the platform give its own pair of streams as the second. */
export const fromPair = {};
const construct = {}; // What only this file can pass to the controller's constructor.

export interface StreamPair {
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

interface Transformer {
  cancel?: unknown;
  flush?: unknown;
  readableType?: unknown;
  start?: unknown;
  transform?: unknown;
  writableType?: unknown;
}

const context = "TransformStream constructor";

function readTransformer(transformer: unknown): { cancel: unknown; flush: unknown; start: unknown; transform: unknown } {
  if (transformer === undefined) return { cancel: undefined, flush: undefined, start: undefined, transform: undefined };
  const callback = (v: unknown): unknown => (v === undefined ? undefined : toCallback(v, `${context}: transformer`));
  const t = transformer as Transformer;
  const cancel = callback(t.cancel);
  const flush = callback(t.flush);
  const readableType = t.readableType;
  const start = callback(t.start);
  const transform = callback(t.transform);
  const writableType = t.writableType;
  if (readableType !== undefined) throw new RangeError(`${context}: transformer.readableType must be undefined.`);
  if (writableType !== undefined) throw new RangeError(`${context}: transformer.writableType must be undefined.`);
  return { cancel, flush, start, transform };
}

export let isTransformStream: (v: unknown) => v is TransformStream;
/** The two sides, whatever a worker has put on the prototype. */
export let sidesOf: (stream: TransformStream) => StreamPair;

export class TransformStream {
  readonly #readable: ReadableStream;
  readonly #writable: WritableStream;

  constructor(transformer: unknown = undefined, writableStrategy: unknown = undefined, readableStrategy: unknown = undefined) {
    if (transformer === fromPair) {
      const pair = writableStrategy as StreamPair;
      this.#readable = pair.readable;
      this.#writable = pair.writable;
      return;
    }
    if (transformer !== undefined && !isObject(transformer)) throw typeError(context, "transformer is not an object.");
    const writing = toStrategy(writableStrategy, context);
    const reading = toStrategy(readableStrategy, context);
    const { cancel, flush, start, transform } = readTransformer(transformer);
    const readableHighWaterMark = extractHighWaterMark(reading, 0);
    const readableSize = extractSizeAlgorithm(reading);
    const writableHighWaterMark = extractHighWaterMark(writing, 1);
    const writableSize = extractSizeAlgorithm(writing);
    const state = new Transform(writableHighWaterMark, writableSize, readableHighWaterMark, readableSize, false);
    const controller = new TransformStreamDefaultController(construct, state);
    state.setAlgorithms(
      transform === undefined ? undefined : (chunk) => FunctionPrototypeCall(transform, transformer, chunk, controller),
      flush === undefined ? undefined : () => FunctionPrototypeCall(flush, transformer, controller),
      cancel === undefined ? undefined : (reason) => FunctionPrototypeCall(cancel, transformer, reason),
    );
    this.#readable = wrapReadable(state.readable);
    this.#writable = wrapWritable(state.writable);
    const started = newDeferredFast<unknown>();
    state.begin(started.promise);
    started.resolve(start === undefined ? undefined : FunctionPrototypeCall(start, transformer, controller));
  }
  static {
    isTransformStream = (v): v is TransformStream => isObject(v) && #readable in v;
    sidesOf = (stream) => ({ readable: stream.#readable, writable: stream.#writable });
  }

  get readable(): ReadableStream {
    return this.#readable;
  }
  get writable(): WritableStream {
    return this.#writable;
  }
}
defineInterface(TransformStream);
registerInspectable(TransformStream, ["readable", "writable"]);

export class TransformStreamDefaultController {
  readonly #state: Transform;

  constructor(key: unknown = undefined, state: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#state = state as Transform;
  }

  get desiredSize(): number | null {
    return this.#state.desiredSize;
  }
  enqueue(chunk: unknown = undefined): void {
    this.#state.enqueue(chunk);
  }
  error(reason: unknown = undefined): void {
    this.#state.error(reason);
  }
  terminate(): void {
    this.#state.terminate();
  }
}
defineInterface(TransformStreamDefaultController);
