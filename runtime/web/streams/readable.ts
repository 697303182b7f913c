// ReadableStream, its readers, controllers and async iterator as workers see them
// (https://streams.spec.whatwg.org/#rs). What they do is in readable-core.ts, byte-core.ts, tee.ts, pipe.ts and from.ts.
//
// Beyond the standard: ReadableStreamBYOBReader.readAtLeast(minBytes, view), which Workers have.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { native } from "../../bootstrap/native.ts";
import {
  ArrayBufferIsView,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeGetResizable,
  AsyncIteratorPrototype,
  type Deferred,
  FunctionPrototypeCall,
  MathCeil,
  MathTrunc,
  newDeferredFast,
  defineData,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  PromiseReject,
  promiseResolvedWith,
  RangeError,
  SymbolAsyncIterator,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypeError,
  viewBuffer,
  viewByteLength,
} from "../../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, illegalInvocation, isObject, requireArguments, toCallback, toDictionary, toEnum, toUnrestrictedDouble, toUnsignedLongLong, typeError } from "../../bootstrap/webidl.ts";
import { isAbortSignal } from "../abort.ts";
import { ByobReader, ByteController, type ByobRequest, type ReadIntoRequest } from "./byte-core.ts";
import { fromIterable } from "./from.ts";
import { pipeTo, type PipeOptions } from "./pipe.ts";
import { CLOSED, DefaultController, DefaultReader, READABLE, Readable, type ReadRequest } from "./readable-core.ts";
import { extractHighWaterMark, extractSizeAlgorithm, type Strategy, toStrategy } from "./strategies.ts";
import { tee } from "./tee.ts";
import { writableOf } from "./writable.ts";

const construct = {}; // What only this file can pass to the constructors.

const illegal = (): Promise<never> => PromiseReject(new TypeError("Illegal invocation"));
const released = (): Promise<never> => PromiseReject(new TypeError("This reader has been released."));

export interface ReadResult {
  value: unknown;
  done: boolean;
}

/** The state of a ReadableStream; undefined for anything else. */
export let readableOf: (v: unknown) => Readable | undefined;
let makeStream: (state: Readable) => ReadableStream;
let makeDefaultReader: (stream: ReadableStream) => ReadableStreamDefaultReader;
let makeByobReader: (stream: ReadableStream) => ReadableStreamBYOBReader;

/** The object that a worker sees for a stream that the platform made. Once per stream. */
export const wrapReadable = (state: Readable): ReadableStream => makeStream(state);

// ---- construction

interface UnderlyingSource {
  autoAllocateChunkSize?: unknown;
  cancel?: unknown;
  pull?: unknown;
  start?: unknown;
  type?: unknown;
}
interface Callbacks {
  autoAllocateChunkSize: number | undefined;
  cancel: unknown;
  pull: unknown;
  start: unknown;
  bytes: boolean;
}

const sourceTypes = ["bytes"] as const;

function readSource(source: unknown): Callbacks {
  const context = "ReadableStream constructor: underlyingSource";
  if (source === undefined) return { autoAllocateChunkSize: undefined, cancel: undefined, pull: undefined, start: undefined, bytes: false };
  const callback = (v: unknown): unknown => (v === undefined ? undefined : toCallback(v, context));
  const s = source as UnderlyingSource;
  const size = s.autoAllocateChunkSize;
  const autoAllocateChunkSize = size === undefined ? undefined : toUnsignedLongLong(size, context, { enforceRange: true });
  const cancel = callback(s.cancel);
  const pull = callback(s.pull);
  const start = callback(s.start);
  const type = s.type;
  const bytes = type !== undefined && toEnum(type, sourceTypes, context) === "bytes";
  return { autoAllocateChunkSize, cancel, pull, start, bytes };
}

