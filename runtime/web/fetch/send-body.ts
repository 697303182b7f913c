// How a body leaves the isolate, as the body of a response or of a fetch request: what fits goes along with the message,
// what came from the supervisor untouched is spliced, and the rest is pumped into a stream (outbound.ts).

import type { EventState } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import { TypedArrayPrototypeGetByteLength } from "../../bootstrap/primordials.ts";
import { blobParts, blobSize, isBlob } from "../blob.ts";
import { wholeOf } from "../bytes.ts";
import { streamExpectedLength } from "../streams/internal.ts";
import { type Body, bodyUnusable, takeSource, usedError } from "./body.ts";
import { type Inbound, isInbound } from "./inbound.ts";
import { Outbound } from "./outbound.ts";

/** The largest body that goes along with the message, in bytes. */
export const inlineBodyMax = 524_288;

export interface SentBody {
  /** The whole body, if it goes along with the message. */
  inline: string | Uint8Array | null;
  /** 0: none. Odd: pumped by outbound, which starts in a microtask. Even: spliced. */
  stream: number;
  /** Bytes, -1 if unknown. */
  length: number;
  outbound: Outbound | undefined;
  /** Fulfilled when nothing more will be sent, undefined if that is so already. Rejected, and marked as handled, with what the body failed with. */
  done: Promise<void> | undefined;
}

/**
 * Turns a body into what native.respond and native.call want; the body is used up. inline: whether it may go along with
 * the message. Throws a TypeError if the body is used already.
 */
export function sendBody(event: EventState, body: Body | null, inline = true): SentBody {
  if (body === null) return sent(null, 0, 0);
  if (bodyUnusable(body)) throw usedError();
  const source = takeSource(body);
  if (source === undefined) return pumped(new Outbound(event, undefined, body.stream), streamExpectedLength(body.stream!) ?? -1);
  if (typeof source === "string") {
    if (inline && source.length * 3 <= inlineBodyMax) return sent(source, 0, native.utf8Length(source));
    return sendBytes(event, native.utf8Encode(source), inline);
  }
  if (isInbound(source)) return sendInbound(event, source);
  if (isBlob(source)) {
    const size = blobSize(source);
    if (inline && size <= inlineBodyMax) return sent(wholeOf(blobParts(source), size), 0, size);
    return pumped(new Outbound(event, blobParts(source), undefined), size);
  }
  return sendBytes(event, source, inline);
}

function sendBytes(event: EventState, bytes: Uint8Array, inline: boolean): SentBody {
  const length = TypedArrayPrototypeGetByteLength(bytes);
  if (inline && length <= inlineBodyMax) return sent(bytes, 0, length);
  return pumped(new Outbound(event, [bytes], undefined), length);
}

function sendInbound(event: EventState, inbound: Inbound): SentBody {
  if (inbound.finished) return sent(null, 0, 0);
  // The supervisor splices within an event; the body of another one has to be read through.
  if (inbound.untouched && inbound.event === event) return sent(null, inbound.splice(), inbound.length);
  return pumped(new Outbound(event, undefined, inbound.makeStream()), inbound.length);
}

function sent(inline: string | Uint8Array | null, stream: number, length: number): SentBody {
  return { inline, stream, length, outbound: undefined, done: undefined };
}

function pumped(outbound: Outbound, length: number): SentBody {
  return { inline: null, stream: outbound.id, length, outbound, done: outbound.done };
}
