// Crypto (https://w3c.github.io/webcrypto/#crypto-interface), with DigestStream as on the Workers platform.

import { requireEvent } from "../bootstrap/context.ts";
import { native } from "../bootstrap/native.ts";
import { ArrayBufferIsView, TypedArrayPrototypeGetSymbolToStringTag, viewByteLength } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, requireArguments, typeError } from "../bootstrap/webidl.ts";
import { DigestStream } from "./crypto/digest-stream.ts";
import { subtle, type SubtleCrypto } from "./crypto/subtle.ts";
import { DOMException, QuotaExceededError } from "./domexception.ts";

const construct = {};

/** Bytes that one getRandomValues may ask for (§10.1.1). */
export const randomBytesMax = 65536;

export class Crypto {
  #brand = true;
  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }

  get subtle(): SubtleCrypto {
    void this.#brand;
    return subtle;
  }

  getRandomValues(array: unknown): unknown {
    void this.#brand;
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
    void this.#brand;
    requireEvent();
    return native.randomUUID();
  }

  get DigestStream(): typeof DigestStream {
    void this.#brand;
    return DigestStream;
  }
}
defineInterface(Crypto);

export const crypto: Crypto = new Crypto(construct);