/** SetUpReadable…ControllerFromUnderlyingSource */
function setUp(stream: Readable, source: unknown, strategy: Strategy): void {
  const { autoAllocateChunkSize, bytes, cancel, pull, start } = readSource(source);
  let wrapper: ReadableStreamDefaultController | ReadableByteStreamController;
  const callPull = pull === undefined ? undefined : () => FunctionPrototypeCall(pull, source, wrapper);
  const callCancel = cancel === undefined ? undefined : (reason: unknown) => FunctionPrototypeCall(cancel, source, reason);
  let controller: DefaultController | ByteController;
  if (bytes) {
    if (strategy.size !== undefined) throw new RangeError("ReadableStream constructor: The strategy of a byte stream may not have a size function.");
    const highWaterMark = extractHighWaterMark(strategy, 0);
    if (autoAllocateChunkSize === 0) throw new TypeError("ReadableStream constructor: autoAllocateChunkSize must not be 0.");
    controller = new ByteController(stream, callPull, callCancel, highWaterMark, autoAllocateChunkSize, false);
    wrapper = new ReadableByteStreamController(construct, controller);
  } else {
    const size = extractSizeAlgorithm(strategy);
    controller = new DefaultController(stream, callPull, callCancel, extractHighWaterMark(strategy, 1), size, false);
    wrapper = new ReadableStreamDefaultController(construct, controller);
  }
  controller.begin(start === undefined ? undefined : FunctionPrototypeCall(start, source, wrapper));
}

// ---- options

const pipeContext = "ReadableStream.pipeTo";

function readPipeOptions(v: unknown): PipeOptions {
  const d = toDictionary<{ preventAbort: unknown; preventCancel: unknown; preventClose: unknown; signal: unknown }>(v, pipeContext);
  if (d === undefined) return { preventAbort: false, preventCancel: false, preventClose: false, signal: undefined };
  const preventAbort = !!d.preventAbort;
  const preventCancel = !!d.preventCancel;
  const preventClose = !!d.preventClose;
  const signal = d.signal;
  if (signal !== undefined && !isAbortSignal(signal)) throw typeError(pipeContext, "signal is not an AbortSignal.");
  return { preventAbort, preventCancel, preventClose, signal };
}

const readerModes = ["byob"] as const;

export class ReadableStream {
  readonly #state: Readable;

