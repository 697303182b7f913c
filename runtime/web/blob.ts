// Blob and File (https://w3c.github.io/FileAPI/). A Blob is a rope: a list of byte arrays that nobody changes, shared by
// the Blobs made or sliced from it.

import { registerCloner, registerInspectable } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import {
  append,
  MathFloor,
  PromiseReject,
  PromiseResolve,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeToLowerCase,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypeError,
} from "../bootstrap/primordials.ts";
import { defineInterface, isBufferSource, isObject, requireArguments, toDictionary, toDOMString, toEnum, toInteger, toSequence, toUSVString } from "../bootstrap/webidl.ts";
import { concatBytes, copyBytes, decodeUtf8, sliceParts, wholeOf } from "./bytes.ts";
import { StreamOrigin } from "./fetch/origin.ts";
import { partsStream } from "./fetch/parts-stream.ts";

type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

interface BlobPropertyBag {
  endings?: unknown;
  type?: unknown;
}

/** Makes the constructor leave the object empty; see createBlob. */
const blank = {};

/** A Blob over parts that are never changed. type must be in the form of the type attribute. */
export let createBlob: (parts: readonly Uint8Array[], size: number, type: string) => Blob;
export let createFile: (parts: readonly Uint8Array[], size: number, type: string, name: string, lastModified: number) => File;
export let isBlob: (v: unknown) => v is Blob;
export let isFile: (v: unknown) => v is File;
/** The bytes of a Blob. Not to be changed. */
export let blobParts: (blob: Blob) => readonly Uint8Array[];
export let blobSize: (blob: Blob) => number;
export let blobType: (blob: Blob) => string;
export let fileName: (file: File) => string;
export let fileLastModified: (file: File) => number;
let fill: (blob: Blob, parts: readonly Uint8Array[], size: number, type: string) => void;

export class Blob {
  #parts: readonly Uint8Array[] = [];
  #size = 0;
  #type = "";

  constructor(blobParts: unknown = undefined, options: unknown = undefined) {
    if (blobParts === blank) return;
    const parts = blobParts === undefined ? [] : toSequence(blobParts, toBlobPart, "Blob");
    const bag = toDictionary<BlobPropertyBag>(options, "Blob");
    const endings = toEndings(bag?.endings);
    const type = bag?.type;
    build(this, parts, endings, type === undefined ? "" : toDOMString(type));
  }

  get size(): number {
    return this.#size;
  }

  get type(): string {
    return this.#type;
  }

