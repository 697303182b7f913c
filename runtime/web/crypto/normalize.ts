// "Normalizing an algorithm" (https://w3c.github.io/webcrypto/#algorithm-normalization) and the registry of algorithms.

import { append, StringFromCharCode, StringPrototypeCharCodeAt, TypedArrayPrototypeGetSymbolToStringTag, ObjectSetPrototypeOf } from "../../bootstrap/primordials.ts";
import { isBufferSource, isObject, toDOMString, toInteger, typeError } from "../../bootstrap/webidl.ts";
import { copyBytes } from "../bytes.ts";
import { DOMException } from "../domexception.ts";
import { type KeyState, keyState } from "./key.ts";
import type { JwkFields, JwkSource } from "./jwk.ts";
import type { BufferSource, Outcome } from "./run.ts";

/** A BufferSource, of which a copy is taken. */
export const BYTES = 0;
/** octet, unsigned short and unsigned long, all with [EnforceRange]. */
export const OCTET = 1;
export const USHORT = 2;
export const ULONG = 3;
/** A HashAlgorithmIdentifier, of which the name remains. */
export const HASH = 4;
export const STRING = 5;
export const KEY = 6;
/** A Uint8Array. */
export const BIG = 7;

/** name, kind, whether it is required, name, kind … in the order in which they are read. */
export type Members = readonly (string | number | boolean)[];

/** The parameters of an operation, normalized. */
export interface Params {
  algorithm: Algorithm;
  additionalData?: Uint8Array;
  associatedData?: Uint8Array;
  context?: Uint8Array;
  counter?: Uint8Array;
  customization?: Uint8Array;
  functionName?: Uint8Array;
  hash?: string;
  info?: Uint8Array;
  iterations?: number;
  iv?: Uint8Array;
  label?: Uint8Array;
  length?: number;
  memory?: number;
  modulusLength?: number;
  namedCurve?: string;
  nonce?: Uint8Array;
  parallelism?: number;
  passes?: number;
  public?: KeyState;
  publicExponent?: Uint8Array;
  salt?: Uint8Array;
  saltLength?: number;
  secretValue?: Uint8Array;
  tagLength?: number;
  version?: number;
}

export interface KeyPair {
  publicKey: KeyState;
  privateKey: KeyState;
}

/** The operations of an algorithm. Those that it has are those that `takes` names. */
export interface Algorithm {
  readonly name: string;
  /** The members of the parameters that each operation takes, by operation. Without a prototype. */
  readonly takes: { readonly [operation: string]: Members | undefined };
  digest?(params: Params, data: BufferSource): Outcome<ArrayBuffer>;
  encrypt?(params: Params, key: KeyState, data: BufferSource): Outcome<ArrayBuffer>;
  decrypt?(params: Params, key: KeyState, data: BufferSource): Outcome<ArrayBuffer>;
  sign?(params: Params, key: KeyState, data: BufferSource): Outcome<ArrayBuffer>;
  verify?(params: Params, key: KeyState, signature: BufferSource, data: BufferSource): Outcome<boolean>;
  wrapKey?(params: Params, key: KeyState, data: BufferSource): Outcome<ArrayBuffer>;
  unwrapKey?(params: Params, key: KeyState, data: BufferSource): Outcome<ArrayBuffer>;
  deriveBits?(params: Params, key: KeyState, length: number | null): Outcome<ArrayBuffer>;
  /** Bits of a key for deriveKey; null: whatever there is. */
  keyLength?(params: Params): number | null;
  generateKey?(params: Params, extractable: boolean, usages: number): Outcome<KeyState | KeyPair>;
  importKey?(params: Params, format: string, data: BufferSource | JwkSource, extractable: boolean, usages: number): KeyState;
  exportKey?(format: string, key: KeyState): ArrayBuffer | JwkFields;
  encapsulate?(key: KeyState): Outcome<[ArrayBuffer, ArrayBuffer]>;
  decapsulate?(key: KeyState, ciphertext: BufferSource): Outcome<ArrayBuffer>;
  /** Usages of a public key, if there are public keys. */
  readonly publicUsages?: number;
  /** Throws if these parameters make no key, for SubtleCrypto.supports. */
  checkGenerate?(params: Params): void;
  checkImport?(params: Params): void;
  checkDerive?(params: Params, length: number | null): void;
}

