// The Body mixin (https://fetch.spec.whatwg.org/#body-mixin), without its classes.
//
// A body keeps what it was made from. A stream is made only when somebody looks at `body`, and while nobody has read from
// that stream the source is still used instead of it.

import { native } from "../../bootstrap/native.ts";
import {
  ArrayBufferPrototypeGetByteLength,
  ArrayPrototypePush,
  type Deferred,
  JSONParse,
  newDeferred,
  PromiseReject,
  PromiseResolve,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypeError,
  Uint8Array,
} from "../../bootstrap/primordials.ts";
import { isBufferSource, toUSVString } from "../../bootstrap/webidl.ts";
import { blobParts, blobSize, blobType, createBlob, isBlob, wholeOf } from "../blob.ts";
import { concatBytes, copyBytes, decodeUtf8, stripBom } from "../bytes.ts";
import { createFormData, formDataEntries, isFormData } from "../form-data.ts";
import { getHeader, type Headers } from "../headers.ts";
import { extractMimeType, mimeEssence, mimeParameter, serializeMimeType } from "../mime.ts";
import { encodeMultipart, parseMultipart } from "../multipart.ts";
import {
  acquireReadableStreamDefaultReader,
  createReadableStream,
  getStreamSource,
  isReadableStream,
  isReadableStreamDisturbed,
  isReadableStreamLocked,
  readableStreamCancel,
  readableStreamDefaultControllerClose,
  readableStreamDefaultControllerEnqueue,
  readableStreamDefaultControllerError,
  readableStreamDefaultReaderRead,
  markStreamDisturbed,
  readableStreamTee,
  setStreamExpectedLength,
  streamExpectedLength,
} from "../streams/internal.ts";
import type { DefaultReader } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { isURLSearchParams, serializeSearchParams } from "../url-search-params.ts";
import { type BodySink, Inbound } from "./inbound.ts";
import { type DirectSource, StreamOrigin } from "./origin.ts";
import { partsStream } from "./parts-stream.ts";

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
  if (isReadableStream(init)) {
    if (isReadableStreamDisturbed(init)) throw new TypeError("This ReadableStream is disturbed (has already been read from), and cannot be used as a body.");
    if (isReadableStreamLocked(init)) throw new TypeError("This ReadableStream is currently locked to a reader, and cannot be used as a body.");
    const origin = getStreamSource(init);
    return new Body(StreamOrigin.is(origin) && !origin.taken ? origin.source : undefined, init, null);
  }
  if (isBlob(init)) return new Body(init, undefined, blobType(init) === "" ? null : blobType(init));
  if (isBufferSource(init)) return new Body(copyBytes(init), undefined, null);
  if (isFormData(init)) {
    const form = encodeMultipart(formDataEntries(init));
    return new Body(createBlob(form.parts, form.size, ""), undefined, `multipart/form-data; boundary=${form.boundary}`);
  }
  if (isURLSearchParams(init)) return new Body(serializeSearchParams(init), undefined, "application/x-www-form-urlencoded;charset=UTF-8");
  return new Body(toUSVString(init), undefined, "text/plain;charset=UTF-8");
}

/** The `body` attribute: makes the stream if there is none yet. */
export function bodyStream(body: Body): ReadableStream {
  let stream = body.stream;
  if (stream === undefined) {
    const source = body.source!;
    if (body.used) {
      // What was read without a stream: one that looks as if it had been read.
      stream = partsStream([], undefined);
      lock(stream);
    } else if (source instanceof InboundClass) stream = source.makeStream();
    else stream = partsStream(typeof source === "string" ? source : isBlob(source) ? blobParts(source) : [source], new StreamOrigin(source));
    body.stream = stream;
  }
  return stream;
}
const InboundClass = Inbound; // instanceof is safe here: neither side of it ever reaches a worker

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

