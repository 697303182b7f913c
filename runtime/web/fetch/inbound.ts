// Bodies that the supervisor sends: of requests and of fetch responses. Until somebody reads, the bytes stay in the
// supervisor; the id alone is enough to pass the body on.

import { type AsyncFrame, currentFrame, type EventState, runInFrame } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import { Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet, TypedArrayPrototypeGetByteLength, TypeError } from "../../bootstrap/primordials.ts";
import { createReadableByteStream, readableByteStreamControllerEnqueueOwned, readableStreamClose, readableStreamController, readableStreamError, type ByteController, setStreamExpectedLength, setStreamSource } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { StreamOrigin } from "./origin.ts";
import { addResource, removeResource, type Resource } from "./resources.ts";

/** Credit that a stream which is being read is kept at, in bytes: the most that can wait in its queue. */
export const inboundWindow = 262_144;

const UNTOUCHED = 0;
const COLLECTING = 1;
const STREAMING = 2;
/** Handed on as a whole: the host does not speak to us about it any more. */
const SPLICED = 3;
const DONE = 4;
const FAILED = 5;

/** Who waits for a whole body: its bytes or its text. One of the two is called, once. */
export interface BodySink {
  deliver(value: string | ArrayBuffer): void;
  fail(error: unknown): void;
}

const inbounds = new Map<number, Inbound>();

const lostEvent = (): TypeError =>
  new TypeError("Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler.");

export let isInbound: (v: unknown) => v is Inbound;

export class Inbound implements Resource {
  readonly id: number;
  readonly event: EventState;
  /** Bytes, -1 if unknown. */
  readonly length: number;
  /** Runs when the last byte has come, or none will. */
  onDone: (() => void) | undefined;
  #state = UNTOUCHED;
  #error: unknown;
  #stream: ReadableStream | undefined;
  #origin: StreamOrigin | undefined;
  #sink: BodySink | undefined;
  #credit = 0;
  #frame: AsyncFrame | undefined;

  constructor(id: number, length: number, event: EventState) {
    this.id = id;
    this.length = length;
    this.event = event;
    MapPrototypeSet(inbounds, id, this);
    addResource(event, this);
  }

  static {
    isInbound = (v): v is Inbound => typeof v === "object" && v !== null && #state in v;
  }

  /** Whether all of it can still be had from the supervisor in one piece. */
  get untouched(): boolean {
    return this.#state === UNTOUCHED;
  }
  get finished(): boolean {
    return this.#state === DONE;
  }
  /** It ended with an error, which is error. */
  get broken(): boolean {
    return this.#state === FAILED;
  }
  get error(): unknown {
    return this.#error;
  }

