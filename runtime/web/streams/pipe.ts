// ReadableStreamPipeTo (https://streams.spec.whatwg.org/#readable-stream-pipe-to).
//
// The standard leaves open how chunks move. Here those that are in the queue move in a loop, without a promise each,
// for as long as the destination wants more; a chunk that the source enqueues later is written in a microtask, so that
// enqueue() never runs the sink.

import { type Deferred, newDeferredFast, PromisePrototypeThen, TypeError } from "../../bootstrap/primordials.ts";
import { type AbortSignal, addAbortAlgorithm, removeAbortAlgorithm } from "../abort.ts";
import { ignore, nextMicrotask } from "./promises.ts";
import { CLOSED, type DefaultController, DefaultReader, ERRORED, READABLE, type Readable, type ReadRequest } from "./readable-core.ts";
import { CLOSED as DEST_CLOSED, ERRORED as DEST_ERRORED, WRITABLE, type Writable, Writer, type WriteRequest } from "./writable-core.ts";

export interface PipeOptions {
  preventAbort: boolean;
  preventCancel: boolean;
  preventClose: boolean;
  signal: AbortSignal | undefined;
}

/** ReadableStreamPipeTo. Neither stream may be locked: throws TypeError if one is. */
export function pipeTo(source: Readable, dest: Writable, options: PipeOptions): Promise<undefined> {
  return new Pipe(source, dest, options).start();
}

class Pipe implements ReadRequest, WriteRequest {
  readonly #source: Readable;
  readonly #dest: Writable;
  readonly #options: PipeOptions;
  readonly #reader: DefaultReader;
  readonly #writer: Writer;
  readonly #result: Deferred<undefined> = newDeferredFast<undefined>();
  #shuttingDown = false;
  #reading = false;
  /** Inside reader.read(), where a chunk may be written at once. */
  #inRead = false;
  #pumping = false;
  /** Chunks read and not yet through the sink. */
  #unwritten = 0;
  #whenWritten: (() => void) | undefined;
  #held: unknown;
  #onHeld: (() => void) | undefined;
  #abort: (() => void) | undefined;

  constructor(source: Readable, dest: Writable, options: PipeOptions) {
    this.#source = source;
    this.#dest = dest;
    this.#options = options;
    this.#reader = new DefaultReader(source);
    this.#writer = new Writer(dest);
    source.disturbed = true;
  }

