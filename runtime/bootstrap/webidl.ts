// Web IDL (https://webidl.spec.whatwg.org/): conversions of arguments.
// Pure functions: in the bundle, parts that need them have copies of their own (runtime/bundle/groups.go).

import { native } from "./native.ts";
import {
  append,
  ArrayBufferIsView,
  FunctionPrototypeCall,
  MathAbs,
  MathFloor,
  MathPow,
  MathSign,
  MathTrunc,
  NumberIsFinite,
  NumberIsNaN,
  ObjectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  StringPrototypeCharCodeAt,
  StringPrototypeToWellFormed,
  SymbolIterator,
  TypeError,
} from "./primordials.ts";

export { defineConstants, defineInterface } from "./interfaces.ts";

/** "Failed to …" is left to callers: context is put before the text, as in `Request: redirect …`. */
export function typeError(context: string, text: string): TypeError {
  return new TypeError(context === "" ? text : `${context}: ${text}`);
}

export function requireArguments(given: number, needed: number, context: string): void {
  if (given < needed) throw typeError(context, `${needed} argument${needed === 1 ? "" : "s"} required, but only ${given} present.`);
}

export function illegalConstructor(): never {
  throw new TypeError("Illegal constructor");
}

export function illegalInvocation(): never {
  throw new TypeError("Illegal invocation");
}

export function isObject(v: unknown): v is object {
  return (typeof v === "object" && v !== null) || typeof v === "function";
}