  slice(start: unknown = undefined, end: unknown = undefined, contentType: unknown = undefined): Blob {
    const size = this.#size;
    const from = relative(start, 0, size);
    const to = relative(end, size, size);
    const type = contentType === undefined ? "" : normalizeBlobType(toDOMString(contentType));
    if (to <= from) return createBlob([], 0, type);
    return createBlob(sliceParts(this.#parts, from, to), to - from, type);
  }

  stream(): object {
    return partsStream(this.#parts, new StreamOrigin(this));
  }

  text(): Promise<string> {
    if (!isBlob(this)) return PromiseReject(new TypeError("Illegal invocation"));
    return PromiseResolve(decodeUtf8(wholeOf(this.#parts, this.#size)));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    if (!isBlob(this)) return PromiseReject(new TypeError("Illegal invocation"));
    return PromiseResolve(TypedArrayPrototypeGetBuffer(concatBytes(this.#parts, this.#size)));
  }

  bytes(): Promise<Uint8Array> {
    if (!isBlob(this)) return PromiseReject(new TypeError("Illegal invocation"));
    return PromiseResolve(concatBytes(this.#parts, this.#size));
  }

  static {
    fill = (blob, parts, size, type) => {
      blob.#parts = parts;
      blob.#size = size;
      blob.#type = type;
    };
    createBlob = (parts, size, type) => {
      const made = new Blob(blank);
      fill(made, parts, size, type);
      return made;
    };
    isBlob = (v): v is Blob => isObject(v) && #parts in v;
    blobParts = (blob) => blob.#parts;
    blobSize = (blob) => blob.#size;
    blobType = (blob) => blob.#type;
  }
}
defineInterface(Blob);
registerInspectable(Blob, ["size", "type"]);
registerCloner(Blob, (o) => {
  if (!isBlob(o)) return undefined;
  const parts = blobParts(o);
  const size = blobSize(o);
  const type = blobType(o);
  return () => createBlob(parts, size, type);
});

export class File extends Blob {
  #name = "";
  #lastModified = 0;

  constructor(fileBits: unknown, fileName: unknown, options: unknown = undefined) {
    super(blank);
    if (fileBits === blank) return;
    requireArguments(arguments.length, 2, "File");
    const parts = toSequence(fileBits, toBlobPart, "File");
    this.#name = toUSVString(fileName);
    const bag = toDictionary<BlobPropertyBag & { lastModified?: unknown }>(options, "File");
    const endings = toEndings(bag?.endings);
    const type = bag?.type;
    const typeText = type === undefined ? "" : toDOMString(type);
    const lastModified = bag?.lastModified;
    this.#lastModified = lastModified === undefined ? MathFloor(native.now()) : toInteger(lastModified, 64, true, "File");
    build(this, parts, endings, typeText);
  }

  get name(): string {
    return this.#name;
  }

  get lastModified(): number {
    return this.#lastModified;
  }

  static {
    createFile = (parts, size, type, name, lastModified) => {
      const made = new File(blank, "");
      fill(made, parts, size, type);
      made.#name = name;
      made.#lastModified = lastModified;
      return made;
    };
    isFile = (v): v is File => isObject(v) && #name in v;
    fileName = (file) => file.#name;
    fileLastModified = (file) => file.#lastModified;
  }
}
defineInterface(File);
registerInspectable(File, ["name", "lastModified"]);
registerCloner(File, (o) => {
  if (!isFile(o)) return undefined;
  const parts = blobParts(o);
  const size = blobSize(o);
  const type = blobType(o);
  const name = fileName(o);
  const modified = fileLastModified(o);
  return () => createFile(parts, size, type, name, modified);
});

function toBlobPart(v: unknown): BlobPart {
  return isBlob(v) || isBufferSource(v) ? v : toUSVString(v);
}

function toEndings(v: unknown): boolean {
  return v !== undefined && toEnum(v, ["transparent", "native"] as const, "Blob: endings") === "native";
}

/** "Process blob parts". */
function build(blob: Blob, parts: readonly BlobPart[], nativeEndings: boolean, type: string): void {
  const out: Uint8Array[] = [];
  let size = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (typeof part !== "string" && isBlob(part)) {
      const inner = blobParts(part);
      for (let j = 0; j < inner.length; j++) append(out, inner[j]!);
      size += blobSize(part);
      continue;
    }
    const bytes = typeof part === "string" ? native.utf8Encode(nativeEndings ? toNativeEndings(part) : part) : copyBytes(part);
    const length = TypedArrayPrototypeGetByteLength(bytes);
    if (length > 0) append(out, bytes);
    size += length;
  }
  fill(blob, out, size, normalizeBlobType(type));
}

/** "Convert line endings to native" where native is LF. */
function toNativeEndings(s: string): string {
  if (StringPrototypeIndexOf(s, "\r") < 0) return s;
  return StringPrototypeReplaceAll(StringPrototypeReplaceAll(s, "\r\n", "\n"), "\r", "\n");
}

/** The type attribute: "" if a unit is outside U+0020–U+007E, else in lower case. */
export function normalizeBlobType(type: string): string {
  for (let i = 0; i < type.length; i++) {
    const c = StringPrototypeCharCodeAt(type, i);
    if (c < 0x20 || c > 0x7e) return "";
  }
  return StringPrototypeToLowerCase(type);
}

function relative(v: unknown, missing: number, size: number): number {
  if (v === undefined) return missing;
  const n = toInteger(v, 64, true, "Blob.slice", { clamp: true });
  if (n < 0) return size + n > 0 ? size + n : 0;
  return n < size ? n : size;
}
