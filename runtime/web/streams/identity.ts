// IdentityTransformStream and FixedLengthStream, which Workers have
// (https://developers.cloudflare.com/workers/runtime-apis/streams/transformstream/): bytes in, the same bytes out of a
// byte stream that BYOB readers can read. Nothing is buffered: a write is over when its bytes have been read. A string that is
// written goes on as UTF-8. Error texts are that platform's; but where it only errors the readable side, the write or close
// that is to blame is rejected as well.

import { native } from "../../bootstrap/native.ts";
import {
  ArrayBufferIsView,
  ArrayBufferPrototypeGetByteLength,
  BigIntPrototypeToString,
  type Deferred,
  MathTrunc,
  newDeferredFast,
  NumberIsFinite,
  NumberIsSafeInteger,
  NumberParseFloat,
  TypeError,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from "../../bootstrap/primordials.ts";
import { defineInterface, isBufferSource, isObject, requireArguments, toUnrestrictedDouble } from "../../bootstrap/webidl.ts";
import { ByteController, copyBytes } from "./byte-core.ts";
import { READABLE, Readable } from "./readable-core.ts";
import { wrapReadable } from "./readable.ts";
import { fromPair, type StreamPair, TransformStream } from "./transform.ts";
import { createWritable } from "./writable-core.ts";
import { wrapWritable } from "./writable.ts";

const byteLength = (chunk: unknown): number => {
  if (typeof chunk === "string") return native.utf8Length(chunk);
  if (ArrayBufferIsView(chunk)) return viewByteLength(chunk);
  return isBufferSource(chunk) ? ArrayBufferPrototypeGetByteLength(chunk as ArrayBuffer) : 0;
};

/** An integer that may be a bigint, as the platform takes lengths. Throws TypeError for what is none that is positive or 0. */
function toLength(v: unknown): number {
  const n = typeof v === "bigint" ? NumberParseFloat(BigIntPrototypeToString(v)) : MathTrunc(toUnrestrictedDouble(v));
  if (!NumberIsFinite(n)) throw new TypeError("The value cannot be converted because it is not an integer.");
  if (n < 0) throw new TypeError("The value cannot be converted because it is negative and this API expects a positive bigint.");
  return n;
}

/** The high water mark of the writable side, in bytes. */
function toHighWaterMark(strategy: unknown, context: string): number | undefined {
  if (strategy === undefined || strategy === null) return undefined;
  if (!isObject(strategy)) throw new TypeError(`Failed to construct '${context}': constructor parameter ${context === "FixedLengthStream" ? 2 : 1} is not of type 'QueuingStrategy'.`);
  const { highWaterMark } = strategy as { highWaterMark?: unknown };
  return highWaterMark === undefined ? undefined : toLength(highWaterMark);
}

/** expected: the bytes that must come, or undefined for any number. */
function makePair(expected: number | undefined, highWaterMark: number | undefined): StreamPair {
  const size = highWaterMark === undefined ? undefined : byteLength;
  const limit = highWaterMark ?? 1;

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

  const write = (given: unknown): unknown => {
    if (typeof given !== "string" && !isBufferSource(given)) {
      fail(new TypeError("This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side."));
    }
    const chunk = typeof given === "string" ? native.utf8Encode(given) : given;
    const length = byteLength(chunk);
    if (expected !== undefined && seen + length > expected) fail(new TypeError("Attempt to write too many bytes through a FixedLengthStream."));
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
    if (expected !== undefined && seen !== expected) fail(new TypeError("FixedLengthStream did not see all expected bytes before close()."));
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
    super(fromPair, queuingStrategy === fromPair ? pair : makePair(undefined, toHighWaterMark(queuingStrategy, "IdentityTransformStream")));
  }
}
defineInterface(IdentityTransformStream);

export class FixedLengthStream extends IdentityTransformStream {
  constructor(expectedLength: unknown, queuingStrategy: unknown = undefined) {
    requireArguments(arguments.length, 1, "FixedLengthStream");
    const length = toLength(expectedLength);
    if (!NumberIsSafeInteger(length)) throw new TypeError("FixedLengthStream requires an integer expected length less than 2^53.");
    super(fromPair, makePair(length, toHighWaterMark(queuingStrategy, "FixedLengthStream")));
  }
}
defineInterface(FixedLengthStream);
