// The Body mixin (https://fetch.spec.whatwg.org/#body-mixin), without its classes: what every request and response needs of
// it. Streams of bodies are in body-stream.ts, reading to the end in consume.ts.
//
// A body keeps what it was made from. A stream is made only when somebody looks at `body`, and while nobody has read from
// that stream the source is still used instead of it.

import { hasCompatFlag } from "../../bootstrap/modules.ts";
import { TypeError } from "../../bootstrap/primordials.ts";
import { isBufferSource, isObject, toUSVString } from "../../bootstrap/webidl.ts";
import { blobType, createBlob, isBlob } from "../blob.ts";
import { copyBytes } from "../bytes.ts";
import { formDataEntries, isFormData } from "../form-data.ts";
import { encodeMultipart } from "../multipart.ts";
import { isReadableStream, isReadableStreamDisturbed, isReadableStreamLocked } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { isURLSearchParams, serializeSearchParams } from "../url-search-params.ts";
import { Inbound } from "./inbound.ts";
import { streamOfIterable } from "./iterable-body.ts";
import type { DirectSource } from "./origin.ts";
import { claimSource, sourceOfStream } from "./stream-source.ts";

/** One body. Plain fields: it never reaches a worker. */
export class Body {
  /** undefined: there is only the stream. */
  source: DirectSource | undefined;
  stream: ReadableStream | undefined;
  /** The source was used up without the stream. */
  used = false;
  /** Another body has the same source, whose bytes must then stay as they are. */
  shared = false;
  /** Content-Type that the source implies; null for none. */
  readonly type: string | null;

  constructor(source: DirectSource | undefined, stream: ReadableStream | undefined, type: string | null) {
    this.source = source;
    this.stream = stream;
    this.type = type;
  }
}

/** A body of the supervisor's. */
export function inboundBody(stream: number, length: number, event: Inbound["event"]): Body {
  return new Body(new Inbound(stream, length, event), undefined, null);
}

/** "Extract a body with type" (§2.2.5). init is not null or undefined. */
export function extractBody(init: unknown): Body {
  if (typeof init === "string") return new Body(toUSVString(init), undefined, "text/plain;charset=UTF-8");
  if (isReadableStream(init)) return new Body(sourceOfStream(init), init, null);
  if (isBlob(init)) return new Body(init, undefined, blobType(init) === "" ? null : blobType(init));
  if (isBufferSource(init)) return new Body(copyBytes(init), undefined, null);
  if (isFormData(init)) {
    const form = encodeMultipart(formDataEntries(init));
    return new Body(createBlob(form.parts, form.size, ""), undefined, `multipart/form-data; boundary=${form.boundary}`);
  }
  if (isURLSearchParams(init)) return new Body(serializeSearchParams(init), undefined, "application/x-www-form-urlencoded;charset=UTF-8");
  if (isObject(init) && hasCompatFlag("fetch_iterable_type_support")) {
    const stream = streamOfIterable(init);
    if (stream !== undefined) return new Body(undefined, stream, null);
  }
  return new Body(toUSVString(init), undefined, "text/plain;charset=UTF-8");
}

export function bodyUsed(body: Body | null): boolean {
  if (body === null) return false;
  return body.used || (body.stream !== undefined && isReadableStreamDisturbed(body.stream));
}

/** "Unusable": disturbed or locked. */
export function bodyUnusable(body: Body): boolean {
  if (body.used) return true;
  const stream = body.stream;
  return stream !== undefined && (isReadableStreamDisturbed(stream) || isReadableStreamLocked(stream));
}

export function usedError(): TypeError {
  return new TypeError("Body has already been used. It can only be used once. Use tee() first if you need to read it twice.");
}

/**
 * Takes the source out of a usable body, which is used up by that. undefined: only the stream can be read, and nothing
 * has been taken.
 */
export function takeSource(body: Body): DirectSource | undefined {
  const source = body.source;
  const stream = body.stream;
  if (source === undefined) return undefined;
  if (stream !== undefined && !claimSource(stream, source)) return undefined;
  body.used = true;
  return source;
}