const registry: { [upperName: string]: Algorithm } = { __proto__: null as never };

/** Adds algorithms. Again does no harm. */
export function register(algorithms: readonly Algorithm[]): void {
  for (let i = 0; i < algorithms.length; i++) registry[asciiUpper(algorithms[i]!.name)] = ObjectSetPrototypeOf(algorithms[i]!, null) as Algorithm; // what it lacks it lacks
}

/** Where the algorithms come from that are not there at the start, by the beginning of their names. */
const sources: { begins: readonly string[]; load: (() => void) | undefined }[] = [];

/** load registers the algorithms whose names begin so, when the first of them is asked for. */
export function registerLater(begins: readonly string[], load: () => void): void {
  append(sources, { begins, load });
}

function asciiUpper(text: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const c = StringPrototypeCharCodeAt(text, i);
    out += StringFromCharCode(c >= 0x61 && c <= 0x7a ? c - 32 : c);
  }
  return out;
}

function begins(text: string, start: string): boolean {
  if (text.length < start.length) return false;
  for (let i = 0; i < start.length; i++) if (text[i] !== start[i]) return false;
  return true;
}

export function findAlgorithm(name: string): Algorithm | undefined {
  const upper = asciiUpper(name);
  const found = registry[upper];
  if (found !== undefined) return found;
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i]!;
    if (source.load === undefined) continue;
    for (let k = 0; k < source.begins.length; k++) {
      if (!begins(upper, source.begins[k]!)) continue;
      source.load();
      source.load = undefined;
      return registry[upper];
    }
  }
  return undefined;
}

/** Of a key that exists. */
export const algorithmOf = (key: KeyState): Algorithm => findAlgorithm(key.name)!;

/** The IDL type AlgorithmIdentifier. */
export function toIdentifier(v: unknown): object | string {
  return isObject(v) ? v : toDOMString(v);
}

export function notSupported(message: string): DOMException {
  return new DOMException(message, "NotSupportedError");
}

export function normalize(identifier: object | string, operation: string): Params {
  const context = `SubtleCrypto.${operation}: algorithm`;
  const name = typeof identifier === "string" ? identifier : nameOf(identifier, context);
  const algorithm = findAlgorithm(name);
  const members = algorithm?.takes[operation];
  if (algorithm === undefined || members === undefined) throw notSupported(`SubtleCrypto.${operation}: "${name}" is not a supported algorithm.`);
  const params = { __proto__: null as never, algorithm } as Params;
  for (let i = 0; i < members.length; i += 3) {
    const member = members[i] as keyof Params;
    const value: unknown = typeof identifier === "string" ? undefined : (identifier as { [name: string]: unknown })[member];
    if (value === undefined) {
      if (members[i + 2] === true) throw typeError(context, `the member ${member} is missing.`);
      continue;
    }
    params[member] = convert(value, members[i + 1] as number, `${context}.${member}`) as never;
  }
  return params;
}

function nameOf(identifier: object, context: string): string {
  const { name } = identifier as { name?: unknown };
  if (name === undefined) throw typeError(context, "the member name is missing.");
  return toDOMString(name);
}

function convert(value: unknown, kind: number, context: string): unknown {
  switch (kind) {
    case BYTES:
      if (!isBufferSource(value)) throw typeError(context, "the value is not an ArrayBuffer or a view of one.");
      return copyBytes(value);
    case OCTET:
      return toInteger(value, 8, false, context, { enforceRange: true });
    case USHORT:
      return toInteger(value, 16, false, context, { enforceRange: true });
    case ULONG:
      return toInteger(value, 32, false, context, { enforceRange: true });
    case HASH:
      return normalize(toIdentifier(value), "hash").algorithm.name;
    case STRING:
      return toDOMString(value);
    case KEY: {
      const key = keyState(value);
      if (key === undefined) throw typeError(context, "the value is not a CryptoKey.");
      return key;
    }
    default:
      if (TypedArrayPrototypeGetSymbolToStringTag(value) !== "Uint8Array") throw typeError(context, "the value is not a Uint8Array.");
      return copyBytes(value as Uint8Array);
  }
}
