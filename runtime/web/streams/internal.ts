// The streams as the rest of the runtime uses them: the abstract operations of the standard, under its names, on the
// objects that workers hold (https://streams.spec.whatwg.org/#other-specs). Nothing here can be changed by a worker.
//
// Algorithms given to the create… functions may work synchronously: one that returns undefined is over when it returns,
// where a worker's would take a microtask. They get the controller itself, not the object of that name that workers see.

import { type Deferred, newDeferredFast, viewBuffer, viewByteLength, viewByteOffset } from "../../bootstrap/primordials.ts";
import type { AbortSignal } from "../abort.ts";
import { ByteController, ByobReader, type ReadIntoRequest } from "./byte-core.ts";
import { pipeTo } from "./pipe.ts";
import { CLOSED, type Controller, DefaultController, DefaultReader, READABLE, Readable, type ReadRequest } from "./readable-core.ts";
import { type ReadableStream, readableOf, wrapReadable } from "./readable.ts";
import type { SizeAlgorithm } from "./strategies.ts";
import { tee } from "./tee.ts";
import { Transform } from "./transform-core.ts";
import { stateName, type WritableStream, writableOf, wrapWritable } from "./writable.ts";
import { createWritable, type Writable, type WritableController, Writer } from "./writable-core.ts";

export type { ByobReader, ByteController, Controller, DefaultController, DefaultReader, ReadIntoRequest, ReadRequest, SizeAlgorithm, Transform, WritableController, Writer };
export { isTransformStream } from "./transform.ts";

const stateOf = (stream: ReadableStream): Readable => readableOf(stream)!;
const writableStateOf = (stream: WritableStream): Writable => writableOf(stream)!;

// ---- readable streams: making them

/**
 * A ReadableStream with algorithms of ours. start runs before this returns; what it throws is thrown. pull and cancel
 * may return promises. highWaterMark counts chunks, or what size says.
 */
export function createReadableStream(
  start: ((controller: DefaultController) => unknown) | undefined,
  pull: ((controller: DefaultController) => unknown) | undefined,
  cancel: ((reason: unknown) => unknown) | undefined,
  highWaterMark = 1,
  size: SizeAlgorithm = undefined,
): ReadableStream {
  const state = new Readable();
  const controller = new DefaultController(state, pull === undefined ? undefined : () => pull(controller), cancel, highWaterMark, size, true);
  begin(controller, start?.(controller), highWaterMark);
  return wrapReadable(state);
}

/** The same for a byte stream: highWaterMark counts bytes, and 0 means that pull waits for a reader. */
export function createReadableByteStream(
  start: ((controller: ByteController) => unknown) | undefined,
  pull: ((controller: ByteController) => unknown) | undefined,
  cancel: ((reason: unknown) => unknown) | undefined,
  highWaterMark = 0,
): ReadableStream {
  const state = new Readable();
  const controller = new ByteController(state, pull === undefined ? undefined : () => pull(controller), cancel, highWaterMark, undefined, true);
  begin(controller, start?.(controller), highWaterMark);
  return wrapReadable(state);
}

function begin(controller: DefaultController | ByteController, startResult: unknown, highWaterMark: number): void {
  if (startResult === undefined && highWaterMark === 0) controller.started = true;
  else controller.begin(startResult);
}

// ---- readable streams: looking at them

export const isReadableStream = (v: unknown): v is ReadableStream => readableOf(v) !== undefined;
export const isReadableStreamLocked = (stream: ReadableStream): boolean => stateOf(stream).locked;
/** Whether anything was ever read from it or cancelled. */
export const isReadableStreamDisturbed = (stream: ReadableStream): boolean => stateOf(stream).disturbed;
export function readableStreamState(stream: ReadableStream): "readable" | "closed" | "errored" {
  const { state } = stateOf(stream);
  return state === READABLE ? "readable" : state === CLOSED ? "closed" : "errored";
}
export const readableStreamStoredError = (stream: ReadableStream): unknown => stateOf(stream).storedError;
export const isReadableByteStream = (stream: ReadableStream): boolean => stateOf(stream).controller.isByte;
/** Bytes that a FixedLengthStream promised, or that were set with setStreamExpectedLength; undefined if unknown. */
export const streamExpectedLength = (stream: ReadableStream): number | undefined => stateOf(stream).expectedLength;
export function setStreamExpectedLength(stream: ReadableStream, bytes: number | undefined): void {
  stateOf(stream).expectedLength = bytes;
}

