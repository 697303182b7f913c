// IdentityTransformStream and FixedLengthStream, which Workers have
// (https://developers.cloudflare.com/workers/runtime-apis/streams/transformstream/): bytes in, the same bytes out of a
// byte stream that BYOB readers can read. Nothing is buffered: a write is over when its bytes have been read.

import {
  ArrayBufferIsView,
  ArrayBufferPrototypeGetByteLength,
  type Deferred,
  newDeferredFast,
  NumberIsSafeInteger,
  RangeError,
  TypeError,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from "../../bootstrap/primordials.ts";
import { defineInterface, isBufferSource, requireArguments, toUnsignedLongLong } from "../../bootstrap/webidl.ts";
import { ByteController, copyBytes } from "./byte-core.ts";
import { READABLE, Readable } from "./readable-core.ts";
import { wrapReadable } from "./readable.ts";
import { extractHighWaterMark, toStrategy } from "./strategies.ts";
import { fromPair, type StreamPair, TransformStream } from "./transform.ts";
import { createWritable } from "./writable-core.ts";
import { wrapWritable } from "./writable.ts";

const byteLength = (chunk: unknown): number => {
  if (ArrayBufferIsView(chunk)) return viewByteLength(chunk);
  return isBufferSource(chunk) ? ArrayBufferPrototypeGetByteLength(chunk as ArrayBuffer) : 0;
};

/** expected: the bytes that must come, or undefined for any number. */
function makePair(expected: number | undefined, strategy: unknown, context: string): StreamPair {
  const highWaterMark = toStrategy(strategy, context).highWaterMark;
  const size = highWaterMark === undefined ? undefined : byteLength;
  const limit = extractHighWaterMark({ highWaterMark, size: undefined }, 1);

  let seen = 0;
  /** The write whose bytes are in the queue of the readable side. */
  let unread: Deferred<undefined> | undefined;
  const readAll = (): void => {
    if (unread === undefined || controller.queued > 0) return;
    unread.resolve(undefined);
    unread = undefined;
  };

  const fail = (e: unknown): never => {
    controller.error(e);
    throw e;
  };

  const write = (chunk: unknown): unknown => {
    if (typeof chunk === "string") fail(new TypeError(`${context}: A string was written. Encode it with TextEncoder first: only bytes can pass.`));
    if (!isBufferSource(chunk)) fail(new TypeError(`${context}: What was written is not an ArrayBuffer or ArrayBufferView: only bytes can pass.`));
    const length = byteLength(chunk);
    if (expected !== undefined && seen + length > expected) fail(new TypeError(`${context}: More than the expected ${expected} bytes were written.`));
    seen += length;
    if (length === 0 || readable.state !== READABLE) return undefined;
    // The writer may change its bytes once the write is over, and BYOB readers take buffers away: pass a copy on.
    const copy = ArrayBufferIsView(chunk) ? copyBytes(viewBuffer(chunk), viewByteOffset(chunk), length) : copyBytes(chunk as ArrayBuffer, 0, length);
    controller.enqueueOwned(copy, 0, length);
    if (controller.queued === 0) return undefined;
    unread = newDeferredFast<undefined>();
    return unread.promise;
  };

  const close = (): void => {
    if (expected !== undefined && seen !== expected) fail(new TypeError(`${context}: Only ${seen} of the expected ${expected} bytes were written before close().`));
    controller.close();
    if (controller.pendingPullIntos > 0) controller.respond(0);
  };

  const writable = createWritable(write, close, undefined, limit, size);
  // At once: an abort would otherwise wait for the reader to finish the write that is under way.
  writable.controller.onAbort = (reason) => {
    controller.error(reason);
    unread?.reject(reason);
    unread = undefined;
  };
  const readable = new Readable();
  readable.expectedLength = expected;
  const cancel = (reason: unknown): void => {
    writable.controller.errorIfNeeded(reason);
    unread?.reject(reason);
    unread = undefined;
  };
  // A high water mark of one byte: pull is called whenever the queue has run empty.
  const controller = new ByteController(readable, readAll, cancel, 1, undefined, true);
  controller.started = true;
  return { readable: wrapReadable(readable), writable: wrapWritable(writable) };
}

export class IdentityTransformStream extends TransformStream {
  constructor(queuingStrategy: unknown = undefined, pair: unknown = undefined) {
    super(fromPair, queuingStrategy === fromPair ? pair : makePair(undefined, queuingStrategy, "IdentityTransformStream"));
  }
}
defineInterface(IdentityTransformStream);

export class FixedLengthStream extends IdentityTransformStream {
  constructor(expectedLength: unknown, queuingStrategy: unknown = undefined) {
    const context = "FixedLengthStream";
    requireArguments(arguments.length, 1, context);
    const length = typeof expectedLength === "bigint" ? Number(expectedLength) : toUnsignedLongLong(expectedLength, context, { enforceRange: true });
    if (!NumberIsSafeInteger(length) || length < 0) throw new RangeError(`${context}: expectedLength is out of range.`);
    super(fromPair, makePair(length, queuingStrategy, context));
  }
}
defineInterface(FixedLengthStream);
