// Readable byte streams (https://streams.spec.whatwg.org/#rbs-controller-class): the controller and the BYOB reader, as
// plain classes that never reach a worker. See readable-core.ts.

import {
  append,
  ArrayBuffer,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeTransferToFixedLength,
  DataView,
  MathMin,
  PromisePrototypeThen,
  PromiseReject,
  promiseResolvedWith,
  RangeError,
  typedArrayConstructors,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  TypeError,
  Uint8Array,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from "../../bootstrap/primordials.ts";
import { Fifo } from "./fifo.ts";
import { promiseCall, returnUndefined, uponResult } from "./promises.ts";
import { type CancelAlgorithm, CLOSED, type Controller, type DefaultReader, ERRORED, type PullAlgorithm, READABLE, type Readable, Reader, type ReadRequest } from "./readable-core.ts";

/** §4.5.3 "read-into request". closeSteps gets the emptied view, or undefined if the stream was cancelled. */
export interface ReadIntoRequest {
  /** If the stream has fewer bytes left than the minimum, they are enough: Workers' readAtLeast. */
  readonly takesRest?: boolean;
  chunkSteps(view: ArrayBufferView): void;
  closeSteps(view: ArrayBufferView | undefined): void;
  errorSteps(e: unknown): void;
}

type ViewConstructor = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView;

/** Bytes in the queue. */
interface Entry {
  buffer: ArrayBuffer;
  byteOffset: number;
  byteLength: number;
}

const FOR_DEFAULT = 0;
const FOR_BYOB = 1;
const FOR_NONE = 2;

/** A pull-into descriptor. */
interface PullInto {
  buffer: ArrayBuffer;
  readonly bufferByteLength: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  bytesFilled: number;
  readonly minimumFill: number;
  readonly elementSize: number;
  readonly view: ViewConstructor;
  reader: typeof FOR_DEFAULT | typeof FOR_BYOB | typeof FOR_NONE;
}

/** ReadableStreamBYOBRequest */
export class ByobRequest {
  controller: ByteController | undefined;
  view: ArrayBufferView | null;
  wrapper: object | undefined = undefined;
  constructor(controller: ByteController, view: ArrayBufferView) {
    this.controller = controller;
    this.view = view;
  }
}

export class ByobReader extends Reader {
  readonly isDefault = false;
  requests = new Fifo<ReadIntoRequest>();

  constructor(stream: Readable) {
    if (stream.reader === undefined && !stream.controller.isByte) throw new TypeError("A BYOB reader needs a byte stream.");
    super(stream);
  }

  get waiting(): number {
    return this.requests.length;
  }
  onClose(): void {}
  onCancel(): void {
    const requests = this.requests;
    if (requests.length === 0) return;
    this.requests = new Fifo();
    while (requests.length > 0) requests.shift().closeSteps(undefined);
  }
  failRequests(e: unknown): void {
    const requests = this.requests;
    if (requests.length === 0) return;
    this.requests = new Fifo();
    while (requests.length > 0) requests.shift().errorSteps(e);
  }

  /** ReadableStreamBYOBReaderRead. Only while there is a stream. The buffer of view is detached. min counts elements of view. */
  read(view: ArrayBufferView, min: number, request: ReadIntoRequest): void {
    const stream = this.stream!;
    stream.disturbed = true;
    if (stream.state === ERRORED) request.errorSteps(stream.storedError);
    else (stream.controller as ByteController).pullInto(view, min, request);
  }
}

/** ReadableByteStreamController (§4.7). */
export class ByteController implements Controller {
  readonly isByte = true;
  readonly stream: Readable;
  readonly #queue = new Fifo<Entry>();
  #total = 0;
  readonly #highWaterMark: number;
  readonly #autoAllocateChunkSize: number | undefined;
  #pending = new Fifo<PullInto>();
  #byobRequest: ByobRequest | null = null;
  started = false;
  closeRequested = false;
  #pulling = false;
  #pullAgain = false;
  #pull: PullAlgorithm;
  #cancel: CancelAlgorithm;
  readonly #synchronous: boolean;
  #onPulled: (() => void) | undefined;
  #onPullFailed: ((e: unknown) => void) | undefined;

  /** SetUpReadableByteStreamController, up to the call of start: call begin() next. */
  constructor(stream: Readable, pull: PullAlgorithm, cancel: CancelAlgorithm, highWaterMark: number, autoAllocateChunkSize: number | undefined, synchronous: boolean) {
    this.stream = stream;
    stream.controller = this;
    this.#pull = pull;
    this.#cancel = cancel;
    this.#highWaterMark = highWaterMark;
    this.#autoAllocateChunkSize = autoAllocateChunkSize;
    this.#synchronous = synchronous;
  }

  /** The rest of the set-up, with what start returned. */
  begin(startResult: unknown): void {
    uponResult(
      startResult,
      () => {
        this.started = true;
        this.callPullIfNeeded();
      },
      (e) => this.error(e),
    );
  }

  /** ReadableByteStreamControllerGetDesiredSize */
  get desiredSize(): number | null {
    const state = this.stream.state;
    if (state === READABLE) return this.#highWaterMark - this.#total;
    return state === CLOSED ? 0 : null;
  }

  /** Bytes that are in the queue. */
  get queued(): number {
    return this.#total;
  }

  /** How many pulls into buffers wait for bytes. */
  get pendingPullIntos(): number {
    return this.#pending.length;
  }

  shouldCallPull(): boolean {
    if (!this.started || this.closeRequested || this.stream.state !== READABLE) return false;
    const reader = this.stream.reader;
    if (reader !== undefined && reader.waiting > 0) return true;
    return this.#highWaterMark - this.#total > 0;
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
        this.#onPulled ??= () => {
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
  }

  #clearPendingPullIntos(): void {
    this.#invalidateByobRequest();
    if (this.#pending.length > 0) this.#pending = new Fifo();
  }

  #invalidateByobRequest(): void {
    const request = this.#byobRequest;
    if (request === null) return;
    request.controller = undefined;
    request.view = null;
    this.#byobRequest = null;
  }

  /** ReadableByteStreamControllerGetBYOBRequest */
  get byobRequest(): ByobRequest | null {
    if (this.#byobRequest === null && this.#pending.length > 0) {
      const first = this.#pending.peek();
      this.#byobRequest = new ByobRequest(this, new Uint8Array(first.buffer, first.byteOffset + first.bytesFilled, first.byteLength - first.bytesFilled));
    }
    return this.#byobRequest;
  }

  /** ReadableByteStreamControllerClose. Throws TypeError if a pull into a buffer has a part of an element. */
  close(): void {
    if (this.closeRequested || this.stream.state !== READABLE) return;
    if (this.#total > 0) {
      this.closeRequested = true;
      return;
    }
    if (this.#pending.length > 0) {
      const first = this.#pending.peek();
      if (first.bytesFilled % first.elementSize !== 0) {
        const e = new TypeError("The stream was closed in the middle of an element of the view to fill.");
        this.error(e);
        throw e;
      }
    }
    this.#clearAlgorithms();
    this.stream.close();
  }

  /** ReadableByteStreamControllerError */
  error(e: unknown): void {
    if (this.stream.state !== READABLE) return;
    this.#clearPendingPullIntos();
    this.#queue.clear();
    this.#total = 0;
    this.#clearAlgorithms();
    this.stream.fail(e);
  }

  /** ReadableByteStreamControllerEnqueue. The buffer of chunk is detached. */
  enqueue(chunk: ArrayBufferView): void {
    if (this.closeRequested || this.stream.state !== READABLE) return;
    const buffer = viewBuffer(chunk);
    const byteOffset = viewByteOffset(chunk);
    const byteLength = viewByteLength(chunk);
    if (ArrayBufferPrototypeGetDetached(buffer)) throw new TypeError("The buffer of the chunk is detached.");
    this.enqueueOwned(ArrayBufferPrototypeTransferToFixedLength(buffer), byteOffset, byteLength);
  }

  /** The same for bytes that nobody else holds: the buffer is taken as it is. */
  enqueueOwned(buffer: ArrayBuffer, byteOffset: number, byteLength: number): void {
    const stream = this.stream;
    if (this.closeRequested || stream.state !== READABLE) return;
    if (this.#pending.length > 0) {
      const first = this.#pending.peek();
      if (ArrayBufferPrototypeGetDetached(first.buffer)) throw new TypeError("The buffer of the BYOB request is detached.");
      this.#invalidateByobRequest();
      first.buffer = ArrayBufferPrototypeTransferToFixedLength(first.buffer);
      if (first.reader === FOR_NONE) this.#enqueueDetachedPullInto(first);
    }
    const reader = stream.reader;
    if (reader === undefined) this.#enqueueEntry(buffer, byteOffset, byteLength);
    else if (reader.isDefault) {
      const requests = (reader as DefaultReader).requests;
      // ProcessReadRequestsUsingQueue
      while (requests.length > 0 && this.#total > 0) this.#fillReadRequest(requests.shift());
      if (requests.length === 0) this.#enqueueEntry(buffer, byteOffset, byteLength);
      else {
        if (this.#pending.length > 0) this.#shiftPending();
        requests.shift().chunkSteps(new Uint8Array(buffer, byteOffset, byteLength));
      }
    } else {
      this.#enqueueEntry(buffer, byteOffset, byteLength);
      this.#commitAll(this.#fillPendingFromQueue());
    }
    this.callPullIfNeeded();
  }

  #enqueueEntry(buffer: ArrayBuffer, byteOffset: number, byteLength: number): void {
    this.#queue.push({ buffer, byteOffset, byteLength });
    this.#total += byteLength;
  }

  /** EnqueueClonedChunkToQueue. Throws if there is no memory for the copy. */
  #enqueueClone(buffer: ArrayBuffer, byteOffset: number, byteLength: number): void {
    let clone: ArrayBuffer;
    try {
      clone = copyBytes(buffer, byteOffset, byteLength);
    } catch (e) {
      this.error(e);
      throw e;
    }
    this.#enqueueEntry(clone, 0, byteLength);
  }

  /** EnqueueDetachedPullIntoToQueue: bytes for a reader that has been released belong to the next one. */
  #enqueueDetachedPullInto(first: PullInto): void {
    if (first.bytesFilled > 0) this.#enqueueClone(first.buffer, first.byteOffset, first.bytesFilled);
    this.#shiftPending();
  }

  #shiftPending(): PullInto {
    return this.#pending.shift();
  }

  /** HandleQueueDrain */
  #handleQueueDrain(): void {
    if (this.#total === 0 && this.closeRequested) {
      this.#clearAlgorithms();
      this.stream.close();
    } else this.callPullIfNeeded();
  }

  /** FillReadRequestFromQueue */
  #fillReadRequest(request: ReadRequest): void {
    const entry = this.#queue.shift();
    this.#total -= entry.byteLength;
    this.#handleQueueDrain();
    request.chunkSteps(new Uint8Array(entry.buffer, entry.byteOffset, entry.byteLength));
  }

  /** FillPullIntoDescriptorFromQueue: whether it has its minimum now. */
  #fillFromQueue(d: PullInto): boolean {
    const most = MathMin(this.#total, d.byteLength - d.bytesFilled);
    const filled = d.bytesFilled + most;
    const aligned = filled - (filled % d.elementSize);
    let remaining = most;
    let ready = false;
    if (aligned >= d.minimumFill) {
      remaining = aligned - d.bytesFilled;
      ready = true;
    }
    while (remaining > 0) {
      const head = this.#queue.peek();
      const n = MathMin(remaining, head.byteLength);
      TypedArrayPrototypeSet(new Uint8Array(d.buffer, d.byteOffset + d.bytesFilled, n), new Uint8Array(head.buffer, head.byteOffset, n));
      if (n === head.byteLength) this.#queue.shift();
      else {
        head.byteOffset += n;
        head.byteLength -= n;
      }
      this.#total -= n;
      d.bytesFilled += n;
      remaining -= n;
    }
    return ready;
  }

  /** ProcessPullIntoDescriptorsUsingQueue: those that are full, taken out. */
  #fillPendingFromQueue(): PullInto[] {
    const filled: PullInto[] = [];
    while (this.#pending.length > 0 && this.#total > 0) {
      const d = this.#pending.peek();
      if (this.#fillFromQueue(d)) append(filled, this.#shiftPending());
    }
    return filled;
  }

  #commitAll(filled: PullInto[]): void {
    for (let i = 0; i < filled.length; i++) this.#commit(filled[i]!);
  }

  /** CommitPullIntoDescriptor */
  #commit(d: PullInto): void {
    const stream = this.stream;
    const done = stream.state === CLOSED;
    const view = convert(d);
    if (d.reader === FOR_DEFAULT) {
      const request = (stream.reader as DefaultReader).requests.shift();
      if (done) request.closeSteps();
      else request.chunkSteps(view);
      return;
    }
    const request = (stream.reader as ByobReader).requests.shift();
    if (done) request.closeSteps(view);
    else request.chunkSteps(view);
  }

  /** ReadableByteStreamControllerPullInto */
  pullInto(view: ArrayBufferView, min: number, request: ReadIntoRequest): void {
    const stream = this.stream;
    const tag = TypedArrayPrototypeGetSymbolToStringTag(view);
    const typed = tag === undefined ? undefined : typedArrayConstructors[tag]!;
    const elementSize = typed === undefined ? 1 : typed.BYTES_PER_ELEMENT;
    const constructor: ViewConstructor = typed ?? DataView;
    const byteOffset = viewByteOffset(view);
    const byteLength = viewByteLength(view);
    const original = viewBuffer(view);
    const bufferByteLength = ArrayBufferPrototypeGetByteLength(original);
    let buffer: ArrayBuffer;
    try {
      buffer = ArrayBufferPrototypeTransferToFixedLength(original);
    } catch (e) {
      request.errorSteps(e);
      return;
    }
    const d: PullInto = { buffer, bufferByteLength, byteOffset, byteLength, bytesFilled: 0, minimumFill: min * elementSize, elementSize, view: constructor, reader: FOR_BYOB };
    const requests = (stream.reader as ByobReader).requests;
    if (this.#pending.length > 0) {
      this.#pending.push(d);
      requests.push(request);
      return;
    }
    if (stream.state === CLOSED) {
      request.closeSteps(new constructor(buffer, byteOffset, 0));
      return;
    }
    if (this.#total > 0) {
      if (this.#fillFromQueue(d)) {
        const filled = convert(d);
        this.#handleQueueDrain();
        request.chunkSteps(filled);
        return;
      }
      if (this.closeRequested) {
        if (request.takesRest === true && d.bytesFilled % elementSize === 0) {
          const rest = convert(d);
          this.#handleQueueDrain();
          request.chunkSteps(rest);
          return;
        }
        const e = new TypeError("The stream was closed in the middle of an element of the view to fill.");
        this.error(e);
        request.errorSteps(e);
        return;
      }
    }
    this.#pending.push(d);
    requests.push(request);
    this.callPullIfNeeded();
  }

  /** ReadableByteStreamControllerRespond. Only while a pull into a buffer waits. */
  respond(bytesWritten: number): void {
    const first = this.#pending.peek();
    if (this.stream.state === CLOSED) {
      if (bytesWritten !== 0) throw new TypeError("The stream is closed: nothing may be written.");
    } else {
      if (bytesWritten === 0) throw new TypeError("Nothing was written: close the stream first to answer with 0 bytes.");
      if (first.bytesFilled + bytesWritten > first.byteLength) throw new RangeError("More bytes were written than the view has room for.");
    }
    first.buffer = ArrayBufferPrototypeTransferToFixedLength(first.buffer);
    this.#respond(bytesWritten);
  }

  /** ReadableByteStreamControllerRespondWithNewView. Only while a pull into a buffer waits. */
  respondWithNewView(view: ArrayBufferView): void {
    const first = this.#pending.peek();
    const byteLength = viewByteLength(view);
    if (this.stream.state === CLOSED) {
      if (byteLength !== 0) throw new TypeError("The stream is closed: the view must be empty.");
    } else if (byteLength === 0) throw new TypeError("The view is empty: close the stream first to answer with 0 bytes.");
    if (first.byteOffset + first.bytesFilled !== viewByteOffset(view)) throw new RangeError("The view does not begin where the request's view does.");
    const buffer = viewBuffer(view);
    if (first.bufferByteLength !== ArrayBufferPrototypeGetByteLength(buffer)) throw new RangeError("The buffer of the view has another length than the request's.");
    if (first.bytesFilled + byteLength > first.byteLength) throw new RangeError("The view is larger than the request's view.");
    first.buffer = ArrayBufferPrototypeTransferToFixedLength(buffer);
    this.#respond(byteLength);
  }

  /** RespondInternal */
  #respond(bytesWritten: number): void {
    const first = this.#pending.peek();
    this.#invalidateByobRequest();
    if (this.stream.state === CLOSED) this.#respondClosed(first);
    else this.#respondReadable(bytesWritten, first);
    this.callPullIfNeeded();
  }

  #respondClosed(first: PullInto): void {
    if (first.reader === FOR_NONE) this.#shiftPending();
    const reader = this.stream.reader;
    if (reader === undefined || reader.isDefault) return;
    const filled: PullInto[] = [];
    while (filled.length < reader.waiting) append(filled, this.#shiftPending());
    this.#commitAll(filled);
  }

  #respondReadable(bytesWritten: number, d: PullInto): void {
    d.bytesFilled += bytesWritten;
    if (d.reader === FOR_NONE) {
      this.#enqueueDetachedPullInto(d);
      this.#commitAll(this.#fillPendingFromQueue());
      return;
    }
    if (d.bytesFilled < d.minimumFill) return;
    this.#shiftPending();
    const remainder = d.bytesFilled % d.elementSize;
    if (remainder > 0) {
      const end = d.byteOffset + d.bytesFilled;
      this.#enqueueClone(d.buffer, end - remainder, remainder);
    }
    d.bytesFilled -= remainder;
    const filled = this.#fillPendingFromQueue();
    this.#commit(d);
    this.#commitAll(filled);
  }

  cancelSteps(reason: unknown): Promise<undefined> {
    this.#clearPendingPullIntos();
    this.#queue.clear();
    this.#total = 0;
    const cancel = this.#cancel;
    this.#clearAlgorithms();
    if (cancel === undefined) return promiseResolvedWith(undefined) as Promise<undefined>;
    return PromisePrototypeThen(
      promiseCall(() => cancel(reason)),
      returnUndefined,
    );
  }

  pullSteps(request: ReadRequest): void {
    if (this.#total > 0) {
      this.#fillReadRequest(request);
      return;
    }
    const size = this.#autoAllocateChunkSize;
    if (size !== undefined) {
      let buffer: ArrayBuffer;
      try {
        buffer = new ArrayBuffer(size);
      } catch (e) {
        request.errorSteps(e);
        return;
      }
      this.#pending.push({ buffer, bufferByteLength: size, byteOffset: 0, byteLength: size, bytesFilled: 0, minimumFill: 1, elementSize: 1, view: Uint8Array, reader: FOR_DEFAULT });
    }
    (this.stream.reader as DefaultReader).requests.push(request);
    this.callPullIfNeeded();
  }

  releaseSteps(): void {
    if (this.#pending.length === 0) return;
    const first = this.#pending.peek();
    first.reader = FOR_NONE;
    this.#pending = new Fifo();
    this.#pending.push(first);
  }
}

/** ConvertPullIntoDescriptor */
function convert(d: PullInto): ArrayBufferView {
  return new d.view(ArrayBufferPrototypeTransferToFixedLength(d.buffer), d.byteOffset, d.bytesFilled / d.elementSize);
}

/** CloneArrayBuffer. Throws if there is no memory for it. Not by slice(), which a worker can make call its code. */
export function copyBytes(buffer: ArrayBuffer, byteOffset: number, byteLength: number): ArrayBuffer {
  const copy = new ArrayBuffer(byteLength);
  TypedArrayPrototypeSet(new Uint8Array(copy), new Uint8Array(buffer, byteOffset, byteLength));
  return copy;
}

/** CloneAsUint8Array. Throws if there is no memory for it. */
export function cloneAsUint8Array(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(copyBytes(viewBuffer(view), viewByteOffset(view), viewByteLength(view)));
}