  start(): Promise<undefined> {
    const { signal } = this.#options;
    if (signal !== undefined) {
      const abort = (): void => this.#aborted(signal);
      if (signal.aborted) {
        abort();
        return this.#result.promise;
      }
      this.#abort = abort;
      addAbortAlgorithm(signal, abort);
    }
    const source = this.#source;
    const dest = this.#dest;
    if (source.state === ERRORED) this.#sourceErrored();
    else if (dest.state === DEST_ERRORED) this.#destErrored();
    else if (source.state === CLOSED) this.#sourceClosed();
    else if (dest.closing || dest.state === DEST_CLOSED) this.#destClosed();
    if (this.#shuttingDown) return this.#result.promise;
    PromisePrototypeThen(
      this.#reader.closed.promise,
      () => this.#sourceClosed(),
      () => this.#sourceErrored(),
    );
    PromisePrototypeThen(this.#writer.closed.promise, ignore, () => this.#destErrored());
    this.#writer.onReady = () => this.#pump();
    nextMicrotask(() => this.#pump());
    return this.#result.promise;
  }

  // ---- moving chunks

  #wantsMore(): boolean {
    const dest = this.#dest;
    return !this.#shuttingDown && dest.state === WRITABLE && !dest.closing && dest.controller.desiredSize > 0;
  }

  #pump(): void {
    if (this.#pumping || this.#reading) return;
    this.#pumping = true;
    const source = this.#source;
    const controller = source.controller.isByte ? undefined : (source.controller as DefaultController);
    while (this.#wantsMore() && source.state === READABLE) {
      if (controller !== undefined && controller.queue.length > 0) {
        this.#write(controller.take());
        continue;
      }
      this.#reading = true;
      this.#inRead = true;
      this.#reader.read(this);
      this.#inRead = false;
      if (this.#reading) break;
    }
    this.#pumping = false;
  }

  #write(chunk: unknown): void {
    this.#unwritten++;
    this.#writer.write(chunk, this);
  }

  chunkSteps(chunk: unknown): void {
    if (this.#inRead) {
      this.#reading = false;
      this.#write(chunk);
      return;
    }
    // Still "reading", so that nothing overtakes this chunk; and counted, so that a shutdown waits for it.
    this.#held = chunk;
    this.#unwritten++;
    this.#onHeld ??= () => {
      const held = this.#held;
      this.#held = undefined;
      this.#reading = false;
      this.#writer.write(held, this);
      this.#pump();
    };
    nextMicrotask(this.#onHeld);
  }
  closeSteps(): void {
    this.#reading = false;
  }
  errorSteps(): void {
    this.#reading = false;
  }

  // A write has ended.
  resolve(): void {
    this.#unwritten--;
    if (this.#unwritten === 0 && this.#whenWritten !== undefined) {
      nextMicrotask(this.#whenWritten);
      this.#whenWritten = undefined;
    }
  }
  reject(): void {
    this.resolve();
  }

  // ---- the four conditions

  #sourceErrored(): void {
    const e = this.#source.storedError;
    if (this.#options.preventAbort) this.#shutdown(undefined, true, e);
    else this.#shutdown(() => this.#dest.abort(e), true, e);
  }

  #destErrored(): void {
    const e = this.#dest.storedError;
    if (this.#options.preventCancel) this.#shutdown(undefined, true, e);
    else this.#shutdown(() => this.#source.cancel(e), true, e);
  }

  #sourceClosed(): void {
    if (this.#options.preventClose) this.#shutdown(undefined, false, undefined);
    else this.#shutdown(() => this.#writer.closeWithErrorPropagation(), false, undefined);
  }

  #destClosed(): void {
    const e = new TypeError("The destination of the pipe is closed or closing.");
    if (this.#options.preventCancel) this.#shutdown(undefined, true, e);
    else this.#shutdown(() => this.#source.cancel(e), true, e);
  }

  #aborted(signal: AbortSignal): void {
    const e = signal.reason;
    const source = this.#source;
    const dest = this.#dest;
    this.#shutdown(
      () => {
        const aborting = !this.#options.preventAbort && dest.state === WRITABLE ? dest.abort(e) : undefined;
        const cancelling = !this.#options.preventCancel && source.state === READABLE ? source.cancel(e) : undefined;
        return both(aborting, cancelling);
      },
      true,
      e,
    );
  }

  // ---- shutdown

  #shutdown(action: (() => Promise<unknown>) | undefined, isError: boolean, error: unknown): void {
    if (this.#shuttingDown) return;
    this.#shuttingDown = true;
    this.#writer.onReady = undefined;
    const rest = (): void => {
      if (action === undefined) {
        this.#finalize(isError, error);
        return;
      }
      PromisePrototypeThen(
        action(),
        () => this.#finalize(isError, error),
        (e) => this.#finalize(true, e),
      );
    };
    if (this.#dest.state !== WRITABLE || this.#dest.closing) rest();
    else if (this.#unwritten > 0) this.#whenWritten = rest;
    else nextMicrotask(rest);
  }

  #finalize(isError: boolean, error: unknown): void {
    this.#writer.release();
    this.#reader.release();
    const { signal } = this.#options;
    if (this.#abort !== undefined) removeAbortAlgorithm(signal!, this.#abort);
    if (isError) this.#result.reject(error);
    else this.#result.resolve(undefined);
  }
}

/** Fulfilled when both are, rejected when one is. */
function both(a: Promise<unknown> | undefined, b: Promise<unknown> | undefined): Promise<unknown> {
  const result = newDeferredFast<undefined>();
  let waiting = 1;
  const one = (): void => {
    waiting--;
    if (waiting === 0) result.resolve(undefined);
  };
  if (a !== undefined) {
    waiting++;
    PromisePrototypeThen(a, one, result.reject);
  }
  if (b !== undefined) {
    waiting++;
    PromisePrototypeThen(b, one, result.reject);
  }
  one();
  return result.promise;
}
