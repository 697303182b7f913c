// The state of readable streams and what the standard does with it (https://streams.spec.whatwg.org/#rs): everything but
// byte streams (byte-core.ts) and the classes that workers see (readable.ts). The objects here never reach a worker, so
// they are plain classes with plain fields; each method names the abstract operation that it is.

import { PromisePrototypeThen, PromiseReject, promiseResolvedWith, TypeError } from "../../bootstrap/primordials.ts";
import { Fifo } from "./fifo.ts";
import { lazilyRejected, lazilyResolved, LazyPromise, promiseCall, returnUndefined, uponResult } from "./promises.ts";
import { requireSize, type SizeAlgorithm } from "./strategies.ts";

export const READABLE = 0;
export const CLOSED = 1;
export const ERRORED = 2;

/** §4.1.3 "read request". Exactly one of the steps runs, once. */
export interface ReadRequest {
  chunkSteps(chunk: unknown): void;
  closeSteps(): void;
  errorSteps(e: unknown): void;
}

/** What ReadableStreamDefaultController and ReadableByteStreamController have in common. */
export interface Controller {
  readonly isByte: boolean;
  cancelSteps(reason: unknown): Promise<undefined>;
  pullSteps(request: ReadRequest): void;
  releaseSteps(): void;
  error(e: unknown): void;
}

/** Asks the source for data. What it returns or throws is treated as a promise: pull is not called again before it is fulfilled. */
export type PullAlgorithm = (() => unknown) | undefined;
export type CancelAlgorithm = ((reason: unknown) => unknown) | undefined;

/** The state of one ReadableStream. */
export class Readable {
  state: typeof READABLE | typeof CLOSED | typeof ERRORED = READABLE;
  storedError: unknown = undefined;
  disturbed = false;
  reader: Reader | undefined = undefined;
  controller: Controller = undefined as never;
  /** What the stream really is, for whoever made it; see getStreamSource. */
  source: object | undefined = undefined;
  /** Bytes that it gives in all, if that was promised (FixedLengthStream). */
  expectedLength: number | undefined = undefined;

  get locked(): boolean {
    return this.reader !== undefined;
  }

  /** ReadableStreamCancel */
  cancel(reason: unknown): Promise<undefined> {
    this.disturbed = true;
    if (this.state === CLOSED) return promiseResolvedWith(undefined) as Promise<undefined>;
    if (this.state === ERRORED) return PromiseReject(this.storedError);
    this.close();
    this.reader?.onCancel();
    return this.controller.cancelSteps(reason);
  }

  /** ReadableStreamClose */
  close(): void {
    this.state = CLOSED;
    const reader = this.reader;
    if (reader === undefined) return;
    reader.closed.resolve();
    reader.onClose();
  }

  /** ReadableStreamError */
  fail(e: unknown): void {
    this.state = ERRORED;
    this.storedError = e;
    const reader = this.reader;
    if (reader === undefined) return;
    reader.closed.reject(e);
    reader.failRequests(e);
  }
}

/** ReadableStreamReaderGenericInitialize and …Release. */
export abstract class Reader {
  stream: Readable | undefined;
  closed: LazyPromise;

  constructor(stream: Readable) {
    if (stream.reader !== undefined) throw new TypeError("This ReadableStream is locked to a reader.");
    this.stream = stream;
    stream.reader = this;
    this.closed = stream.state === READABLE ? new LazyPromise() : stream.state === CLOSED ? lazilyResolved() : lazilyRejected(stream.storedError);
  }

  /** Requests that are waiting when the stream closes. */
  abstract onClose(): void;
  /** Requests that are waiting when the stream is cancelled and have not been told by onClose. */
  abstract onCancel(): void;
  /** ReadableStreamDefaultReaderErrorReadRequests, ReadableStreamBYOBReaderErrorReadIntoRequests */
  abstract failRequests(e: unknown): void;
  abstract readonly waiting: number;
  abstract readonly isDefault: boolean;