/** Locks a stream and leaves it as if it were being read. */
function lock(stream: ReadableStream): void {
  acquireReadableStreamDefaultReader(stream);
  markStreamDisturbed(stream);
}

/**
 * Takes the source out of a usable body, which is used up by that. undefined: only the stream can be read, and nothing
 * has been taken.
 */
export function takeSource(body: Body): DirectSource | undefined {
  const source = body.source;
  const stream = body.stream;
  if (source === undefined) return undefined;
  if (stream !== undefined) {
    const origin = getStreamSource(stream) as StreamOrigin;
    if (origin.taken) return undefined;
    if (source instanceof InboundClass && !source.untouched && !source.finished) return undefined;
    origin.taken = true;
    lock(stream);
  }
  body.used = true;
  return source;
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
  if (source !== undefined && !(source instanceof InboundClass)) {
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
  } else if (source instanceof InboundClass) source.discard();
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

// ---- consuming

export const TEXT = 0;
export const JSON_VALUE = 1;
export const ARRAY_BUFFER = 2;
export const BYTES = 3;
export const BLOB = 4;
export const FORM_DATA = 5;
export type BodyKind = typeof TEXT | typeof JSON_VALUE | typeof ARRAY_BUFFER | typeof BYTES | typeof BLOB | typeof FORM_DATA;

/** "Consume body" (§2.2.5). headers is only looked at for BLOB and FORM_DATA, when the body is complete. */
export function consumeBody(body: Body | null, kind: BodyKind, headers: Headers | undefined): Promise<unknown> {
  if (body === null) return settle(kind, "", headers);
  if (bodyUnusable(body)) return PromiseReject(usedError());
  const source = takeSource(body);
  if (source === undefined) {
    const result = new Consumption(kind, headers);
    new StreamDrain(body.stream!, result).run();
    return result.deferred.promise;
  }
  if (typeof source === "string") return settle(kind, source, headers);
  if (source instanceof InboundClass) {
    const result = new Consumption(kind, headers);
    source.collect(kind === TEXT || kind === JSON_VALUE, result);
    return result.deferred.promise;
  }
  if (isBlob(source)) {
    // The bytes of a Blob are never handed out themselves.
    if (kind === BLOB) return PromiseResolve(createBlob(blobParts(source), blobSize(source), contentType(headers!)));
    const readOnly = kind === TEXT || kind === JSON_VALUE || kind === FORM_DATA;
    return settle(kind, readOnly ? wholeOf(blobParts(source), blobSize(source)) : concatBytes(blobParts(source), blobSize(source)), headers);
  }
  return settle(kind, body.shared && (kind === ARRAY_BUFFER || kind === BYTES) ? new Uint8Array(source) : source, headers);
}

/** "Fully read" for the platform itself: the bytes, which belong to the caller. */
export function readBytes(body: Body | null): Promise<Uint8Array> {
  return consumeBody(body, BYTES, undefined) as Promise<Uint8Array>;
}

function settle(kind: BodyKind, value: string | Uint8Array, headers: Headers | undefined): Promise<unknown> {
  try {
    return PromiseResolve(convert(kind, value, headers));
  } catch (e) {
    return PromiseReject(e);
  }
}

class Consumption implements BodySink {
  readonly deferred: Deferred<unknown> = newDeferred<unknown>();
  readonly kind: BodyKind;
  readonly headers: Headers | undefined;

  constructor(kind: BodyKind, headers: Headers | undefined) {
    this.kind = kind;
    this.headers = headers;
  }

  deliver(value: string | Uint8Array | ArrayBuffer): void {
    let result: unknown;
    try {
      result = convert(this.kind, typeof value === "string" || TypedArrayPrototypeGetSymbolToStringTag(value) !== undefined ? (value as string | Uint8Array) : new Uint8Array(value as ArrayBuffer), this.headers);
    } catch (e) {
      this.deferred.reject(e);
      return;
    }
    this.deferred.resolve(result);
  }

  fail(error: unknown): void {
    this.deferred.reject(error);
  }
}

/** value: the text, or bytes that may be given away. */
function convert(kind: BodyKind, value: string | Uint8Array, headers: Headers | undefined): unknown {
  switch (kind) {
    case TEXT:
      return toText(value);
    case JSON_VALUE:
      return JSONParse(toText(value));
    case ARRAY_BUFFER:
      return wholeBuffer(toBytes(value));
    case BYTES:
      return toBytes(value);
    case BLOB: {
      const bytes = toBytes(value);
      const size = TypedArrayPrototypeGetByteLength(bytes);
      return createBlob(size === 0 ? [] : [bytes], size, contentType(headers!));
    }
    case FORM_DATA:
      return toFormData(value, headers!);
  }
}

function toText(value: string | Uint8Array): string {
  return typeof value === "string" ? stripBom(value) : decodeUtf8(value);
}

function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? native.utf8Encode(value) : value;
}

