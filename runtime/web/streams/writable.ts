// WritableStream, WritableStreamDefaultWriter and WritableStreamDefaultController as workers see them
// (https://streams.spec.whatwg.org/#ws). What they do is in writable-core.ts.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { type Deferred, FunctionPrototypeCall, newDeferredFast, PromiseReject, TypeError, RangeError } from "../../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, illegalInvocation, isObject, requireArguments, toCallback, typeError } from "../../bootstrap/webidl.ts";
import type { AbortSignal } from "../abort.ts";
import { extractHighWaterMark, extractSizeAlgorithm, toStrategy } from "./strategies.ts";
import { CLOSED, ERRORING, Writable, WRITABLE, WritableController, Writer, type WriteRequest } from "./writable-core.ts";

const construct = {}; // What only this file can pass to the constructors.

const illegal = (): Promise<never> => PromiseReject(new TypeError("Illegal invocation"));
const released = (): Promise<never> => PromiseReject(new TypeError("This writer has been released."));

/** The state of a WritableStream; undefined for anything else. */
export let writableOf: (v: unknown) => Writable | undefined;
let makeStream: (state: Writable) => WritableStream;
let makeWriter: (stream: WritableStream) => WritableStreamDefaultWriter;

/** The object that a worker sees for a stream that the platform made. Once per stream. */
export const wrapWritable = (state: Writable): WritableStream => makeStream(state);

interface UnderlyingSink {
  abort?: unknown;
  close?: unknown;
  start?: unknown;
  type?: unknown;
  write?: unknown;
}

/** SetUpWritableStreamDefaultControllerFromUnderlyingSink */
function setUp(stream: Writable, sink: unknown, highWaterMark: number, size: ReturnType<typeof extractSizeAlgorithm>, callbacks: Callbacks): void {
  const { abort, close, start, write } = callbacks;
  let wrapper: WritableStreamDefaultController;
  const controller = new WritableController(
    stream,
    write === undefined ? undefined : (chunk) => FunctionPrototypeCall(write, sink, chunk, wrapper),
    close === undefined ? undefined : () => FunctionPrototypeCall(close, sink),
    abort === undefined ? undefined : (reason) => FunctionPrototypeCall(abort, sink, reason),
    highWaterMark,
    size,
    false,
  );
  wrapper = new WritableStreamDefaultController(construct, controller);
  controller.begin(start === undefined ? undefined : FunctionPrototypeCall(start, sink, wrapper));
}

interface Callbacks {
  abort: unknown;
  close: unknown;
  start: unknown;
  write: unknown;
}

function readSink(sink: unknown): Callbacks {
  const context = "WritableStream constructor: underlyingSink";
  if (sink === undefined) return { abort: undefined, close: undefined, start: undefined, write: undefined };
  const callback = (v: unknown): unknown => (v === undefined ? undefined : toCallback(v, context));
  const s = sink as UnderlyingSink;
  const abort = callback(s.abort);
  const close = callback(s.close);
  const start = callback(s.start);
  const type = s.type;
  const write = callback(s.write);
  if (type !== undefined) throw new RangeError("WritableStream constructor: underlyingSink.type must be undefined.");
  return { abort, close, start, write };
}

export class WritableStream {
  readonly #state: Writable;