/** Keeps what the stream really is, such as an inbound network stream, for its maker. It changes nothing here. */
export function setStreamSource(stream: ReadableStream, source: object | undefined): void {
  stateOf(stream).source = source;
}
export const getStreamSource = (stream: ReadableStream): object | undefined => stateOf(stream).source;
/** For a stream whose bytes were taken in another way than by reading it. */
export function markStreamDisturbed(stream: ReadableStream): void {
  stateOf(stream).disturbed = true;
}

// ---- readable streams: using them

/** Locks the stream. Throws TypeError if it is locked already. */
export const acquireReadableStreamDefaultReader = (stream: ReadableStream): DefaultReader => new DefaultReader(stateOf(stream));
/** Exactly one of the request's steps runs, once, perhaps before this returns. They must not throw. */
export function readableStreamDefaultReaderRead(reader: DefaultReader, request: ReadRequest): void {
  reader.read(request);
}
/** Unlocks the stream. Requests that are waiting get errorSteps. */
export function readableStreamDefaultReaderRelease(reader: DefaultReader): void {
  if (reader.stream !== undefined) reader.release();
}
/** Fulfilled when the reader's stream closes, rejected when it errors or is released. Never counts as unhandled. */
export const readableStreamReaderClosed = (reader: DefaultReader | ByobReader): Promise<undefined> => reader.closed.promise;
/** Cancels the stream that a reader has locked. */
export const readableStreamReaderCancel = (reader: DefaultReader | ByobReader, reason: unknown): Promise<undefined> => reader.stream!.cancel(reason);

/** Throws TypeError if the stream is locked or is not a byte stream. */
export const acquireReadableStreamByobReader = (stream: ReadableStream): ByobReader => new ByobReader(stateOf(stream));
/** Takes the buffer of view away; the request gets a view of a new one. min counts elements, at least 1. */
export function readableStreamByobReaderRead(reader: ByobReader, view: ArrayBufferView, min: number, request: ReadIntoRequest): void {
  reader.read(view, min, request);
}

/** Cancels whether or not the stream is locked. */
export const readableStreamCancel = (stream: ReadableStream, reason: unknown): Promise<undefined> => stateOf(stream).cancel(reason);

/** Throws TypeError if the stream is locked. cloneForBranch2: the second branch gets copies of the chunks; bytes are always copied. */
export function readableStreamTee(stream: ReadableStream, cloneForBranch2: boolean): [ReadableStream, ReadableStream] {
  const branches = tee(stateOf(stream), cloneForBranch2);
  return [wrapReadable(branches[0]), wrapReadable(branches[1])];
}

/** Throws TypeError if either is locked. */
export function readableStreamPipeTo(source: ReadableStream, dest: WritableStream, preventClose = false, preventAbort = false, preventCancel = false, signal: AbortSignal | undefined = undefined): Promise<undefined> {
  return pipeTo(stateOf(source), writableStateOf(dest), { preventAbort, preventCancel, preventClose, signal });
}

// ---- readable streams: feeding them

/** The controller of a stream that a create… function made. */
export const readableStreamController = (stream: ReadableStream): DefaultController | ByteController => stateOf(stream).controller as DefaultController | ByteController;

/** "Close" a stream of ours (§9.1.1): chunks that are queued are still read. Nothing if it is over. */
export function readableStreamClose(stream: ReadableStream): void {
  const { controller } = stateOf(stream);
  if (controller.isByte) readableByteStreamControllerClose(controller as ByteController);
  else (controller as DefaultController).close();
}
/** "Error" a stream of ours. Queued chunks are dropped. Nothing if it is over. */
export function readableStreamError(stream: ReadableStream, e: unknown): void {
  stateOf(stream).controller.error(e);
}

/** Nothing if the stream is closing or over. */
export function readableStreamDefaultControllerEnqueue(controller: DefaultController, chunk: unknown): void {
  controller.enqueue(chunk);
}
export function readableStreamDefaultControllerClose(controller: DefaultController): void {
  controller.close();
}
export function readableStreamDefaultControllerError(controller: DefaultController, e: unknown): void {
  controller.error(e);
}
export const readableStreamDefaultControllerGetDesiredSize = (controller: DefaultController): number | null => controller.desiredSize;
export const readableStreamDefaultControllerCanCloseOrEnqueue = (controller: DefaultController): boolean => controller.canCloseOrEnqueue;