/** DOMString (§3.2.10). */
export function toDOMString(v: unknown): string {
  if (typeof v === "string") return v;
  if (typeof v === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
  return `${v as string}`;
}

/** USVString (§3.2.12). */
export function toUSVString(v: unknown): string {
  return StringPrototypeToWellFormed(toDOMString(v));
}

/** ByteString (§3.2.11): TypeError if a unit is over 0xff. */
export function toByteString(v: unknown, context: string): string {
  const s = toDOMString(v);
  for (let i = 0; i < s.length; i++) {
    if (StringPrototypeCharCodeAt(s, i) > 255) throw typeError(context, "Cannot convert value to a ByteString: it has a character over 255.");
  }
  return s;
}

export interface IntegerOptions {
  enforceRange?: boolean;
  clamp?: boolean;
}

/** Integer types (§3.2.4.9): bits up to 64; 64 is limited to safe integers as the specification says. */
export function toInteger(v: unknown, bits: 8 | 16 | 32 | 64, signed: boolean, context: string, options?: IntegerOptions): number {
  let upper: number;
  let lower: number;
  if (bits === 64) {
    upper = 9007199254740991;
    lower = signed ? -9007199254740991 : 0;
  } else {
    upper = signed ? MathPow(2, bits - 1) - 1 : MathPow(2, bits) - 1;
    lower = signed ? -MathPow(2, bits - 1) : 0;
  }
  if (typeof v === "bigint" || typeof v === "symbol") throw typeError(context, `Cannot convert a ${typeof v} to a number.`);
  let x = +(v as number);
  if (options?.enforceRange === true) {
    if (!NumberIsFinite(x)) throw typeError(context, "Value is not a finite number.");
    x = MathTrunc(x);
    if (x < lower || x > upper) throw typeError(context, `Value is outside the range [${lower}, ${upper}].`);
    return x + 0;
  }
  if (options?.clamp === true && !NumberIsNaN(x)) {
    x = x < lower ? lower : x > upper ? upper : x;
    const floor = MathFloor(x);
    const rest = x - floor;
    if (rest < 0.5) return floor + 0;
    if (rest > 0.5) return floor + 1;
    return floor % 2 === 0 ? floor + 0 : floor + 1;
  }
  if (!NumberIsFinite(x) || x === 0) return 0;
  x = MathSign(x) * MathFloor(MathAbs(x));
  const modulus = MathPow(2, bits);
  x = x % modulus;
  if (x < 0) x += modulus;
  if (signed && x >= modulus / 2) return x - modulus;
  return x + 0;
}
export const toUnsignedLong = (v: unknown, context: string, o?: IntegerOptions): number => toInteger(v, 32, false, context, o);
export const toUnsignedLongLong = (v: unknown, context: string, o?: IntegerOptions): number => toInteger(v, 64, false, context, o);
export const toLong = (v: unknown, context: string, o?: IntegerOptions): number => toInteger(v, 32, true, context, o);
export const toUnsignedShort = (v: unknown, context: string, o?: IntegerOptions): number => toInteger(v, 16, false, context, o);

export function toUnrestrictedDouble(v: unknown): number {
  return +(v as number);
}

export function toDouble(v: unknown, context: string): number {
  const x = +(v as number);
  if (!NumberIsFinite(x)) throw typeError(context, "Value is not a finite number.");
  return x;
}

/** A dictionary argument: undefined and null give undefined, other non-objects throw. Read members in lexicographical order. */
export function toDictionary<T extends object>(v: unknown, context: string): Partial<T> | undefined {
  if (v === undefined || v === null) return undefined;
  if (!isObject(v)) throw typeError(context, "Value is not an object.");
  return v as Partial<T>;
}

/** The dictionary that was not given: it has no members, whatever Object.prototype has. */
export const noMembers = { __proto__: null } as never;

/** An enumeration (§3.2.18). */
export function toEnum<T extends string>(v: unknown, values: readonly T[], context: string): T {
  const s = toDOMString(v);
  for (let i = 0; i < values.length; i++) if (values[i] === s) return s as T;
  throw typeError(context, `"${s}" is not a valid value.`);
}

export function toCallback<T>(v: unknown, context: string): T {
  if (typeof v !== "function") throw typeError(context, "Value is not a function.");
  return v as T;
}

/** sequence<T> (§3.2.21) by the iteration protocol, as user code sees it. */
export function toSequence<T>(v: unknown, convert: (item: unknown) => T, context: string): T[] {
  if (!isObject(v)) throw typeError(context, "Value is not iterable.");
  const method = (v as { [k: symbol]: unknown })[SymbolIterator];
  if (typeof method !== "function") throw typeError(context, "Value is not iterable.");
  return iterate(v, method, convert, context);
}

/** The items of an iterable whose @@iterator has been read already. */
export function iterate<T>(v: object, method: unknown, convert: (item: unknown) => T, context: string): T[] {
  const iterator = FunctionPrototypeCall<{ next: unknown }>(method, v);
  if (!isObject(iterator)) throw typeError(context, "Iterator is not an object.");
  const next = iterator.next;
  const out: T[] = [];
  for (;;) {
    const step = FunctionPrototypeCall<{ done?: unknown; value?: unknown }>(next, iterator);
    if (!isObject(step)) throw typeError(context, "Iterator result is not an object.");
    if (step.done) return out;
    append(out, convert(step.value));
  }
}

/** record<K, V> (§3.2.23): own enumerable string keys, in order. Symbol keys throw as the key conversion does. */
export function toRecord<V>(v: object, key: (k: unknown) => string, value: (v: unknown) => V): [string, V][] {
  const out: [string, V][] = [];
  const keys = ReflectOwnKeys(v);
  for (let i = 0; i < keys.length; i++) {
    const k = keys[i]!;
    const d = ObjectGetOwnPropertyDescriptor(v, k);
    if (d === undefined || d.enumerable !== true) continue;
    const typedKey = key(k);
    append(out, [typedKey, value((v as { [k: PropertyKey]: unknown })[k])]);
  }
  return out;
}

/** Asks the host: a brand check of the language's own would throw, and an error that takes its stack costs microseconds. */
export function isArrayBuffer(v: unknown): v is ArrayBuffer {
  return isObject(v) && native.typeTag(v) === "ArrayBuffer";
}

export function isBufferSource(v: unknown): v is ArrayBuffer | ArrayBufferView {
  return ArrayBufferIsView(v) || isArrayBuffer(v);
}
