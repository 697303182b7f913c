// The streams of bodies: the `body` attribute, and what is done to a body without reading it to its end.

import { native } from "../../bootstrap/native.ts";
import { newDeferred } from "../../bootstrap/primordials.ts";
import { blobParts, isBlob } from "../blob.ts";
import {
  acquireReadableStreamDefaultReader,
  createReadableStream,
  markStreamDisturbed,
  readableStreamCancel,
  readableStreamDefaultControllerClose,
  readableStreamDefaultControllerEnqueue,
  readableStreamDefaultControllerError,
  readableStreamDefaultReaderRead,
  readableStreamTee,
  setStreamExpectedLength,
  streamExpectedLength,
} from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { Body, bodyUnusable, takeSource } from "./body.ts";
import { isInbound } from "./inbound.ts";
import { StreamOrigin } from "./origin.ts";
import { partsStream } from "./parts-stream.ts";
import { seemRead } from "./stream-source.ts";

/** The `body` attribute: makes the stream if there is none yet. */
export function bodyStream(body: Body): ReadableStream {
  let stream = body.stream;
  if (stream === undefined) {
    const source = body.source!;
    if (body.used) {
      // What was read without a stream: one that looks as if it had been read.
      stream = partsStream([], undefined);
      seemRead(stream);
    } else if (isInbound(source)) stream = source.makeStream();
    else stream = partsStream(typeof source === "string" ? source : isBlob(source) ? blobParts(source) : [source], new StreamOrigin(source));
    body.stream = stream;
  }
  return stream;
}

/** The rest of "create a proxy": a body with all that this usable one had, which is used up by that. */
export function transferBody(body: Body): Body {
  const source = takeSource(body);
  if (source !== undefined) {
    const moved = new Body(source, undefined, body.type);
    moved.shared = body.shared;
    return moved;
  }
  return new Body(undefined, proxyStream(body.stream!), body.type);
}

/** "Clone a body" (§2.2.4). The body must be usable. */
export function cloneBody(body: Body): Body {
  const source = body.source;
  if (source !== undefined && !(isInbound(source))) {
    body.shared = true;
    const copy = new Body(source, undefined, body.type);
    copy.shared = true;
    return copy;
  }
  const branches = readableStreamTee(bodyStream(body), true);
  body.source = undefined;
  body.stream = branches[0];
  return new Body(undefined, branches[1], body.type);
}

/** Drops a body that nobody will read. */
export function discardBody(body: Body, reason: unknown): void {
  const source = takeSource(body);
  if (source === undefined) {
    if (!bodyUnusable(body)) native.markHandled(readableStreamCancel(body.stream!, reason));
  } else if (isInbound(source)) source.discard();
}

/** The identity transform of another stream: reading it reads the other one. */
function proxyStream(from: ReadableStream): ReadableStream {
  const reader = acquireReadableStreamDefaultReader(from);
  const stream = createReadableStream(
    undefined,
    (controller) => {
      const pulled = newDeferred<void>();
      readableStreamDefaultReaderRead(reader, {
        chunkSteps(chunk) {
          readableStreamDefaultControllerEnqueue(controller, chunk);
          pulled.resolve();
        },
        closeSteps() {
          readableStreamDefaultControllerClose(controller);
          pulled.resolve();
        },
        errorSteps(e) {
          readableStreamDefaultControllerError(controller, e);
          pulled.resolve();
        },
      });
      return pulled.promise;
    },
    (reason) => readableStreamCancel(from, reason),
    0,
  );
  markStreamDisturbed(from);
  setStreamExpectedLength(stream, streamExpectedLength(from));
  return stream;
}