/** Detaches the buffer of chunk, which must not be empty. Nothing if the stream is closing or over. */
export function readableByteStreamControllerEnqueue(controller: ByteController, chunk: ArrayBufferView): void {
  controller.enqueue(chunk);
}
/** The same for a Uint8Array whose buffer nobody else holds: it is passed on without being detached. */
export function readableByteStreamControllerEnqueueOwned(controller: ByteController, chunk: Uint8Array): void {
  controller.enqueueOwned(viewBuffer(chunk), viewByteOffset(chunk), viewByteLength(chunk));
}
/** Also answers a BYOB read that waits. */
export function readableByteStreamControllerClose(controller: ByteController): void {
  controller.close();
  if (controller.pendingPullIntos > 0 && !controller.closeRequested) controller.respond(0);
}
export function readableByteStreamControllerError(controller: ByteController, e: unknown): void {
  controller.error(e);
}
export const readableByteStreamControllerGetDesiredSize = (controller: ByteController): number | null => controller.desiredSize;

// ---- writable streams

/**
 * A WritableStream with algorithms of ours; each may return a promise. abort is not called after close. highWaterMark
 * counts chunks, or what size says.
 */
export function createWritableStream(
  write: ((chunk: unknown) => unknown) | undefined,
  close: (() => unknown) | undefined,
  abort: ((reason: unknown) => unknown) | undefined,
  highWaterMark = 1,
  size: SizeAlgorithm = undefined,
): WritableStream {
  return wrapWritable(createWritable(write, close, abort, highWaterMark, size));
}

// While nothing of writable streams is there, writableOf gives false (runtime/bundle/groups.go).
export const isWritableStream = (v: unknown): v is WritableStream => !!writableOf(v);
export const isWritableStreamLocked = (stream: WritableStream): boolean => writableStateOf(stream).locked;
export const writableStreamState = (stream: WritableStream): string => stateName(writableStateOf(stream));
export const writableStreamStoredError = (stream: WritableStream): unknown => writableStateOf(stream).storedError;
export const isWritableStreamClosing = (stream: WritableStream): boolean => writableStateOf(stream).closing;
export function setWritableSource(stream: WritableStream, source: object | undefined): void {
  writableStateOf(stream).source = source;
}
export const getWritableSource = (stream: WritableStream): object | undefined => writableStateOf(stream).source;
export const writableStreamAbort = (stream: WritableStream, reason: unknown): Promise<undefined> => writableStateOf(stream).abort(reason);
/** Only while the stream is neither closing nor over. */
export const writableStreamClose = (stream: WritableStream): Promise<undefined> => writableStateOf(stream).close();
/** WritableStreamDefaultControllerErrorIfNeeded */
export function writableStreamError(stream: WritableStream, e: unknown): void {
  writableStateOf(stream).controller.errorIfNeeded(e);
}

/** Locks the stream. Throws TypeError if it is locked already. */
export const acquireWritableStreamDefaultWriter = (stream: WritableStream): Writer => new Writer(writableStateOf(stream));
export function writableStreamDefaultWriterWrite(writer: Writer, chunk: unknown): Promise<undefined> {
  const deferred: Deferred<undefined> = newDeferredFast<undefined>();
  writer.write(chunk, deferred as { resolve: (v: undefined) => void; reject: (e: unknown) => void });
  return deferred.promise;
}
export const writableStreamDefaultWriterCloseWithErrorPropagation = (writer: Writer): Promise<undefined> => writer.closeWithErrorPropagation();
export const writableStreamDefaultWriterReady = (writer: Writer): Promise<undefined> => writer.ready.promise;
export function writableStreamDefaultWriterRelease(writer: Writer): void {
  if (writer.stream !== undefined) writer.release();
}

// ---- transform streams

export interface TransformAlgorithms {
  /** May call enqueue, error and terminate of the transform, and may return a promise. */
  transform: (chunk: unknown, transform: Transform) => unknown;
  flush: ((transform: Transform) => unknown) | undefined;
  /** The readable side was cancelled or the writable side aborted. */
  cancel: ((reason: unknown) => unknown) | undefined;
}

/** "Set up" a transform (§9.3): the two sides for a GenericTransformStream such as CompressionStream. */
export function createTransformStream(
  algorithms: TransformAlgorithms,
  writableHighWaterMark = 1,
  writableSize: SizeAlgorithm = undefined,
  readableHighWaterMark = 0,
  readableSize: SizeAlgorithm = undefined,
): { readable: ReadableStream; writable: WritableStream; transform: Transform } {
  const { cancel, flush, transform } = algorithms;
  const state = new Transform(writableHighWaterMark, writableSize, readableHighWaterMark, readableSize, true);
  state.setAlgorithms((chunk) => transform(chunk, state), flush === undefined ? undefined : () => flush(state), cancel);
  state.started();
  return { readable: wrapReadable(state.readable), writable: wrapWritable(state.writable), transform: state };
}