  /** Gathers the whole body. Only while nothing has been read. */
  collect(text: boolean, sink: BodySink): void {
    if (this.#state === DONE) sink.deliver("");
    else if (this.#state === FAILED) sink.fail(this.#error);
    else if (this.#state !== UNTOUCHED) sink.fail(new TypeError("The body is being read already."));
    else {
      this.#state = COLLECTING;
      this.#sink = sink;
      native.streamCollect(this.id, text);
    }
  }

  /** Makes the stream; once. */
  makeStream(): ReadableStream {
    const origin = new StreamOrigin(this);
    const stream = createReadableByteStream(
      undefined,
      () => this.#pull(),
      (reason) => this.#cancel(reason),
    );
    setStreamSource(stream, origin);
    if (this.length >= 0) setStreamExpectedLength(stream, this.length);
    this.#origin = origin;
    this.#stream = stream;
    if (this.#state === DONE) readableStreamClose(stream);
    else if (this.#state === FAILED) readableStreamError(stream, this.#error);
    return stream;
  }

  /** The id for the host, which from now on owns the body. Only while untouched. */
  splice(): number {
    this.#state = SPLICED;
    this.#forget();
    return this.id;
  }

  /** Reads nothing more; whoever waits gets reason. Nothing happens to a body that is complete or was handed on. */
  abort(reason: unknown): void {
    if (this.#state !== UNTOUCHED && this.#state !== COLLECTING && this.#state !== STREAMING) return;
    native.streamCancel(this.id, "aborted");
    this.#fail(reason);
  }

  /** The platform does not want the body. */
  discard(): void {
    if (this.#state !== UNTOUCHED) return;
    native.streamCancel(this.id, "not wanted");
    this.#finish(DONE);
  }

  eventEnded(): void {
    if (this.#state === DONE || this.#state === FAILED) return;
    this.#error = lostEvent();
    this.#state = FAILED;
    MapPrototypeDelete(inbounds, this.id);
    this.#sink = undefined;
    this.onDone = undefined;
  }

  #pull(): void {
    if (this.#origin!.taken) return;
    if (this.#state === FAILED) {
      // The event is over: the error of a failure while it ran has reached the stream already.
      readableStreamError(this.#stream!, this.#error);
      return;
    }
    if (this.#state !== UNTOUCHED && this.#state !== STREAMING) return;
    this.#state = STREAMING;
    this.#frame = currentFrame();
    if (this.#credit > inboundWindow / 2) return;
    const grant = inboundWindow - this.#credit;
    this.#credit = inboundWindow;
    native.streamPull(this.id, grant);
  }

  #cancel(reason: unknown): void {
    if (this.#origin!.taken || (this.#state !== UNTOUCHED && this.#state !== STREAMING)) return;
    native.streamCancel(this.id, typeof reason === "string" ? reason : "cancelled");
    this.#finish(DONE);
  }

  data(bytes: Uint8Array): void {
    if (this.#state !== STREAMING) return;
    const length = TypedArrayPrototypeGetByteLength(bytes);
    this.#credit -= length;
    if (length > 0) runInFrame(this.#frame, enqueue, undefined, [this.#stream, bytes]);
  }

  end(): void {
    const frame = this.#frame;
    this.#finish(DONE);
    if (this.#stream !== undefined && !this.#origin!.taken) runInFrame(frame, close, undefined, [this.#stream]);
  }

  collected(value: string | ArrayBuffer): void {
    const sink = this.#sink;
    this.#finish(DONE);
    sink?.deliver(value);
  }

  failed(message: string): void {
    this.#fail(new TypeError(message === "" ? "Network connection lost." : `Network connection lost: ${message}`));
  }

  #fail(error: unknown): void {
    const frame = this.#frame;
    const sink = this.#sink;
    this.#error = error;
    this.#finish(FAILED);
    sink?.fail(error);
    if (this.#stream !== undefined && !this.#origin!.taken) runInFrame(frame, readableStreamError, undefined, [this.#stream, error]);
  }

  #finish(state: number): void {
    this.#state = state;
    this.#sink = undefined;
    this.#frame = undefined;
    this.#forget();
  }

  #forget(): void {
    MapPrototypeDelete(inbounds, this.id);
    removeResource(this.event, this);
    const done = this.onDone;
    this.onDone = undefined;
    if (done !== undefined) done();
  }
}

function enqueue(stream: ReadableStream, bytes: Uint8Array): void {
  readableByteStreamControllerEnqueueOwned(readableStreamController(stream) as ByteController, bytes);
}

function close(stream: ReadableStream): void {
  try {
    readableStreamClose(stream);
  } catch {
    // The body ended in the middle of an element of a reader's view: the reader has been told.
  }
}

// ---- handlers

export function onStreamData(stream: number, bytes: Uint8Array): void {
  MapPrototypeGet(inbounds, stream)?.data(bytes);
}

export function onStreamEnd(stream: number): void {
  MapPrototypeGet(inbounds, stream)?.end();
}

export function onStreamError(stream: number, _code: number, message: string): void {
  MapPrototypeGet(inbounds, stream)?.failed(message);
}

export function onStreamCollected(stream: number, value: ArrayBuffer | string): void {
  MapPrototypeGet(inbounds, stream)?.collected(value);
}
