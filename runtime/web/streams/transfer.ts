// How streams are transferred (https://streams.spec.whatwg.org/#rs-transfer, #ws-transfer, #ts-transfer). There is no other
// realm here: the stream that is received gets copies of the chunks through a transform stream, and the one that was sent
// stays locked. Deviation: reasons of errors are passed as they are.

import type { Transfer } from "../../bootstrap/interfaces.ts";
import { native } from "../../bootstrap/native.ts";
import { WeakSetConstructor, WeakSetPrototypeAdd, WeakSetPrototypeHas } from "../../bootstrap/primordials.ts";
import { structuredCloneValue } from "../structured-clone.ts";
import { createTransformStream, isReadableStream, isReadableStreamLocked, isWritableStream, isWritableStreamLocked, readableStreamPipeTo } from "./internal.ts";
import type { ReadableStream } from "./readable.ts";
import { fromPair, isTransformStream, sidesOf, TransformStream } from "./transform.ts";
import type { WritableStream } from "./writable.ts";

/** Streams that were sent: "detached", also when all of their chunks have been passed on and the lock is gone. */
const sent = new WeakSetConstructor();

const copies = (): ReturnType<typeof createTransformStream> => createTransformStream({ transform: (chunk, t) => t.enqueue(structuredCloneValue(chunk)), flush: undefined, cancel: undefined });

function moveReadable(stream: ReadableStream): ReadableStream {
  WeakSetPrototypeAdd(sent, stream);
  const { readable, writable } = copies();
  native.markHandled(readableStreamPipeTo(stream, writable));
  return readable;
}

function moveWritable(stream: WritableStream): WritableStream {
  WeakSetPrototypeAdd(sent, stream);
  const { readable, writable } = copies();
  native.markHandled(readableStreamPipeTo(readable, stream));
  return writable;
}

const readables: Transfer = {
  detached: (o) => isReadableStreamLocked(o as ReadableStream) || WeakSetPrototypeHas(sent, o),
  transfer: (o) => moveReadable(o as ReadableStream),
};
const writables: Transfer = {
  detached: (o) => isWritableStreamLocked(o as WritableStream) || WeakSetPrototypeHas(sent, o),
  transfer: (o) => moveWritable(o as WritableStream),
};
const transforms: Transfer = {
  detached: (o) => {
    const { readable, writable } = sidesOf(o as TransformStream);
    return readables.detached(readable) || writables.detached(writable);
  },
  transfer: (o) => {
    const { readable, writable } = sidesOf(o as TransformStream);
    return new TransformStream(fromPair, { readable: moveReadable(readable), writable: moveWritable(writable) });
  },
};

/** The transfer steps of a stream, for which a lock counts like [[Detached]]; undefined for anything else. */
export function streamTransfer(value: object): Transfer | undefined {
  return isReadableStream(value) ? readables : isWritableStream(value) ? writables : isTransformStream(value) ? transforms : undefined;
}
