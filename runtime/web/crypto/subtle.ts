// SubtleCrypto (https://w3c.github.io/webcrypto/#subtlecrypto-interface, with the methods that
// https://wicg.github.io/webcrypto-modern-algos/ adds) and the extras of the Workers platform: timingSafeEqual, and MD5 for digest
// (https://developers.cloudflare.com/workers/runtime-apis/web-crypto/). What the methods do is in methods.ts, which a worker that
// only hashes does not need.

import { native } from "../../bootstrap/native.ts";
import { PromiseReject, promiseResolvedWith } from "../../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, isBufferSource, requireArguments, typeError } from "../../bootstrap/webidl.ts";
import {
  decapsulateBits,
  decapsulateKey,
  decrypt,
  deriveBits,
  deriveKey,
  digest,
  encapsulateBits,
  encapsulateKey,
  encrypt,
  exportKey,
  generateKey,
  getPublicKey,
  importKey,
  sign,
  supports,
  unwrapKey,
  verify,
  wrapKey,
} from "./methods.ts";
import { type CryptoKey } from "./key.ts";
import { toPromise } from "./run.ts";

const construct = {};

/** Bytes that are hashed at once: more may take so long that it is not for an executor. */
const quickDigestMax = 64 << 10;

export class SubtleCrypto {
  #brand = true;
  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }

  encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 3, "SubtleCrypto.encrypt");
      return toPromise(encrypt(algorithm, key, data));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 3, "SubtleCrypto.decrypt");
      return toPromise(decrypt(algorithm, key, data));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 3, "SubtleCrypto.sign");
      return toPromise(sign(algorithm, key, data));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 4, "SubtleCrypto.verify");
      return toPromise(verify(algorithm, key, signature, data));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 2, "SubtleCrypto.digest");
      // What most workers do, without the rest.
      if (typeof algorithm === "string" && isBufferSource(data) && native.byteLength(data) <= quickDigestMax) {
        const hash = native.digest(algorithm, data);
        if (hash !== undefined) return promiseResolvedWith(hash);
      }
      return toPromise(digest(algorithm, data));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  generateKey(algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey | { publicKey: CryptoKey; privateKey: CryptoKey }> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 3, "SubtleCrypto.generateKey");
      return toPromise(generateKey(algorithm, extractable, keyUsages));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  deriveKey(algorithm: unknown, baseKey: unknown, derivedKeyType: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 5, "SubtleCrypto.deriveKey");
      return toPromise(deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 2, "SubtleCrypto.deriveBits");
      return toPromise(deriveBits(algorithm, baseKey, length));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  importKey(format: unknown, keyData: unknown, algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 5, "SubtleCrypto.importKey");
      return toPromise(importKey(format, keyData, algorithm, extractable, keyUsages));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  exportKey(format: unknown, key: unknown): Promise<ArrayBuffer | object> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 2, "SubtleCrypto.exportKey");
      return toPromise(exportKey(format, key));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  wrapKey(format: unknown, key: unknown, wrappingKey: unknown, wrapAlgorithm: unknown): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 4, "SubtleCrypto.wrapKey");
      return toPromise(wrapKey(format, key, wrappingKey, wrapAlgorithm));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  unwrapKey(format: unknown, wrappedKey: unknown, unwrappingKey: unknown, unwrapAlgorithm: unknown, unwrappedKeyAlgorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 7, "SubtleCrypto.unwrapKey");
      return toPromise(unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, keyUsages));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  encapsulateKey(encapsulationAlgorithm: unknown, encapsulationKey: unknown, sharedKeyAlgorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<{ sharedKey: CryptoKey; ciphertext: ArrayBuffer }> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 5, "SubtleCrypto.encapsulateKey");
      return toPromise(encapsulateKey(encapsulationAlgorithm, encapsulationKey, sharedKeyAlgorithm, extractable, keyUsages));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  encapsulateBits(encapsulationAlgorithm: unknown, encapsulationKey: unknown): Promise<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 2, "SubtleCrypto.encapsulateBits");
      return toPromise(encapsulateBits(encapsulationAlgorithm, encapsulationKey));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  decapsulateKey(decapsulationAlgorithm: unknown, decapsulationKey: unknown, ciphertext: unknown, sharedKeyAlgorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 6, "SubtleCrypto.decapsulateKey");
      return toPromise(decapsulateKey(decapsulationAlgorithm, decapsulationKey, ciphertext, sharedKeyAlgorithm, extractable, keyUsages));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  decapsulateBits(decapsulationAlgorithm: unknown, decapsulationKey: unknown, ciphertext: unknown): Promise<ArrayBuffer> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 3, "SubtleCrypto.decapsulateBits");
      return toPromise(decapsulateBits(decapsulationAlgorithm, decapsulationKey, ciphertext));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  getPublicKey(key: unknown, keyUsages: unknown): Promise<CryptoKey> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 2, "SubtleCrypto.getPublicKey");
      return toPromise(getPublicKey(key, keyUsages));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  timingSafeEqual(a: unknown, b: unknown): boolean {
    void this.#brand;
    const context = "SubtleCrypto.timingSafeEqual";
    requireArguments(arguments.length, 2, context);
    if (!isBufferSource(a) || !isBufferSource(b)) throw typeError(context, "both arguments must be an ArrayBuffer or a view of one.");
    if (native.byteLength(a) !== native.byteLength(b)) throw typeError("", "Input buffers must have the same byte length.");
    return native.timingSafeEqual(a, b);
  }

  static supports(operation: unknown, algorithm: unknown, lengthOrAdditionalAlgorithm: unknown = null): boolean {
    requireArguments(arguments.length, 2, "SubtleCrypto.supports");
    return supports(operation, algorithm, lengthOrAdditionalAlgorithm);
  }
}
defineInterface(SubtleCrypto);

export const subtle: SubtleCrypto = new SubtleCrypto(construct);
