// The state of writable streams and what the standard does with it (https://streams.spec.whatwg.org/#ws). The objects
// here never reach a worker; the classes that do are in writable.ts. Each method names the abstract operation that it is.

import { type Deferred, newDeferredFast, PromisePrototypeThen, PromiseReject, promiseResolvedWith, TypeError } from "../../bootstrap/primordials.ts";
import { type AbortSignal, createAbortSignal, signalAbort } from "../abort.ts";
import { Fifo } from "./fifo.ts";
import { lazilyRejected, lazilyResolved, LazyPromise, promiseCall, uponResult } from "./promises.ts";
import { requireSize, type SizeAlgorithm } from "./strategies.ts";

export const WRITABLE = 0;
export const CLOSED = 1;
export const ERRORING = 2;
export const ERRORED = 3;

/** Who waits for a write to end. Exactly one of the two is called, once. */
export interface WriteRequest {
  resolve(value: undefined): void;
  reject(e: unknown): void;
}

interface AbortRequest {
  readonly deferred: Deferred<undefined>;
  readonly reason: unknown;
  readonly wasAlreadyErroring: boolean;
}

/** Puts a chunk into the sink. What it returns or throws is treated as a promise: the write is over when it is fulfilled. */
export type WriteAlgorithm = ((chunk: unknown) => unknown) | undefined;
export type CloseAlgorithm = (() => unknown) | undefined;
export type AbortAlgorithm = ((reason: unknown) => unknown) | undefined;

const done = (): Promise<undefined> => promiseResolvedWith(undefined) as Promise<undefined>;

/** The state of one WritableStream. */
export class Writable {
  state: typeof WRITABLE | typeof CLOSED | typeof ERRORING | typeof ERRORED = WRITABLE;
  storedError: unknown = undefined;
  backpressure = false;
  writer: Writer | undefined = undefined;
  controller: WritableController = undefined as never;
  /** What the stream really is, for whoever made it. */
  source: object | undefined = undefined;
  readonly #writes = new Fifo<WriteRequest>();
  #inFlightWrite: WriteRequest | undefined;
  #closeRequest: Deferred<undefined> | undefined;
  #inFlightClose: Deferred<undefined> | undefined;
  #pendingAbort: AbortRequest | undefined;

  get locked(): boolean {
    return this.writer !== undefined;
  }
  /** WritableStreamCloseQueuedOrInFlight */
  get closing(): boolean {
    return this.#closeRequest !== undefined || this.#inFlightClose !== undefined;
  }
  get writeInFlight(): boolean {
    return this.#inFlightWrite !== undefined;
  }

