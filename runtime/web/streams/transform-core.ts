// The state of transform streams (https://streams.spec.whatwg.org/#ts). The objects here never reach a worker; the
// classes that do are in transform.ts. Each method names the abstract operation that it is.

import { type Deferred, newDeferredFast, PromisePrototypeThen, PromiseReject, promiseResolvedWith, TypeError } from "../../bootstrap/primordials.ts";
import { isObject } from "../../bootstrap/webidl.ts";
import { laterPromise, LazyPromise, promiseCall } from "./promises.ts";
import { DefaultController, ERRORED as READABLE_ERRORED, Readable } from "./readable-core.ts";
import type { SizeAlgorithm } from "./strategies.ts";
import { ERRORED as WRITABLE_ERRORED, ERRORING, Writable, WritableController } from "./writable-core.ts";

/** Undefined: pass the chunk on. What it returns or throws is treated as a promise: the next chunk waits for it. */
export type TransformAlgorithm = ((chunk: unknown) => unknown) | undefined;
export type FlushAlgorithm = (() => unknown) | undefined;
export type TransformCancelAlgorithm = ((reason: unknown) => unknown) | undefined;

/** The state of one TransformStream and of its controller. */
export class Transform {
  readonly readable = new Readable();
  readonly writable = new Writable();
  readonly #readableController: DefaultController;
  readonly #writableController: WritableController;
  #backpressure = true;
  #backpressureChange = new LazyPromise();
  #transform: TransformAlgorithm;
  #flush: FlushAlgorithm;
  #cancel: TransformCancelAlgorithm;
  #hasAlgorithms = true;
  #finish: Deferred<undefined> | undefined;