  /** ReadableStreamDefaultReaderRelease, ReadableStreamBYOBReaderRelease. Only while there is a stream. */
  release(): void {
    const stream = this.stream!;
    const released = new TypeError("The reader was released.");
    if (this.closed.pending) this.closed.reject(released);
    else this.closed = lazilyRejected(released);
    stream.controller.releaseSteps();
    stream.reader = undefined;
    this.stream = undefined;
    if (this.waiting > 0) this.failRequests(new TypeError("The reader was released."));
  }
}

export class DefaultReader extends Reader {
  readonly isDefault = true;
  requests = new Fifo<ReadRequest>();

  get waiting(): number {
    return this.requests.length;
  }

  onClose(): void {
    const requests = this.requests;
    if (requests.length === 0) return;
    this.requests = new Fifo();
    while (requests.length > 0) requests.shift().closeSteps();
  }
  onCancel(): void {}

  failRequests(e: unknown): void {
    const requests = this.requests;
    if (requests.length === 0) return;
    this.requests = new Fifo();
    while (requests.length > 0) requests.shift().errorSteps(e);
  }

  /** ReadableStreamDefaultReaderRead. Only while there is a stream. */
  read(request: ReadRequest): void {
    const stream = this.stream!;
    stream.disturbed = true;
    if (stream.state === READABLE) stream.controller.pullSteps(request);
    else if (stream.state === CLOSED) request.closeSteps();
    else request.errorSteps(stream.storedError);
  }
}

/** ReadableStreamDefaultController (§4.6). */
export class DefaultController implements Controller {
  readonly isByte = false;
  readonly stream: Readable;
  readonly queue = new Fifo<unknown>();
  /** Parallel to queue; undefined while every chunk counts 1. */
  readonly #sizes: Fifo<number> | undefined;
  #total = 0;
  readonly #highWaterMark: number;
  #size: SizeAlgorithm;
  started = false;
  closeRequested = false;
  /** Gets what pull's promise was fulfilled with, before pull counts as over; what it throws errors the stream. */
  consume: ((value: unknown) => void) | undefined = undefined;
  #pulling = false;
  #pullAgain = false;
  #pull: PullAlgorithm;
  #cancel: CancelAlgorithm;
  /** Whether a pull that returns undefined is over when it returns, and not one microtask later. For sources of ours. */
  readonly #synchronous: boolean;
  #onPulled: ((value: unknown) => void) | undefined;
  #onPullFailed: ((e: unknown) => void) | undefined;

  /** SetUpReadableStreamDefaultController, up to the call of start: call begin() next. */
  constructor(stream: Readable, pull: PullAlgorithm, cancel: CancelAlgorithm, highWaterMark: number, size: SizeAlgorithm, synchronous: boolean) {
    this.stream = stream;
    stream.controller = this;
    this.#pull = pull;
    this.#cancel = cancel;
    this.#highWaterMark = highWaterMark;
    this.#size = size;
    this.#sizes = size === undefined ? undefined : new Fifo();
    this.#synchronous = synchronous;
  }

  /** The rest of the set-up, with what start returned. */
  begin(startResult: unknown): void {
    uponResult(
      startResult,
      () => this.start(),
      (e) => this.error(e),
    );
  }
  start(): void {
    this.started = true;
    this.callPullIfNeeded();
  }

