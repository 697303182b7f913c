// Bodies that the worker sends in pieces: pumped into a stream as fast as its reader grants credit.

import { type AsyncFrame, currentFrame, type EventState, runInFrame } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import {
  type Deferred,
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  newDeferred,
  PromisePrototypeThen,
  PromiseResolve,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypeError,
  Uint8Array,
} from "../../bootstrap/primordials.ts";
import { CallCode, limits } from "../../bootstrap/wire.gen.ts";
import { subBytes } from "../bytes.ts";
import { acquireReadableStreamDefaultReader, type DefaultReader, readableStreamCancel, readableStreamDefaultReaderRead } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { addResource, removeResource, type Resource } from "./resources.ts";

/** streamWrite's answer when the reader is gone. */
const readerGone = -1e9;

const outbounds = new Map<number, Outbound>();
const settled = PromiseResolve(undefined);

/** One pump. It is also the read request of its reader. */
export class Outbound implements Resource {
  readonly id: number;
  readonly event: EventState;
  /** Told when the source fails, before done is rejected. */
  onSourceError: ((error: unknown) => void) | undefined;
  readonly #finished: Deferred<void> = newDeferred<void>();
  readonly #frame: AsyncFrame | undefined = currentFrame();
  readonly #stream: ReadableStream | undefined;
  readonly #reader: DefaultReader | undefined;
  #parts: readonly Uint8Array[];
  #index = 0;
  #offset = 0;
  #credit = 1; // until the first write tells
  #reading = false;
  #running = false;
  #over = false;

  constructor(event: EventState, parts: readonly Uint8Array[] | undefined, stream: ReadableStream | undefined) {
    this.event = event;
    this.#parts = parts ?? [];
    this.#stream = stream;
    this.#reader = stream === undefined ? undefined : acquireReadableStreamDefaultReader(stream);
    this.id = native.streamOpen(event.id);
    MapPrototypeSet(outbounds, this.id, this);
    addResource(event, this);
    native.markHandled(this.#finished.promise);
    // Not before the message that names the stream is on its way.
    PromisePrototypeThen(settled, () => this.#run(), undefined);
  }

  get done(): Promise<void> {
    return this.#finished.promise;
  }

  /** Sends until the credit is used up or the source has nothing ready. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    while (!this.#over && this.#credit > 0) {
      if (this.#index < this.#parts.length) this.#write(this.#parts[this.#index]!);
      else if (this.#reader === undefined) {
        native.streamEnd(this.id);
        this.#finish();
      } else {
        if (this.#reading) break;
        this.#reading = true;
        readableStreamDefaultReaderRead(this.#reader, this);
      }
    }
    this.#running = false;
    if (!this.#over && this.#credit <= 0) this.#keepRest();
  }

  #write(part: Uint8Array): void {
    const length = TypedArrayPrototypeGetByteLength(part);
    const end = length - this.#offset > limits.stream_data_max ? this.#offset + limits.stream_data_max : length;
    if (end > this.#offset) {
      this.#credit = native.streamWrite(this.id, this.#offset === 0 && end === length ? part : subBytes(part, this.#offset, end));
      if (this.#credit <= readerGone) {
        this.cancelled("the reader is gone");
        return;
      }
    }
    this.#offset = end;
    if (end === length) {
      this.#index++;
      this.#offset = 0;
    }
  }

  /** While it waits for credit, a chunk of the worker's must not change any more. */
  #keepRest(): void {
    if (this.#reader === undefined || this.#index >= this.#parts.length) return;
    const part = this.#parts[this.#index]!;
    this.#parts = [new Uint8Array(subBytes(part, this.#offset, TypedArrayPrototypeGetByteLength(part)))];
    this.#index = 0;
    this.#offset = 0;
  }

  chunkSteps(chunk: unknown): void {
    this.#reading = false;
    if (this.#over) return;
    if (TypedArrayPrototypeGetSymbolToStringTag(chunk) !== "Uint8Array") {
      const error = new TypeError("The body's stream gave a chunk that is not a Uint8Array.");
      this.#cancelSource(error);
      this.#fail(error);
      return;
    }
    this.#parts = [chunk as Uint8Array];
    this.#index = 0;
    this.#offset = 0;
    this.#run();
  }

  closeSteps(): void {
    this.#reading = false;
    if (this.#over) return;
    native.streamEnd(this.id);
    this.#finish();
  }

  errorSteps(e: unknown): void {
    this.#reading = false;
    if (!this.#over) this.#fail(e);
  }

  /** The reader grants more. */
  credited(credit: number): void {
    this.#credit = credit;
    if (!this.#running) runInFrame(this.#frame, () => this.#run(), undefined, []);
  }

  /** The reader wants no more: the source is cancelled, which is no failure of the body. */
  cancelled(message: string): void {
    if (this.#over) return;
    native.streamReset(this.id, CallCode.aborted, "cancelled");
    this.#over = true;
    runInFrame(this.#frame, () => this.#cancelSource(new TypeError(message === "" ? "The client disconnected." : message)), undefined, []);
    this.#finish();
  }

  /** The worker wants the body sent no further. */
  abort(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    native.streamReset(this.id, CallCode.aborted, "aborted");
    this.#cancelSource(reason);
    this.#finish();
  }

  eventEnded(): void {
    this.#over = true;
    MapPrototypeDelete(outbounds, this.id);
  }

  #cancelSource(reason: unknown): void {
    if (this.#stream !== undefined) native.markHandled(readableStreamCancel(this.#stream, reason));
  }

  #fail(error: unknown): void {
    this.#over = true;
    native.streamReset(this.id, CallCode.aborted, "the body failed");
    this.onSourceError?.(error);
    this.#finished.reject(error);
    this.#forget();
  }

  #finish(): void {
    this.#over = true;
    this.#finished.resolve();
    this.#forget();
  }

  #forget(): void {
    MapPrototypeDelete(outbounds, this.id);
    removeResource(this.event, this);
  }
}

// ---- handlers

export function onStreamCredit(stream: number, credit: number): void {
  MapPrototypeGet(outbounds, stream)?.credited(credit);
}

export function onStreamCancelled(stream: number, message: string): void {
  MapPrototypeGet(outbounds, stream)?.cancelled(message);
}