  /** InitializeTransformStream. Call setAlgorithms, then begin. */
  constructor(writableHighWaterMark: number, writableSize: SizeAlgorithm, readableHighWaterMark: number, readableSize: SizeAlgorithm, synchronous: boolean) {
    this.#writableController = new WritableController(
      this.writable,
      (chunk) => this.#sinkWrite(chunk),
      () => this.#sinkClose(),
      (reason) => this.#sinkAbort(reason),
      writableHighWaterMark,
      writableSize,
      synchronous,
    );
    this.#readableController = new DefaultController(
      this.readable,
      () => this.#sourcePull(),
      (reason) => this.#sourceCancel(reason),
      readableHighWaterMark,
      readableSize,
      false,
    );
  }

  setAlgorithms(transform: TransformAlgorithm, flush: FlushAlgorithm, cancel: TransformCancelAlgorithm): void {
    this.#transform = transform;
    this.#flush = flush;
    this.#cancel = cancel;
  }

  /**
   * Both sides start when the promise is fulfilled, and two microtasks later: each makes "a promise resolved with" it,
   * and an abort or cancel that was asked for meanwhile comes first.
   */
  begin(startPromise: Promise<unknown>): void {
    const later = laterPromise(startPromise);
    this.#writableController.begin(later);
    this.#readableController.begin(later);
  }
  /** Both sides have started: there is nothing to wait for. */
  started(): void {
    this.#writableController.started = true;
    this.#readableController.started = true;
    this.#readableController.callPullIfNeeded();
  }

  // ---- what the controller offers

  get desiredSize(): number | null {
    return this.#readableController.desiredSize;
  }

  /** Whether the readable side still takes chunks. */
  get canEnqueue(): boolean {
    return this.#readableController.canCloseOrEnqueue;
  }

  /** For algorithms that make many chunks of one: fulfilled when the readable side wants the next or is over, undefined if that is so now. */
  get wanted(): Promise<undefined> | undefined {
    return this.#backpressure && this.canEnqueue ? this.#backpressureChange.promise : undefined;
  }

  /** TransformStreamDefaultControllerEnqueue */
  enqueue(chunk: unknown): void {
    const controller = this.#readableController;
    if (!controller.canCloseOrEnqueue) throw new TypeError("The readable side of the TransformStream is closed or errored.");
    try {
      controller.enqueue(chunk);
    } catch (e) {
      this.#errorWritable(e);
      throw this.readable.storedError;
    }
    if (controller.hasBackpressure !== this.#backpressure) this.#setBackpressure(true);
  }

  /** TransformStreamError */
  error(e: unknown): void {
    this.#readableController.error(e);
    this.#errorWritable(e);
  }

  /** TransformStreamDefaultControllerTerminate */
  terminate(): void {
    this.#readableController.close();
    this.#errorWritable(new TypeError("The TransformStream was terminated."));
  }

  // ---- inside

  #clearAlgorithms(): void {
    this.#transform = undefined;
    this.#flush = undefined;
    this.#cancel = undefined;
    this.#hasAlgorithms = false;
  }

  /** TransformStreamErrorWritableAndUnblockWrite */
  #errorWritable(e: unknown): void {
    this.#clearAlgorithms();
    this.#writableController.errorIfNeeded(e);
    this.#unblockWrite();
  }
  #unblockWrite(): void {
    if (this.#backpressure) this.#setBackpressure(false);
  }

  #setBackpressure(backpressure: boolean): void {
    this.#backpressureChange.resolve();
    this.#backpressureChange = new LazyPromise();
    this.#backpressure = backpressure;
  }

  /** TransformStreamDefaultSinkWriteAlgorithm */
  #sinkWrite(chunk: unknown): unknown {
    if (!this.#backpressure) return this.#performTransform(chunk);
    return PromisePrototypeThen(this.#backpressureChange.promise, () => {
      const writable = this.writable;
      if (writable.state === ERRORING) throw writable.storedError;
      return this.#performTransform(chunk);
    });
  }

  /** TransformStreamDefaultControllerPerformTransform */
  #performTransform(chunk: unknown): unknown {
    const transform = this.#transform;
    let result: unknown;
    try {
      if (transform !== undefined) result = transform(chunk);
      else if (this.#hasAlgorithms) this.enqueue(chunk);
      if (!isObject(result)) return undefined;
      result = promiseResolvedWith(result);
    } catch (e) {
      result = PromiseReject(e);
    }
    return PromisePrototypeThen(result as Promise<unknown>, undefined, (e) => {
      this.error(e);
      throw e;
    });
  }

  /** TransformStreamDefaultSinkAbortAlgorithm */
  #sinkAbort(reason: unknown): Promise<undefined> {
    if (this.#finish !== undefined) return this.#finish.promise;
    const finish = (this.#finish = newDeferredFast<undefined>());
    const cancel = this.#cancel;
    const cancelled = promiseCall(() => cancel?.(reason));
    this.#clearAlgorithms();
    const readable = this.readable;
    PromisePrototypeThen(
      cancelled,
      () => {
        if (readable.state === READABLE_ERRORED) finish.reject(readable.storedError);
        else {
          this.#readableController.error(reason);
          finish.resolve(undefined);
        }
      },
      (e) => {
        this.#readableController.error(e);
        finish.reject(e);
      },
    );
    return finish.promise;
  }

  /** TransformStreamDefaultSinkCloseAlgorithm */
  #sinkClose(): Promise<undefined> {
    if (this.#finish !== undefined) return this.#finish.promise;
    const finish = (this.#finish = newDeferredFast<undefined>());
    const flush = this.#flush;
    const flushed = promiseCall(() => flush?.());
    this.#clearAlgorithms();
    const readable = this.readable;
    PromisePrototypeThen(
      flushed,
      () => {
        if (readable.state === READABLE_ERRORED) finish.reject(readable.storedError);
        else {
          this.#readableController.close();
          finish.resolve(undefined);
        }
      },
      (e) => {
        this.#readableController.error(e);
        finish.reject(e);
      },
    );
    return finish.promise;
  }

  /** TransformStreamDefaultSourceCancelAlgorithm */
  #sourceCancel(reason: unknown): Promise<undefined> {
    if (this.#finish !== undefined) {
      this.#unblockWrite(); // A flush may wait for `wanted`.
      return this.#finish.promise;
    }
    const finish = (this.#finish = newDeferredFast<undefined>());
    const cancel = this.#cancel;
    const cancelled = promiseCall(() => cancel?.(reason));
    this.#clearAlgorithms();
    const writable = this.writable;
    PromisePrototypeThen(
      cancelled,
      () => {
        if (writable.state === WRITABLE_ERRORED) finish.reject(writable.storedError);
        else {
          this.#writableController.errorIfNeeded(reason);
          this.#unblockWrite();
          finish.resolve(undefined);
        }
      },
      (e) => {
        this.#writableController.errorIfNeeded(e);
        this.#unblockWrite();
        finish.reject(e);
      },
    );
    return finish.promise;
  }

  /** TransformStreamDefaultSourcePullAlgorithm */
  #sourcePull(): Promise<undefined> {
    this.#setBackpressure(false);
    return this.#backpressureChange.promise;
  }
}
