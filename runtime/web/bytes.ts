// Byte helpers of the web layer that touch nothing a worker may have replaced.

import { native } from "../bootstrap/native.ts";
import { append, ArrayBufferIsView, ArrayBufferPrototypeGetByteLength, StringPrototypeCharCodeAt, StringPrototypeSlice, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeGetByteOffset, TypedArrayPrototypeSet, Uint8Array, viewBuffer, viewByteLength, viewByteOffset } from "../bootstrap/primordials.ts";

/** A copy of the bytes of a BufferSource. A detached one gives none. */
export function copyBytes(source: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBufferIsView(source)) return new Uint8Array(new Uint8Array(source));
  const length = viewByteLength(source);
  if (length === 0) return new Uint8Array(0);
  return new Uint8Array(new Uint8Array(viewBuffer(source), viewByteOffset(source), length));
}

/** Bytes of a BufferSource; 0 for a detached one. */
export function lengthOf(source: ArrayBuffer | ArrayBufferView): number {
  return ArrayBufferIsView(source) ? viewByteLength(source) : ArrayBufferPrototypeGetByteLength(source);
}

/** A view of part of bytes, without a copy. */
export function subBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), TypedArrayPrototypeGetByteOffset(bytes) + start, end - start);
}

/** The parts in one new array. */
export function concatBytes(parts: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    TypedArrayPrototypeSet(out, parts[i]!, at);
    at += TypedArrayPrototypeGetByteLength(parts[i]!);
  }
  return out;
}

/** "UTF-8 decode": a byte order mark goes, errors become U+FFFD. */
export function decodeUtf8(bytes: ArrayBuffer | ArrayBufferView): string {
  return stripBom(native.utf8Decode(bytes, false)!);
}

export function stripBom(text: string): string {
  return text.length > 0 && StringPrototypeCharCodeAt(text, 0) === 0xfeff ? StringPrototypeSlice(text, 1) : text;
}

/** Cuts the window [start, end) out of a list of parts, without copying. */
export function sliceParts(parts: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < parts.length && at < end; i++) {
    const part = parts[i]!;
    const length = TypedArrayPrototypeGetByteLength(part);
    const from = start > at ? start - at : 0;
    const to = end - at < length ? end - at : length;
    if (from < to) append(out, from === 0 && to === length ? part : subBytes(part, from, to));
    at += length;
  }
  return out;
}

/** The bytes as one array; not a copy if there is only one part. */
export function wholeOf(parts: readonly Uint8Array[], size: number): Uint8Array {
  return parts.length === 1 ? parts[0]! : concatBytes(parts, size);
}