/** The buffer of bytes that are all of it; a copy if they are not. */
function wholeBuffer(bytes: Uint8Array): ArrayBuffer {
  const buffer = TypedArrayPrototypeGetBuffer(bytes);
  return ArrayBufferPrototypeGetByteLength(buffer) === TypedArrayPrototypeGetByteLength(bytes) ? buffer : TypedArrayPrototypeGetBuffer(new Uint8Array(bytes));
}

/** Type of the Blob that a body with these headers gives. */
function contentType(headers: Headers): string {
  const mime = extractMimeType(getHeader(headers, "content-type"));
  return mime === undefined ? "" : serializeMimeType(mime);
}

function toFormData(value: string | Uint8Array, headers: Headers): unknown {
  const mime = extractMimeType(getHeader(headers, "content-type"));
  const essence = mime === undefined ? "" : mimeEssence(mime);
  if (essence === "multipart/form-data") {
    const boundary = mimeParameter(mime!, "boundary");
    if (boundary === undefined || boundary === "") throw new TypeError("No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary parameter.");
    return createFormData(parseMultipart(toBytes(value), boundary));
  }
  if (essence === "application/x-www-form-urlencoded") return createFormData(native.formDecode(typeof value === "string" ? value : native.utf8Decode(value, false)!));
  throw new TypeError("Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, application/x-www-form-urlencoded.");
}

/** Reads a stream to its end; its chunks must be Uint8Arrays. */
class StreamDrain {
  readonly #reader: DefaultReader;
  readonly #result: Consumption;
  readonly #parts: Uint8Array[] = [];
  #size = 0;
  #reading = false;
  #running = false;
  #over = false;

  constructor(stream: ReadableStream, result: Consumption) {
    this.#reader = acquireReadableStreamDefaultReader(stream);
    this.#result = result;
  }

  /** A loop, not a recursion: a stream may answer many reads at once from its queue. */
  run(): void {
    this.#running = true;
    while (!this.#over && !this.#reading) {
      this.#reading = true;
      readableStreamDefaultReaderRead(this.#reader, this);
    }
    this.#running = false;
  }

  chunkSteps(chunk: unknown): void {
    this.#reading = false;
    if (TypedArrayPrototypeGetSymbolToStringTag(chunk) !== "Uint8Array") {
      this.#over = true;
      this.#result.fail(new TypeError("The stream gave a chunk that is not a Uint8Array."));
      return;
    }
    // A copy: who made the chunk may use its memory again.
    const bytes = new Uint8Array(chunk as Uint8Array);
    ArrayPrototypePush(this.#parts, bytes);
    this.#size += TypedArrayPrototypeGetByteLength(bytes);
    if (!this.#running) this.run();
  }

  closeSteps(): void {
    this.#over = true;
    this.#result.deliver(wholeOf(this.#parts, this.#size));
  }

  errorSteps(e: unknown): void {
    this.#over = true;
    this.#result.fail(e);
  }
}
