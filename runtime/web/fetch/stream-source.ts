// Streams that stand for something which can be used directly: see origin.ts.

import { TypeError } from "../../bootstrap/primordials.ts";
import { acquireReadableStreamDefaultReader, getStreamSource, isReadableStreamDisturbed, isReadableStreamLocked, markStreamDisturbed } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { isInbound } from "./inbound.ts";
import { type DirectSource, StreamOrigin } from "./origin.ts";

/** What a stream given as a body stands for, undefined if it is only a stream. Throws TypeError if it cannot be a body. */
export function sourceOfStream(stream: ReadableStream): DirectSource | undefined {
  if (isReadableStreamDisturbed(stream)) throw new TypeError("This ReadableStream is disturbed (has already been read from), and cannot be used as a body.");
  if (isReadableStreamLocked(stream)) throw new TypeError("This ReadableStream is currently locked to a reader, and cannot be used as a body.");
  const origin = getStreamSource(stream);
  return StreamOrigin.is(origin) && !origin.taken ? origin.source : undefined;
}

/** Takes its source out of a stream of ours, which looks as if it were being read from then on. False: only the stream can be read. */
export function claimSource(stream: ReadableStream, source: DirectSource): boolean {
  const origin = getStreamSource(stream) as StreamOrigin;
  if (origin.taken) return false;
  if (isInbound(source) && !source.untouched && !source.finished) return false;
  origin.taken = true;
  seemRead(stream);
  return true;
}

/** Locks a stream and leaves it as if it were being read. */
export function seemRead(stream: ReadableStream): void {
  acquireReadableStreamDefaultReader(stream);
  markStreamDisturbed(stream);
}
