// Crypto, SubtleCrypto and CryptoKey (https://w3c.github.io/webcrypto/). Deviation: of SubtleCrypto only digest works so
// far (SHA-1, SHA-256, SHA-384, SHA-512, and MD5 as on the Workers platform); the other methods reject with a
// NotSupportedError that names them.

import { requireEvent } from "../bootstrap/context.ts";
import { native } from "../bootstrap/native.ts";
import {
  ArrayBufferIsView,
  PromiseReject,
  PromiseResolve,
  StringPrototypeToUpperCase,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array,
  viewBuffer,
  viewByteLength,
} from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, isBufferSource, isObject, requireArguments, toDOMString, typeError } from "../bootstrap/webidl.ts";
import { DOMException, QuotaExceededError } from "./domexception.ts";

const construct = {};

/** Bytes that one getRandomValues may ask for (§10.1.1). */
export const randomBytesMax = 65536;

const digests = ["SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5"];

/** "Normalize an algorithm" for digest. */
function digestName(algorithm: unknown): string {
  let name: unknown = algorithm;
  if (isObject(algorithm)) {
    name = (algorithm as { name?: unknown }).name;
    if (name === undefined) throw typeError("SubtleCrypto.digest", "the algorithm has no name.");
  }
  const given = toDOMString(name);
  const upper = StringPrototypeToUpperCase(given);
  for (let i = 0; i < digests.length; i++) if (digests[i] === upper) return upper;
  throw new DOMException(`SubtleCrypto.digest: "${given}" is not a supported algorithm.`, "NotSupportedError");
}

function unsupported(method: string): Promise<never> {
  return PromiseReject(new DOMException(`SubtleCrypto.${method} is not supported yet.`, "NotSupportedError"));
}

export class SubtleCrypto {
  #brand = true;
  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }

  digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 2, "SubtleCrypto.digest");
      if (!isBufferSource(data)) throw typeError("SubtleCrypto.digest", "data is not an ArrayBuffer or a view of one.");
      const name = digestName(algorithm);
      // At once, so that nothing which happens to the data afterwards matters.
      const gone = native.isDetached(ArrayBufferIsView(data) ? viewBuffer(data) : data);
      return PromiseResolve(native.digest(name, gone ? new Uint8Array(0) : data)!);
    } catch (e) {
      return PromiseReject(e);
    }
  }

  encrypt(_algorithm: unknown, _key: unknown, _data: unknown): Promise<never> {
    return unsupported("encrypt");
  }

  decrypt(_algorithm: unknown, _key: unknown, _data: unknown): Promise<never> {
    return unsupported("decrypt");
  }

  sign(_algorithm: unknown, _key: unknown, _data: unknown): Promise<never> {
    return unsupported("sign");
  }

  verify(_algorithm: unknown, _key: unknown, _signature: unknown, _data: unknown): Promise<never> {
    return unsupported("verify");
  }

  generateKey(_algorithm: unknown, _extractable: unknown, _keyUsages: unknown): Promise<never> {
    return unsupported("generateKey");
  }

  deriveKey(_algorithm: unknown, _baseKey: unknown, _derivedKeyType: unknown, _extractable: unknown, _keyUsages: unknown): Promise<never> {
    return unsupported("deriveKey");
  }

  deriveBits(_algorithm: unknown, _baseKey: unknown): Promise<never> {
    return unsupported("deriveBits");
  }

  importKey(_format: unknown, _keyData: unknown, _algorithm: unknown, _extractable: unknown, _keyUsages: unknown): Promise<never> {
    return unsupported("importKey");
  }

  exportKey(_format: unknown, _key: unknown): Promise<never> {
    return unsupported("exportKey");
  }

  wrapKey(_format: unknown, _key: unknown, _wrappingKey: unknown, _wrapAlgorithm: unknown): Promise<never> {
    return unsupported("wrapKey");
  }

  unwrapKey(_format: unknown, _wrappedKey: unknown, _unwrappingKey: unknown, _unwrapAlgorithm: unknown, _unwrappedKeyAlgorithm: unknown, _extractable: unknown, _keyUsages: unknown): Promise<never> {
    return unsupported("unwrapKey");
  }
}
defineInterface(SubtleCrypto);

/** Never made yet, as no method that makes keys works. */
export class CryptoKey {
  constructor() {
    illegalConstructor();
  }
}
defineInterface(CryptoKey);

export class Crypto {
  #subtle: SubtleCrypto;
  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#subtle = new SubtleCrypto(construct);
  }

  get subtle(): SubtleCrypto {
    return this.#subtle;
  }

  getRandomValues(array: unknown): unknown {
    void this.#subtle;
    const context = "Crypto.getRandomValues";
    requireArguments(arguments.length, 1, context);
    if (!ArrayBufferIsView(array)) throw typeError(context, "Value is not a view of an ArrayBuffer.");
    switch (TypedArrayPrototypeGetSymbolToStringTag(array)) {
      case "Int8Array":
      case "Uint8Array":
      case "Uint8ClampedArray":
      case "Int16Array":
      case "Uint16Array":
      case "Int32Array":
      case "Uint32Array":
      case "BigInt64Array":
      case "BigUint64Array":
        break;
      default:
        throw new DOMException(`${context}: the array must be one of integers.`, "TypeMismatchError");
    }
    const requested = viewByteLength(array);
    if (requested > randomBytesMax) throw new QuotaExceededError(`${context}: ${requested} bytes are more than the ${randomBytesMax} that one call may ask for.`);
    requireEvent();
    if (requested > 0) native.randomFill(array);
    return array;
  }

  randomUUID(): string {
    void this.#subtle;
    requireEvent();
    return native.randomUUID();
  }
}
defineInterface(Crypto);

export const crypto: Crypto = new Crypto(construct);
