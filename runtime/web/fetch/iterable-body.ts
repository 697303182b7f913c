// Bodies that are iterables, which Workers have (the flag fetch_iterable_type_support and its _override_adjustment).

import { native } from "../../bootstrap/native.ts";
import { ArrayBufferIsView, ArrayIsArray, ObjectPrototype, SymbolAsyncIterator, SymbolIterator, SymbolToPrimitive, TypeError, Uint8Array, viewBuffer, viewByteLength, viewByteOffset } from "../../bootstrap/primordials.ts";
import { isArrayBuffer } from "../../bootstrap/webidl.ts";
import { fromIterable } from "../streams/from.ts";
import { type ReadableStream, wrapReadable } from "../streams/readable.ts";

/**
 * The stream of an object's items, undefined if the object is no iterable or has a text of its own, which is its body then.
 * Items are bytes or strings; the stream fails at another one.
 */
export function streamOfIterable(object: object): ReadableStream | undefined {
  const o = object as { [k: PropertyKey]: unknown };
  let method = o[SymbolAsyncIterator];
  if (method === undefined || method === null) {
    const base = ObjectPrototype as unknown as { [k: PropertyKey]: unknown };
    if (!ArrayIsArray(object) && (o["toString"] !== base["toString"] || o[SymbolToPrimitive] !== base[SymbolToPrimitive])) return undefined;
    method = o[SymbolIterator];
  }
  return typeof method === "function" ? wrapReadable(fromIterable(object, toBytes)) : undefined;
}

function toBytes(item: unknown): Uint8Array {
  if (typeof item === "string") return native.utf8Encode(item);
  if (ArrayBufferIsView(item)) return new Uint8Array(viewBuffer(item), viewByteOffset(item), viewByteLength(item));
  if (isArrayBuffer(item)) return new Uint8Array(item);
  throw new TypeError("The body's iterable gave an item that is neither a string nor an ArrayBuffer or a view of one.");
}
