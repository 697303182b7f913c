// Reading bodies to their end: "consume body" (https://fetch.spec.whatwg.org/#concept-body-consume-body).

import { native } from "../../bootstrap/native.ts";
import {
  append,
  ArrayBufferPrototypeGetByteLength,
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
import { blobParts, blobSize, createBlob, isBlob } from "../blob.ts";
import { concatBytes, decodeUtf8, stripBom, wholeOf } from "../bytes.ts";
import { createFormData } from "../form-data.ts";
import { getHeader, type Headers } from "../headers.ts";
import { extractMimeType, mimeEssence, mimeParameter, serializeMimeType } from "../mime.ts";
import { parseMultipart } from "../multipart.ts";
import { acquireReadableStreamDefaultReader, type DefaultReader, readableStreamDefaultReaderRead } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { type Body, bodyUnusable, takeSource, usedError } from "./body.ts";
import { type BodySink, isInbound } from "./inbound.ts";

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
  const given = body.source;
  // What never came cannot be used up: each attempt to read it fails alike.
  if (isInbound(given) && given.broken && body.stream === undefined) return PromiseReject(given.error);
  const source = takeSource(body);
  if (source === undefined) {
    const result = new Consumption(kind, headers);
    new StreamDrain(body.stream!, result).run();
    return result.deferred.promise;
  }
  if (typeof source === "string") return settle(kind, source, headers);
  if (isInbound(source)) {
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
    append(this.#parts, bytes);
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