  constructor(underlyingSource: unknown = undefined, strategy: unknown = undefined) {
    if (underlyingSource === construct) {
      this.#state = strategy as Readable;
      return;
    }
    const context = "ReadableStream constructor";
    if (underlyingSource !== undefined && !isObject(underlyingSource)) throw typeError(context, "underlyingSource is not an object.");
    const queuing = toStrategy(strategy, context);
    this.#state = new Readable();
    setUp(this.#state, underlyingSource, queuing);
  }

  static {
    readableOf = (v) => (isObject(v) && #state in v ? (v as ReadableStream).#state : undefined);
    makeStream = (state) => new ReadableStream(construct, state);
  }

  static from(asyncIterable: unknown): ReadableStream {
    requireArguments(arguments.length, 1, "ReadableStream.from");
    return makeStream(fromIterable(asyncIterable));
  }

  get locked(): boolean {
    return this.#state.locked;
  }

  cancel(reason: unknown = undefined): Promise<undefined> {
    if (!isObject(this) || !(#state in this)) return illegal();
    if (this.#state.locked) return PromiseReject(new TypeError("ReadableStream.cancel: The stream is locked."));
    return this.#state.cancel(reason);
  }

  getReader(options: unknown = undefined): ReadableStreamDefaultReader | ReadableStreamBYOBReader {
    if (!(#state in this)) illegalInvocation();
    const mode = toDictionary<{ mode: unknown }>(options, "ReadableStream.getReader")?.mode;
    if (mode === undefined) return makeDefaultReader(this);
    toEnum(mode, readerModes, "ReadableStream.getReader: mode");
    return makeByobReader(this);
  }

  pipeThrough(transform: unknown, options: unknown = undefined): ReadableStream {
    if (!(#state in this)) illegalInvocation();
    const context = "ReadableStream.pipeThrough";
    requireArguments(arguments.length, 1, context);
    const pair = toDictionary<{ readable: unknown; writable: unknown }>(transform, context);
    const readable = pair?.readable;
    if (readableOf(readable) === undefined) throw typeError(context, "readable is not a ReadableStream.");
    const writable = writableOf(pair!.writable) || undefined; // false: see isWritableStream
    if (writable === undefined) throw typeError(context, "writable is not a WritableStream.");
    const settings = readPipeOptions(options);
    if (this.#state.locked) throw typeError(context, "The stream is locked.");
    if (writable.locked) throw typeError(context, "The writable is locked.");
    native.markHandled(pipeTo(this.#state, writable, settings));
    return readable as ReadableStream;
  }

  pipeTo(destination: unknown, options: unknown = undefined): Promise<undefined> {
    if (!isObject(this) || !(#state in this)) return illegal();
    try {
      requireArguments(arguments.length, 1, pipeContext);
      const writable = writableOf(destination) || undefined;
      if (writable === undefined) throw typeError(pipeContext, "destination is not a WritableStream.");
      const settings = readPipeOptions(options);
      if (this.#state.locked) throw typeError(pipeContext, "The stream is locked.");
      if (writable.locked) throw typeError(pipeContext, "The destination is locked.");
      return pipeTo(this.#state, writable, settings);
    } catch (e) {
      return PromiseReject(e);
    }
  }

  tee(): [ReadableStream, ReadableStream] {
    const branches = tee(this.#state, false);
    return [makeStream(branches[0]), makeStream(branches[1])];
  }

  values(options: unknown = undefined): ReadableStreamAsyncIterator {
    if (!(#state in this)) illegalInvocation();
    const preventCancel = !!toDictionary<{ preventCancel: unknown }>(options, "ReadableStream.values")?.preventCancel;
    return new ReadableStreamAsyncIterator(new DefaultReader(this.#state), preventCancel);
  }
}
defineInterface(ReadableStream);
registerInspectable(ReadableStream, ["locked"]);
defineData(ReadableStream.prototype, SymbolAsyncIterator, ReadableStream.prototype.values, true, false, true);

// ---- async iteration (Web IDL §3.7.10)

/** A read that somebody awaits. */
class PromisedRead implements ReadRequest {
  readonly deferred: Deferred<ReadResult> = newDeferredFast<ReadResult>();
  chunkSteps(chunk: unknown): void {
    this.deferred.resolve({ value: chunk, done: false });
  }
  closeSteps(): void {
    this.deferred.resolve({ value: undefined, done: true });
  }
  errorSteps(e: unknown): void {
    this.deferred.reject(e);
  }
}

/** The chunk at hand as a result, or undefined if the reader has to wait for one. */
function readNow(stream: Readable): Promise<ReadResult> | undefined {
  if (stream.state === READABLE) {
    const controller = stream.controller;
    if (controller.isByte || (controller as DefaultController).queue.length === 0) return undefined;
    stream.disturbed = true;
    return promiseResolvedWith({ value: (controller as DefaultController).take(), done: false }) as Promise<ReadResult>;
  }
  stream.disturbed = true;
  if (stream.state === CLOSED) return promiseResolvedWith({ value: undefined, done: true }) as Promise<ReadResult>;
  return PromiseReject(stream.storedError);
}

const endOfIteration = {};

class ReadableStreamAsyncIterator {
  readonly #reader: DefaultReader;
  readonly #preventCancel: boolean;
  /** The latest call that is not over; #queued calls wait before or in it. */
  #ongoing: Promise<ReadResult> | undefined;
  #queued = 0;
  #finished = false;

  constructor(reader: DefaultReader, preventCancel: boolean) {
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<ReadResult> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    return this.#ongoing === undefined ? (this.#nextAtHand() ?? (this.#ongoing = this.#nextSteps())) : this.#afterOngoing(() => this.#nextSteps());
  }

  return(value: unknown): Promise<ReadResult> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    return this.#ongoing === undefined ? (this.#ongoing = this.#returnSteps(value)) : this.#afterOngoing(() => this.#returnSteps(value));
  }

  #afterOngoing(steps: () => Promise<ReadResult>): Promise<ReadResult> {
    this.#queued++;
    const run = (): Promise<ReadResult> => {
      this.#queued--;
      return steps();
    };
    const promise = PromisePrototypeThen(this.#ongoing!, run, run) as Promise<unknown> as Promise<ReadResult>;
    this.#ongoing = promise;
    return promise;
  }

  #stepOver(): void {
    if (this.#queued === 0) this.#ongoing = undefined;
  }

  /** A chunk of the queue without more promises than the one returned, if it cannot be a promise itself. */
  #nextAtHand(): Promise<ReadResult> | undefined {
    if (this.#finished) return promiseResolvedWith({ value: undefined, done: true }) as Promise<ReadResult>;
    const stream = this.#reader.stream!;
    if (stream.state !== READABLE || stream.controller.isByte) return undefined;
    const controller = stream.controller as DefaultController;
    if (controller.queue.length === 0) return undefined;
    const chunk = controller.queue.peek();
    if (isObject(chunk) && !ArrayBufferIsView(chunk)) return undefined;
    stream.disturbed = true;
    return promiseResolvedWith({ value: controller.take(), done: false }) as Promise<ReadResult>;
  }

  #nextSteps(): Promise<ReadResult> {
    if (this.#finished) {
      this.#stepOver();
      return promiseResolvedWith({ value: undefined, done: true }) as Promise<ReadResult>;
    }
    const next = newDeferredFast<unknown>();
    const reader = this.#reader;
    reader.read({
      chunkSteps: next.resolve,
      closeSteps() {
        reader.release();
        next.resolve(endOfIteration);
      },
      errorSteps(e) {
        reader.release();
        next.reject(e);
      },
    });
    return PromisePrototypeThen(
      next.promise,
      (value): ReadResult => {
        this.#stepOver();
        if (value !== endOfIteration) return { value, done: false };
        this.#finished = true;
        return { value: undefined, done: true };
      },
      (e) => {
        this.#stepOver();
        this.#finished = true;
        throw e;
      },
    ) as Promise<ReadResult>;
  }

  #returnSteps(value: unknown): Promise<ReadResult> {
    const result = (): ReadResult => ({ value, done: true });
    if (this.#finished) return promiseResolvedWith(result()) as Promise<ReadResult>;
    this.#finished = true;
    const reader = this.#reader;
    const cancelled = this.#preventCancel ? (promiseResolvedWith(undefined) as Promise<undefined>) : reader.stream!.cancel(value);
    reader.release();
    return PromisePrototypeThen(cancelled, result) as Promise<ReadResult>;
  }
}
defineInterface(ReadableStreamAsyncIterator, "ReadableStream AsyncIterator");
delete (ReadableStreamAsyncIterator.prototype as { constructor?: unknown }).constructor;
ObjectSetPrototypeOf(ReadableStreamAsyncIterator.prototype, AsyncIteratorPrototype);

// ---- readers

function requireStream(v: unknown, given: number, context: string): Readable {
  requireArguments(given, 1, context);
  const state = readableOf(v);
  if (state === undefined) throw typeError(context, "Argument is not a ReadableStream.");
  return state;
}

export class ReadableStreamDefaultReader {
  readonly #reader: DefaultReader;

  constructor(stream: unknown) {
    this.#reader = new DefaultReader(requireStream(stream, arguments.length, "ReadableStreamDefaultReader constructor"));
  }
  static {
    makeDefaultReader = (stream) => new ReadableStreamDefaultReader(stream);
  }

  get closed(): Promise<undefined> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    return this.#reader.closed.promise;
  }

  cancel(reason: unknown = undefined): Promise<undefined> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    const stream = this.#reader.stream;
    return stream === undefined ? released() : stream.cancel(reason);
  }

  read(): Promise<ReadResult> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    const reader = this.#reader;
    const stream = reader.stream;
    if (stream === undefined) return released();
    const now = readNow(stream);
    if (now !== undefined) return now;
    const request = new PromisedRead();
    reader.read(request);
    return request.deferred.promise;
  }

  releaseLock(): void {
    const reader = this.#reader;
    if (reader.stream !== undefined) reader.release();
  }
}
defineInterface(ReadableStreamDefaultReader);

/** A read into a view that somebody awaits. */
class PromisedReadInto implements ReadIntoRequest {
  readonly deferred: Deferred<ReadResult> = newDeferredFast<ReadResult>();
  chunkSteps(view: ArrayBufferView): void {
    this.deferred.resolve({ value: view, done: false });
  }
  closeSteps(view: ArrayBufferView | undefined): void {
    this.deferred.resolve({ value: view, done: true });
  }
  errorSteps(e: unknown): void {
    this.deferred.reject(e);
  }
}

class PromisedReadAtLeast extends PromisedReadInto {
  readonly takesRest = true;
  override closeSteps(view: ArrayBufferView | undefined): void {
    if (view !== undefined && viewByteLength(view) > 0) this.chunkSteps(view);
    else super.closeSteps(view);
  }
}

/** ArrayBufferView without [AllowShared] and [AllowResizable] (Web IDL §3.2.26). */
function toView(v: unknown, context: string): ArrayBufferView {
  if (!ArrayBufferIsView(v)) throw typeError(context, "Argument is not an ArrayBufferView.");
  let resizable: boolean;
  try {
    resizable = ArrayBufferPrototypeGetResizable(viewBuffer(v));
  } catch {
    throw typeError(context, "The buffer of the view is shared.");
  }
  if (resizable) throw typeError(context, "The buffer of the view is resizable.");
  return v;
}

export class ReadableStreamBYOBReader {
  readonly #reader: ByobReader;

  constructor(stream: unknown) {
    this.#reader = new ByobReader(requireStream(stream, arguments.length, "ReadableStreamBYOBReader constructor"));
  }
  static {
    makeByobReader = (stream) => new ReadableStreamBYOBReader(stream);
  }

  get closed(): Promise<undefined> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    return this.#reader.closed.promise;
  }

  cancel(reason: unknown = undefined): Promise<undefined> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    const stream = this.#reader.stream;
    return stream === undefined ? released() : stream.cancel(reason);
  }

  read(view: unknown, options: unknown = undefined): Promise<ReadResult> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    const context = "ReadableStreamBYOBReader.read";
    try {
      requireArguments(arguments.length, 1, context);
      const into = toView(view, context);
      const given = toDictionary<{ min: unknown }>(options, context)?.min;
      const min = given === undefined ? 1 : toUnsignedLongLong(given, context, { enforceRange: true });
      return readInto(this.#reader, into, min, context);
    } catch (e) {
      return PromiseReject(e);
    }
  }

  /**
   * Workers: fulfilled when at least minBytes are in the view, or the stream has ended. What it has had by then comes with
   * done false; done is true when there is nothing more.
   */
  readAtLeast(minBytes: unknown, view: unknown): Promise<ReadResult> {
    if (!isObject(this) || !(#reader in this)) return illegal();
    const context = "ReadableStreamBYOBReader.readAtLeast";
    try {
      requireArguments(arguments.length, 2, context);
      const bytes = toUnrestrictedDouble(minBytes);
      const into = toView(view, context);
      const byteLength = viewByteLength(into);
      if (byteLength === 0) throw new TypeError('You must call read() on a "byob" reader with a positive-sized TypedArray object.');
      if (!(bytes >= 1)) throw new TypeError(`Requested invalid minimum number of bytes to read (${bytes}).`);
      if (bytes > byteLength) throw new TypeError(`Minimum bytes to read (${bytes}) exceeds size of buffer (${byteLength}).`);
      const elements = TypedArrayPrototypeGetSymbolToStringTag(into) === undefined ? byteLength : TypedArrayPrototypeGetLength(into);
      return readInto(this.#reader, into, MathCeil(MathTrunc(bytes) / (byteLength / elements)), context, new PromisedReadAtLeast());
    } catch (e) {
      return PromiseReject(e);
    }
  }

  releaseLock(): void {
    const reader = this.#reader;
    if (reader.stream !== undefined) reader.release();
  }
}
defineInterface(ReadableStreamBYOBReader);

function readInto(reader: ByobReader, view: ArrayBufferView, min: number, context: string, request: PromisedReadInto = new PromisedReadInto()): Promise<ReadResult> {
  const buffer = viewBuffer(view);
  const byteLength = viewByteLength(view);
  if (byteLength === 0 || ArrayBufferPrototypeGetByteLength(buffer) === 0) throw typeError(context, "The view is empty.");
  if (ArrayBufferPrototypeGetDetached(buffer)) throw typeError(context, "The buffer of the view is detached.");
  if (min === 0) throw typeError(context, "min must not be 0.");
  const most = TypedArrayPrototypeGetSymbolToStringTag(view) === undefined ? byteLength : TypedArrayPrototypeGetLength(view);
  if (min > most) throw new RangeError(`${context}: min is greater than the length of the view.`);
  if (reader.stream === undefined) return released();
  reader.read(view, min, request);
  return request.deferred.promise;
}

// ---- controllers

export class ReadableStreamDefaultController {
  readonly #controller: DefaultController;

  constructor(key: unknown = undefined, controller: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#controller = controller as DefaultController;
  }

  get desiredSize(): number | null {
    return this.#controller.desiredSize;
  }

  close(): void {
    const controller = this.#controller;
    if (!controller.canCloseOrEnqueue) throw new TypeError("ReadableStreamDefaultController.close: The stream is closed or errored already.");
    controller.close();
  }

  enqueue(chunk: unknown = undefined): void {
    const controller = this.#controller;
    if (!controller.canCloseOrEnqueue) throw new TypeError("ReadableStreamDefaultController.enqueue: The stream is closed or errored already.");
    controller.enqueue(chunk);
  }

  error(e: unknown = undefined): void {
    this.#controller.error(e);
  }
}
defineInterface(ReadableStreamDefaultController);

export class ReadableByteStreamController {
  readonly #controller: ByteController;

  constructor(key: unknown = undefined, controller: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#controller = controller as ByteController;
  }

  get byobRequest(): ReadableStreamBYOBRequest | null {
    const request = this.#controller.byobRequest;
    if (request === null) return null;
    request.wrapper ??= new ReadableStreamBYOBRequest(construct, request);
    return request.wrapper as ReadableStreamBYOBRequest;
  }

  get desiredSize(): number | null {
    return this.#controller.desiredSize;
  }

  close(): void {
    const controller = this.#controller;
    if (controller.closeRequested || controller.stream.state !== READABLE) throw new TypeError("ReadableByteStreamController.close: The stream is closed or errored already.");
    controller.close();
  }

  enqueue(chunk: unknown): void {
    const controller = this.#controller;
    const context = "ReadableByteStreamController.enqueue";
    requireArguments(arguments.length, 1, context);
    const view = toView(chunk, context);
    if (viewByteLength(view) === 0 || ArrayBufferPrototypeGetByteLength(viewBuffer(view)) === 0) throw typeError(context, "The chunk is empty.");
    if (controller.closeRequested || controller.stream.state !== READABLE) throw typeError(context, "The stream is closed or errored already.");
    controller.enqueue(view);
  }

  error(e: unknown = undefined): void {
    this.#controller.error(e);
  }
}
defineInterface(ReadableByteStreamController);

export class ReadableStreamBYOBRequest {
  readonly #request: ByobRequest;

  constructor(key: unknown = undefined, request: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#request = request as ByobRequest;
  }

  get view(): ArrayBufferView | null {
    return this.#request.view;
  }

  respond(bytesWritten: unknown): void {
    const request = this.#request;
    const context = "ReadableStreamBYOBRequest.respond";
    requireArguments(arguments.length, 1, context);
    const written = toUnsignedLongLong(bytesWritten, context, { enforceRange: true });
    if (request.controller === undefined) throw typeError(context, "This request has been answered.");
    if (ArrayBufferPrototypeGetDetached(viewBuffer(request.view!))) throw typeError(context, "The buffer of the view is detached.");
    request.controller.respond(written);
  }

  respondWithNewView(view: unknown): void {
    const request = this.#request;
    const context = "ReadableStreamBYOBRequest.respondWithNewView";
    requireArguments(arguments.length, 1, context);
    const given = toView(view, context);
    if (request.controller === undefined) throw typeError(context, "This request has been answered.");
    if (ArrayBufferPrototypeGetDetached(viewBuffer(given))) throw typeError(context, "The buffer of the view is detached.");
    request.controller.respondWithNewView(given);
  }
}
defineInterface(ReadableStreamBYOBRequest);