  constructor(underlyingSink: unknown = undefined, strategy: unknown = undefined) {
    if (underlyingSink === construct) {
      this.#state = strategy as Writable;
      return;
    }
    const context = "WritableStream constructor";
    if (underlyingSink !== undefined && !isObject(underlyingSink)) throw typeError(context, "underlyingSink is not an object.");
    const queuing = toStrategy(strategy, context);
    const callbacks = readSink(underlyingSink);
    const size = extractSizeAlgorithm(queuing);
    const highWaterMark = extractHighWaterMark(queuing, 1);
    this.#state = new Writable();
    setUp(this.#state, underlyingSink, highWaterMark, size, callbacks);
  }

  static {
    writableOf = (v) => (isObject(v) && #state in v ? (v as WritableStream).#state : undefined);
    makeStream = (state) => new WritableStream(construct, state);
  }

  get locked(): boolean {
    return this.#state.locked;
  }

  abort(reason: unknown = undefined): Promise<undefined> {
    if (!isObject(this) || !(#state in this)) return illegal();
    if (this.#state.locked) return PromiseReject(new TypeError("WritableStream.abort: The stream is locked."));
    return this.#state.abort(reason);
  }

  close(): Promise<undefined> {
    if (!isObject(this) || !(#state in this)) return illegal();
    if (this.#state.locked) return PromiseReject(new TypeError("WritableStream.close: The stream is locked."));
    if (this.#state.closing) return PromiseReject(new TypeError("WritableStream.close: The stream is closing already."));
    return this.#state.close();
  }

  getWriter(): WritableStreamDefaultWriter {
    if (!(#state in this)) illegalInvocation();
    return makeWriter(this);
  }
}
defineInterface(WritableStream);
registerInspectable(WritableStream, ["locked"]);

/** A write whose writer looks at a promise. */
class PromisedWrite implements WriteRequest {
  readonly deferred: Deferred<undefined> = newDeferredFast<undefined>();
  resolve(): void {
    this.deferred.resolve(undefined);
  }
  reject(e: unknown): void {
    this.deferred.reject(e);
  }
}

export class WritableStreamDefaultWriter {
  readonly #writer: Writer;

  constructor(stream: unknown) {
    requireArguments(arguments.length, 1, "WritableStreamDefaultWriter constructor");
    const state = writableOf(stream);
    if (state === undefined) throw typeError("WritableStreamDefaultWriter constructor", "Argument is not a WritableStream.");
    this.#writer = new Writer(state);
  }
  static {
    makeWriter = (stream) => new WritableStreamDefaultWriter(stream);
  }

  get closed(): Promise<undefined> {
    if (!isObject(this) || !(#writer in this)) return illegal();
    return this.#writer.closed.promise;
  }

  get desiredSize(): number | null {
    const writer = this.#writer;
    if (writer.stream === undefined) throw new TypeError("This writer has been released.");
    return writer.desiredSize;
  }

  get ready(): Promise<undefined> {
    if (!isObject(this) || !(#writer in this)) return illegal();
    return this.#writer.ready.promise;
  }

  abort(reason: unknown = undefined): Promise<undefined> {
    if (!isObject(this) || !(#writer in this)) return illegal();
    const stream = this.#writer.stream;
    return stream === undefined ? released() : stream.abort(reason);
  }

  close(): Promise<undefined> {
    if (!isObject(this) || !(#writer in this)) return illegal();
    const stream = this.#writer.stream;
    if (stream === undefined) return released();
    if (stream.closing) return PromiseReject(new TypeError("WritableStreamDefaultWriter.close: The stream is closing already."));
    return stream.close();
  }

  releaseLock(): void {
    const writer = this.#writer;
    if (writer.stream !== undefined) writer.release();
  }

  write(chunk: unknown = undefined): Promise<undefined> {
    if (!isObject(this) || !(#writer in this)) return illegal();
    const writer = this.#writer;
    if (writer.stream === undefined) return released();
    const request = new PromisedWrite();
    writer.write(chunk, request);
    return request.deferred.promise;
  }
}
defineInterface(WritableStreamDefaultWriter);

export class WritableStreamDefaultController {
  readonly #controller: WritableController;

  constructor(key: unknown = undefined, controller: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#controller = controller as WritableController;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  error(e: unknown = undefined): void {
    this.#controller.errorIfNeeded(e);
  }
}
defineInterface(WritableStreamDefaultController);

/** The state by its name in the standard. */
export function stateName(state: Writable): "writable" | "erroring" | "closed" | "errored" {
  if (state.state === WRITABLE) return "writable";
  if (state.state === ERRORING) return "erroring";
  return state.state === CLOSED ? "closed" : "errored";
}