  /** ReadableStreamDefaultControllerGetDesiredSize */
  get desiredSize(): number | null {
    const state = this.stream.state;
    if (state === READABLE) return this.#highWaterMark - this.#queueTotalSize();
    return state === CLOSED ? 0 : null;
  }
  #queueTotalSize(): number {
    return this.#sizes === undefined ? this.queue.length : this.#total;
  }

  /** ReadableStreamDefaultControllerCanCloseOrEnqueue */
  get canCloseOrEnqueue(): boolean {
    return !this.closeRequested && this.stream.state === READABLE;
  }
  /** ReadableStreamDefaultControllerHasBackpressure */
  get hasBackpressure(): boolean {
    return !this.shouldCallPull();
  }

  shouldCallPull(): boolean {
    if (!this.started || this.closeRequested || this.stream.state !== READABLE) return false;
    const reader = this.stream.reader;
    if (reader !== undefined && reader.waiting > 0) return true;
    return this.#highWaterMark - this.#queueTotalSize() > 0;
  }

  callPullIfNeeded(): void {
    if (!this.shouldCallPull()) return;
    if (this.#pulling) {
      this.#pullAgain = true;
      return;
    }
    const pull = this.#pull;
    if (pull === undefined) return;
    for (;;) {
      this.#pulling = true;
      let result: unknown;
      try {
        result = pull();
      } catch (e) {
        result = PromiseReject(e);
      }
      if (result !== undefined || !this.#synchronous) {
        this.#onPulled ??= (value) => {
          if (this.consume !== undefined) {
            try {
              this.consume(value);
            } catch (e) {
              this.error(e);
              return;
            }
          }
          this.#pulling = false;
          if (this.#pullAgain) {
            this.#pullAgain = false;
            this.callPullIfNeeded();
          }
        };
        this.#onPullFailed ??= (e) => this.error(e);
        uponResult(result, this.#onPulled, this.#onPullFailed);
        return;
      }
      this.#pulling = false;
      if (!this.#pullAgain) return;
      this.#pullAgain = false;
      if (!this.shouldCallPull()) return;
    }
  }

  #clearAlgorithms(): void {
    this.#pull = undefined;
    this.#cancel = undefined;
    this.#size = undefined;
  }

  /** ReadableStreamDefaultControllerClose */
  close(): void {
    if (!this.canCloseOrEnqueue) return;
    this.closeRequested = true;
    if (this.queue.length === 0) {
      this.#clearAlgorithms();
      this.stream.close();
    }
  }

  /** ReadableStreamDefaultControllerEnqueue. Throws what size() throws. */
  enqueue(chunk: unknown): void {
    if (!this.canCloseOrEnqueue) return;
    const reader = this.stream.reader;
    if (reader !== undefined && reader.waiting > 0) {
      (reader as DefaultReader).requests.shift().chunkSteps(chunk);
    } else if (this.#sizes === undefined) {
      this.queue.push(chunk);
    } else {
      try {
        const size = this.#size!(chunk);
        requireSize(size);
        this.queue.push(chunk);
        this.#sizes.push(size);
        this.#total += size;
      } catch (e) {
        this.error(e);
        throw e;
      }
    }
    this.callPullIfNeeded();
  }

  /** ReadableStreamDefaultControllerError */
  error(e: unknown): void {
    if (this.stream.state !== READABLE) return;
    this.#resetQueue();
    this.#clearAlgorithms();
    this.stream.fail(e);
  }

  #resetQueue(): void {
    this.queue.clear();
    this.#sizes?.clear();
    this.#total = 0;
  }

  cancelSteps(reason: unknown): Promise<undefined> {
    this.#resetQueue();
    const cancel = this.#cancel;
    this.#clearAlgorithms();
    if (cancel === undefined) return promiseResolvedWith(undefined) as Promise<undefined>;
    return PromisePrototypeThen(
      promiseCall(() => cancel(reason)),
      returnUndefined,
    );
  }

  /** The first chunk of the queue, which must not be empty, and what reading it entails. */
  take(): unknown {
    const chunk = this.queue.shift();
    if (this.#sizes !== undefined) {
      this.#total -= this.#sizes.shift();
      if (this.#total < 0) this.#total = 0;
    }
    if (this.closeRequested && this.queue.length === 0) {
      this.#clearAlgorithms();
      this.stream.close();
    } else this.callPullIfNeeded();
    return chunk;
  }

  pullSteps(request: ReadRequest): void {
    if (this.queue.length > 0) {
      request.chunkSteps(this.take());
      return;
    }
    (this.stream.reader as DefaultReader).requests.push(request);
    this.callPullIfNeeded();
  }

  releaseSteps(): void {}
}

/** CreateReadableStream with algorithms of ours: start is nothing, and pull may work synchronously (see PullAlgorithm). */
export function createReadable(pull: PullAlgorithm, cancel: CancelAlgorithm, highWaterMark = 1, size: SizeAlgorithm = undefined): Readable {
  const stream = new Readable();
  const controller = new DefaultController(stream, pull, cancel, highWaterMark, size, true);
  // Nothing is to be pulled before the first read: no need to wait for it.
  if (highWaterMark === 0) controller.started = true;
  else controller.begin(undefined);
  return stream;
}