  /** WritableStreamAbort */
  abort(reason: unknown): Promise<undefined> {
    if (this.state === CLOSED || this.state === ERRORED) return done();
    this.controller.signalAbort(reason);
    // A listener of the signal may have changed everything.
    const state = this.state as number;
    if (state === CLOSED || state === ERRORED) return done();
    if (this.#pendingAbort !== undefined) return this.#pendingAbort.deferred.promise;
    const wasAlreadyErroring = state === ERRORING;
    const deferred = newDeferredFast<undefined>();
    this.#pendingAbort = { deferred, reason: wasAlreadyErroring ? undefined : reason, wasAlreadyErroring };
    if (!wasAlreadyErroring) this.startErroring(reason);
    return deferred.promise;
  }

  /** WritableStreamClose */
  close(): Promise<undefined> {
    if (this.state === CLOSED || this.state === ERRORED) return PromiseReject(new TypeError("The WritableStream is closed or errored already."));
    const deferred = newDeferredFast<undefined>();
    this.#closeRequest = deferred;
    if (this.writer !== undefined && this.backpressure && this.state === WRITABLE) this.writer.becomeReady();
    this.controller.close();
    return deferred.promise;
  }

  /** WritableStreamAddWriteRequest */
  addWrite(request: WriteRequest): void {
    this.#writes.push(request);
  }

  /** WritableStreamStartErroring */
  startErroring(reason: unknown): void {
    this.state = ERRORING;
    this.storedError = reason;
    this.writer?.rejectReady(reason);
    if (this.#inFlightWrite === undefined && this.#inFlightClose === undefined && this.controller.started) this.finishErroring();
  }

  /** WritableStreamFinishErroring */
  finishErroring(): void {
    this.state = ERRORED;
    this.controller.errorSteps();
    const e = this.storedError;
    while (this.#writes.length > 0) this.#writes.shift().reject(e);
    const abort = this.#pendingAbort;
    if (abort === undefined) {
      this.#rejectCloseAndClosed();
      return;
    }
    this.#pendingAbort = undefined;
    if (abort.wasAlreadyErroring) {
      abort.deferred.reject(e);
      this.#rejectCloseAndClosed();
      return;
    }
    PromisePrototypeThen(
      this.controller.abortSteps(abort.reason),
      () => {
        abort.deferred.resolve(undefined);
        this.#rejectCloseAndClosed();
      },
      (r) => {
        abort.deferred.reject(r);
        this.#rejectCloseAndClosed();
      },
    );
  }

  /** WritableStreamRejectCloseAndClosedPromiseIfNeeded */
  #rejectCloseAndClosed(): void {
    const close = this.#closeRequest;
    if (close !== undefined) {
      this.#closeRequest = undefined;
      close.reject(this.storedError);
    }
    this.writer?.rejectClosed(this.storedError);
  }

  /** WritableStreamDealWithRejection */
  dealWithRejection(e: unknown): void {
    if (this.state === WRITABLE) this.startErroring(e);
    else this.finishErroring();
  }

  /** WritableStreamMarkFirstWriteRequestInFlight */
  markWriteInFlight(): void {
    this.#inFlightWrite = this.#writes.shift();
  }
  /** WritableStreamFinishInFlightWrite */
  finishWrite(): void {
    const write = this.#inFlightWrite!;
    this.#inFlightWrite = undefined;
    write.resolve(undefined);
  }
  /** WritableStreamFinishInFlightWriteWithError */
  failWrite(e: unknown): void {
    const write = this.#inFlightWrite!;
    this.#inFlightWrite = undefined;
    write.reject(e);
    this.dealWithRejection(e);
  }

  /** WritableStreamMarkCloseRequestInFlight */
  markCloseInFlight(): void {
    this.#inFlightClose = this.#closeRequest;
    this.#closeRequest = undefined;
  }
  /** WritableStreamFinishInFlightClose */
  finishClose(): void {
    this.#inFlightClose!.resolve(undefined);
    this.#inFlightClose = undefined;
    if (this.state === ERRORING) {
      this.storedError = undefined;
      const abort = this.#pendingAbort;
      if (abort !== undefined) {
        this.#pendingAbort = undefined;
        abort.deferred.resolve(undefined);
      }
    }
    this.state = CLOSED;
    this.writer?.becomeClosed();
  }
  /** WritableStreamFinishInFlightCloseWithError */
  failClose(e: unknown): void {
    this.#inFlightClose!.reject(e);
    this.#inFlightClose = undefined;
    const abort = this.#pendingAbort;
    if (abort !== undefined) {
      this.#pendingAbort = undefined;
      abort.deferred.reject(e);
    }
    this.dealWithRejection(e);
  }

  /** WritableStreamUpdateBackpressure */
  updateBackpressure(backpressure: boolean): void {
    if (backpressure === this.backpressure) return;
    this.backpressure = backpressure; // First: a pipe writes again as soon as its writer is ready.
    const writer = this.writer;
    if (writer === undefined) return;
    if (backpressure) writer.ready = new LazyPromise();
    else writer.becomeReady();
  }
}

/** The state of one WritableStreamDefaultWriter (§5.3). */
export class Writer {
  stream: Writable | undefined;
  ready: LazyPromise;
  closed: LazyPromise;
  /** Called when ready is fulfilled, instead of a reaction to it. For pipes. */
  onReady: (() => void) | undefined = undefined;

  /** SetUpWritableStreamDefaultWriter */
  constructor(stream: Writable) {
    if (stream.writer !== undefined) throw new TypeError("This WritableStream is locked to a writer.");
    this.stream = stream;
    stream.writer = this;
    const { state, storedError } = stream;
    if (state === WRITABLE) {
      this.ready = !stream.closing && stream.backpressure ? new LazyPromise() : lazilyResolved();
      this.closed = new LazyPromise();
    } else if (state === ERRORING) {
      this.ready = lazilyRejected(storedError);
      this.closed = new LazyPromise();
    } else if (state === CLOSED) {
      this.ready = lazilyResolved();
      this.closed = lazilyResolved();
    } else {
      this.ready = lazilyRejected(storedError);
      this.closed = lazilyRejected(storedError);
    }
  }

  becomeReady(): void {
    this.ready.resolve();
    this.onReady?.();
  }
  becomeClosed(): void {
    this.closed.resolve();
  }
  /** WritableStreamDefaultWriterEnsureReadyPromiseRejected */
  rejectReady(e: unknown): void {
    if (this.ready.pending) this.ready.reject(e);
    else this.ready = lazilyRejected(e);
  }
  /** WritableStreamDefaultWriterEnsureClosedPromiseRejected */
  rejectClosed(e: unknown): void {
    if (this.closed.pending) this.closed.reject(e);
    else this.closed = lazilyRejected(e);
  }

  /** WritableStreamDefaultWriterGetDesiredSize. Only while there is a stream. */
  get desiredSize(): number | null {
    const stream = this.stream!;
    if (stream.state === ERRORED || stream.state === ERRORING) return null;
    return stream.state === CLOSED ? 0 : stream.controller.desiredSize;
  }

  /** WritableStreamDefaultWriterCloseWithErrorPropagation */
  closeWithErrorPropagation(): Promise<undefined> {
    const stream = this.stream!;
    if (stream.closing || stream.state === CLOSED) return done();
    if (stream.state === ERRORED) return PromiseReject(stream.storedError);
    return stream.close();
  }

  /** WritableStreamDefaultWriterRelease. Only while there is a stream. */
  release(): void {
    const e = new TypeError("The writer was released.");
    this.rejectReady(e);
    this.rejectClosed(e);
    this.stream!.writer = undefined;
    this.stream = undefined;
  }

  /** WritableStreamDefaultWriterWrite, which tells request how it went. Only while there is a stream. */
  write(chunk: unknown, request: WriteRequest): void {
    const stream = this.stream!;
    const controller = stream.controller;
    const size = controller.chunkSize(chunk);
    if (stream !== this.stream) {
      request.reject(new TypeError("The writer was released."));
      return;
    }
    const state = stream.state as number;
    if (state === ERRORED) request.reject(stream.storedError);
    else if (stream.closing || state === CLOSED) request.reject(new TypeError("The WritableStream is closing or closed."));
    else if (state === ERRORING) request.reject(stream.storedError);
    else {
      stream.addWrite(request);
      controller.write(chunk, size);
    }
  }
}

const closeSentinel = {};

/** WritableStreamDefaultController (§5.4). */
export class WritableController {
  readonly stream: Writable;
  readonly #queue = new Fifo<unknown>();
  /** Parallel to queue; undefined while every chunk counts 1. */
  readonly #sizes: Fifo<number> | undefined;
  #total = 0;
  readonly #highWaterMark: number;
  #size: SizeAlgorithm;
  started = false;
  #write: WriteAlgorithm;
  #close: CloseAlgorithm;
  #abort: AbortAlgorithm;
  /** Whether a write that returns undefined is over when it returns, and not one microtask later. For sinks of ours. */
  readonly #synchronous: boolean;
  #advancing = false;
  /** Told of an abort when it is asked for, as a listener of signal is. For sinks of ours. */
  onAbort: ((reason: unknown) => void) | undefined = undefined;
  #signal: AbortSignal | undefined;
  #aborted = false;
  #abortReason: unknown;
  #onWritten: (() => void) | undefined;
  #onWriteFailed: ((e: unknown) => void) | undefined;

  /** SetUpWritableStreamDefaultController, up to the call of start: call begin() next. */
  constructor(stream: Writable, write: WriteAlgorithm, close: CloseAlgorithm, abort: AbortAlgorithm, highWaterMark: number, size: SizeAlgorithm, synchronous: boolean) {
    this.stream = stream;
    stream.controller = this;
    this.#write = write;
    this.#close = close;
    this.#abort = abort;
    this.#highWaterMark = highWaterMark;
    this.#size = size;
    this.#sizes = size === undefined ? undefined : new Fifo();
    this.#synchronous = synchronous;
    stream.updateBackpressure(this.#backpressure());
  }

  /** The rest of the set-up, with what start returned. */
  begin(startResult: unknown): void {
    uponResult(
      startResult,
      () => {
        this.started = true;
        this.#advance();
      },
      (e) => {
        this.started = true;
        this.stream.dealWithRejection(e);
      },
    );
  }

  /** The signal of the standard's abortController, made when somebody looks at it. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#signal = createAbortSignal();
      if (this.#aborted) signalAbort(this.#signal, this.#abortReason);
    }
    return this.#signal;
  }
  signalAbort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#abortReason = reason;
    if (this.#signal !== undefined) signalAbort(this.#signal, reason);
    this.onAbort?.(reason);
  }

  /** WritableStreamDefaultControllerGetDesiredSize */
  get desiredSize(): number {
    return this.#highWaterMark - this.#queueTotalSize();
  }
  #queueTotalSize(): number {
    if (this.#sizes !== undefined) return this.#total;
    // The sentinel counts nothing; it is last.
    return this.#closeQueued ? this.#queue.length - 1 : this.#queue.length;
  }
  #closeQueued = false;

  #backpressure(): boolean {
    return this.desiredSize <= 0;
  }

  #clearAlgorithms(): void {
    this.#write = undefined;
    this.#close = undefined;
    this.#abort = undefined;
    this.#size = undefined;
  }

  /** WritableStreamDefaultControllerGetChunkSize */
  chunkSize(chunk: unknown): number {
    const size = this.#size;
    if (size === undefined) return 1;
    try {
      return size(chunk);
    } catch (e) {
      this.errorIfNeeded(e);
      return 1;
    }
  }

  /** WritableStreamDefaultControllerWrite */
  write(chunk: unknown, size: number): void {
    if (this.#sizes !== undefined) {
      try {
        requireSize(size);
      } catch (e) {
        this.errorIfNeeded(e);
        return;
      }
      this.#sizes.push(size);
      this.#total += size;
    }
    this.#queue.push(chunk);
    const stream = this.stream;
    if (!stream.closing && stream.state === WRITABLE) stream.updateBackpressure(this.#backpressure());
    this.#advance();
  }

  /** WritableStreamDefaultControllerClose */
  close(): void {
    this.#queue.push(closeSentinel);
    this.#sizes?.push(0);
    this.#closeQueued = true;
    this.#advance();
  }

  /** WritableStreamDefaultControllerErrorIfNeeded */
  errorIfNeeded(e: unknown): void {
    if (this.stream.state === WRITABLE) this.error(e);
  }
  /** WritableStreamDefaultControllerError. Only while the stream is writable. */
  error(e: unknown): void {
    this.#clearAlgorithms();
    this.stream.startErroring(e);
  }

  abortSteps(reason: unknown): Promise<unknown> {
    const abort = this.#abort;
    this.#clearAlgorithms();
    return abort === undefined ? done() : promiseCall(() => abort(reason));
  }

  /** ResetQueue */
  errorSteps(): void {
    this.#queue.clear();
    this.#sizes?.clear();
    this.#total = 0;
    this.#closeQueued = false;
  }

  #dequeue(): void {
    this.#queue.shift();
    if (this.#sizes !== undefined) {
      this.#total -= this.#sizes.shift();
      if (this.#total < 0) this.#total = 0;
    }
  }

  /** WritableStreamDefaultControllerAdvanceQueueIfNeeded, in a loop for sinks that write synchronously. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    const stream = this.stream;
    while (this.started && !stream.writeInFlight) {
      if (stream.state === ERRORING) {
        stream.finishErroring();
        break;
      }
      if (this.#queue.length === 0) break;
      const value = this.#queue.peek();
      if (value === closeSentinel) {
        this.#processClose();
        break;
      }
      if (!this.#processWrite(value)) break;
    }
    this.#advancing = false;
  }

  #processClose(): void {
    const stream = this.stream;
    stream.markCloseInFlight();
    this.#dequeue();
    this.#closeQueued = false;
    const close = this.#close;
    this.#clearAlgorithms();
    let result: unknown;
    try {
      result = close?.();
    } catch (e) {
      result = PromiseReject(e);
    }
    if (result === undefined && this.#synchronous) stream.finishClose();
    else
      uponResult(
        result,
        () => stream.finishClose(),
        (e) => stream.failClose(e),
      );
  }

  /** Whether the write is over. */
  #processWrite(chunk: unknown): boolean {
    this.stream.markWriteInFlight();
    let result: unknown;
    try {
      result = this.#write?.(chunk);
    } catch (e) {
      result = PromiseReject(e);
    }
    if (result === undefined && this.#synchronous) {
      this.#written();
      return true;
    }
    this.#onWritten ??= () => {
      this.#written();
      this.#advance();
    };
    this.#onWriteFailed ??= (e) => {
      if (this.stream.state === WRITABLE) this.#clearAlgorithms();
      this.stream.failWrite(e);
    };
    uponResult(result, this.#onWritten, this.#onWriteFailed);
    return false;
  }

  #written(): void {
    const stream = this.stream;
    stream.finishWrite();
    this.#dequeue();
    if (!stream.closing && stream.state === WRITABLE) stream.updateBackpressure(this.#backpressure());
  }
}

/** CreateWritableStream with algorithms of ours: start is nothing, and the others may work synchronously (see WriteAlgorithm). */
export function createWritable(write: WriteAlgorithm, close: CloseAlgorithm, abort: AbortAlgorithm, highWaterMark = 1, size: SizeAlgorithm = undefined): Writable {
  const stream = new Writable();
  new WritableController(stream, write, close, abort, highWaterMark, size, true).started = true;
  return stream;
}
