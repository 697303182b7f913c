// What the methods of SubtleCrypto do (https://w3c.github.io/webcrypto/#SubtleCrypto-interface,
// https://wicg.github.io/webcrypto-modern-algos/#subtlecrypto-interface). Each takes its arguments as the worker gave them, and
// throws or gives an outcome.

import { requireEvent } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import { isBufferSource, toDOMString, toEnum, toSequence, toUnsignedLong, typeError } from "../../bootstrap/webidl.ts";
import { invalidAccess, requireUsages, syntaxError } from "./common.ts";
import "./curves.ts";
import "./derivation.ts";
import "./digests.ts";
import { jwkJson, jwkObject, type JwkFields, type JwkSource, parseJwk, toJwk } from "./jwk.ts";
import { type CryptoKey, type KeyState, keyState, makeKey, usageBit } from "./key.ts";
import { registerModern } from "./modern.ts";
import { algorithmOf, findAlgorithm, type KeyPair, normalize, notSupported, type Params, registerLater, toIdentifier } from "./normalize.ts";
import "./rsa.ts";
import { type BufferSource, chain, type Outcome } from "./run.ts";
import "./symmetric.ts";

registerLater(["AES-OCB", "CHACHA20", "CSHAKE", "KMAC", "ARGON2", "ML-"], () => registerModern());

const formats = ["raw-public", "raw-private", "raw-seed", "raw-secret", "raw", "spki", "pkcs8", "jwk"] as const;

// ---- arguments

function toKey(v: unknown, context: string): KeyState {
  const key = keyState(v);
  if (key === undefined) throw typeError(context, "the key is not a CryptoKey.");
  return key;
}

function toData(v: unknown, context: string): BufferSource {
  if (!isBufferSource(v)) throw typeError(context, "the data is not an ArrayBuffer or a view of one.");
  return v;
}

function toFormat(v: unknown, context: string): string {
  return toEnum(v, formats, `${context}: format`);
}

/** sequence<KeyUsage>, as a set. */
function toUsages(v: unknown, context: string): number {
  let usages = 0;
  toSequence(
    v,
    (item) => {
      const name = toDOMString(item);
      const bit = usageBit(name);
      if (bit === 0) throw typeError(context, `"${name}" is not a key usage.`);
      usages |= bit;
    },
    `${context}: keyUsages`,
  );
  return usages;
}

/** The key is for this algorithm and may be used so. */
function allow(params: Params, key: KeyState, usage: string): void {
  if (params.algorithm.name !== key.name) throw invalidAccess(`The key is for ${key.name}, not for ${params.algorithm.name}.`);
  if ((key.usages & usageBit(usage)) === 0) throw invalidAccess(`The key's usages do not include "${usage}".`);
}

// ---- data

export function digest(algorithm: unknown, data: unknown): Outcome<ArrayBuffer> {
  const identifier = toIdentifier(algorithm);
  const bytes = toData(data, "SubtleCrypto.digest");
  const params = normalize(identifier, "digest");
  return params.algorithm.digest!(params, bytes);
}

export function encrypt(algorithm: unknown, key: unknown, data: unknown): Outcome<ArrayBuffer> {
  const context = "SubtleCrypto.encrypt";
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, context);
  const bytes = toData(data, context);
  const params = normalize(identifier, "encrypt");
  allow(params, state, "encrypt");
  return params.algorithm.encrypt!(params, state, bytes);
}

export function decrypt(algorithm: unknown, key: unknown, data: unknown): Outcome<ArrayBuffer> {
  const context = "SubtleCrypto.decrypt";
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, context);
  const bytes = toData(data, context);
  const params = normalize(identifier, "decrypt");
  allow(params, state, "decrypt");
  return params.algorithm.decrypt!(params, state, bytes);
}

export function sign(algorithm: unknown, key: unknown, data: unknown): Outcome<ArrayBuffer> {
  const context = "SubtleCrypto.sign";
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, context);
  const bytes = toData(data, context);
  const params = normalize(identifier, "sign");
  allow(params, state, "sign");
  return params.algorithm.sign!(params, state, bytes);
}

export function verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Outcome<boolean> {
  const context = "SubtleCrypto.verify";
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, context);
  const given = toData(signature, context);
  const bytes = toData(data, context);
  const params = normalize(identifier, "verify");
  allow(params, state, "verify");
  return params.algorithm.verify!(params, state, given, bytes);
}

// ---- keys

/** A key that was imported or derived. */
function finish(key: KeyState): CryptoKey {
  if (key.type !== "public") requireUsages(key.usages);
  return makeKey(key);
}

export function generateKey(algorithm: unknown, extractable: unknown, keyUsages: unknown): Outcome<CryptoKey | { publicKey: CryptoKey; privateKey: CryptoKey }> {
  const identifier = toIdentifier(algorithm);
  const usages = toUsages(keyUsages, "SubtleCrypto.generateKey");
  const params = normalize(identifier, "generateKey");
  requireEvent();
  return chain(params.algorithm.generateKey!(params, !!extractable, usages), (made) => {
    if ("handle" in made) return makeKey(made);
    return { publicKey: makeKey((made as KeyPair).publicKey), privateKey: makeKey((made as KeyPair).privateKey) };
  });
}

export function importKey(format: unknown, keyData: unknown, algorithm: unknown, extractable: unknown, keyUsages: unknown): Outcome<CryptoKey> {
  const context = "SubtleCrypto.importKey";
  const wanted = toFormat(format, context);
  const isBytes = isBufferSource(keyData);
  const data = isBytes ? keyData : toJwk(keyData);
  const identifier = toIdentifier(algorithm);
  const usages = toUsages(keyUsages, context);
  const params = normalize(identifier, "importKey");
  if ((wanted === "jwk") === isBytes) throw typeError(context, isBytes ? 'with the format "jwk" the key must be a JsonWebKey.' : "the key must be an ArrayBuffer or a view of one.");
  return finish(params.algorithm.importKey!(params, wanted, data, !!extractable, usages));
}

export function exportKey(format: unknown, key: unknown): Outcome<ArrayBuffer | object> {
  const context = "SubtleCrypto.exportKey";
  const wanted = toFormat(format, context);
  const exported = exportedKey(wanted, toKey(key, context));
  return wanted === "jwk" ? jwkObject(exported as JwkFields) : (exported as ArrayBuffer);
}

function exportedKey(format: string, key: KeyState): ArrayBuffer | JwkFields {
  const algorithm = algorithmOf(key);
  if (algorithm.takes["exportKey"] === undefined) throw notSupported(`${key.name} keys cannot be exported.`);
  if (!key.extractable) throw invalidAccess("The key is not extractable.");
  return algorithm.exportKey!(format, key);
}

/** By the operation if the algorithm has it, else by the one that does the same to data. */
function normalizeEither(identifier: object | string, operation: string, other: string): Params {
  const name = typeof identifier === "string" ? identifier : (identifier as { name?: unknown }).name;
  const algorithm = name === undefined ? undefined : findAlgorithm(toDOMString(name));
  return normalize(identifier, algorithm?.takes[operation] !== undefined ? operation : other);
}

export function wrapKey(format: unknown, key: unknown, wrappingKey: unknown, wrapAlgorithm: unknown): Outcome<ArrayBuffer> {
  const context = "SubtleCrypto.wrapKey";
  const wanted = toFormat(format, context);
  const state = toKey(key, context);
  const wrapping = toKey(wrappingKey, context);
  const params = normalizeEither(toIdentifier(wrapAlgorithm), "wrapKey", "encrypt");
  allow(params, wrapping, "wrapKey");
  const exported = exportedKey(wanted, state);
  const bytes = wanted === "jwk" ? jwkJson(exported as JwkFields) : (exported as ArrayBuffer);
  const { algorithm } = params;
  return algorithm.takes["wrapKey"] !== undefined ? algorithm.wrapKey!(params, wrapping, bytes) : algorithm.encrypt!(params, wrapping, bytes);
}

export function unwrapKey(
  format: unknown,
  wrappedKey: unknown,
  unwrappingKey: unknown,
  unwrapAlgorithm: unknown,
  unwrappedKeyAlgorithm: unknown,
  extractable: unknown,
  keyUsages: unknown,
): Outcome<CryptoKey> {
  const context = "SubtleCrypto.unwrapKey";
  const wanted = toFormat(format, context);
  const wrapped = toData(wrappedKey, context);
  const unwrapping = toKey(unwrappingKey, context);
  const identifier = toIdentifier(unwrapAlgorithm);
  const keyIdentifier = toIdentifier(unwrappedKeyAlgorithm);
  const usages = toUsages(keyUsages, context);
  const params = normalizeEither(identifier, "unwrapKey", "decrypt");
  const keyParams = normalize(keyIdentifier, "importKey");
  allow(params, unwrapping, "unwrapKey");
  const { algorithm } = params;
  const unwrapped = algorithm.takes["unwrapKey"] !== undefined ? algorithm.unwrapKey!(params, unwrapping, wrapped) : algorithm.decrypt!(params, unwrapping, wrapped);
  return chain(unwrapped, (bytes) => {
    const data: ArrayBuffer | JwkSource = wanted === "jwk" ? parseJwk(bytes) : bytes;
    return finish(keyParams.algorithm.importKey!(keyParams, wanted, data, !!extractable, usages));
  });
}

export function deriveBits(algorithm: unknown, baseKey: unknown, length: unknown): Outcome<ArrayBuffer> {
  const context = "SubtleCrypto.deriveBits";
  const identifier = toIdentifier(algorithm);
  const key = toKey(baseKey, context);
  const bits = length === undefined || length === null ? null : toUnsignedLong(length, context);
  const params = normalize(identifier, "deriveBits");
  allow(params, key, "deriveBits");
  return params.algorithm.deriveBits!(params, key, bits);
}

export function deriveKey(algorithm: unknown, baseKey: unknown, derivedKeyType: unknown, extractable: unknown, keyUsages: unknown): Outcome<CryptoKey> {
  const context = "SubtleCrypto.deriveKey";
  const identifier = toIdentifier(algorithm);
  const key = toKey(baseKey, context);
  const keyIdentifier = toIdentifier(derivedKeyType);
  const usages = toUsages(keyUsages, context);
  const params = normalize(identifier, "deriveBits");
  const keyParams = normalize(keyIdentifier, "importKey");
  const lengthParams = normalize(keyIdentifier, "get key length");
  allow(params, key, "deriveKey");
  const length = lengthParams.algorithm.keyLength!(lengthParams);
  return chain(params.algorithm.deriveBits!(params, key, length), (bits) => finish(keyParams.algorithm.importKey!(keyParams, "raw-secret", bits, !!extractable, usages)));
}

export function getPublicKey(key: unknown, keyUsages: unknown): Outcome<CryptoKey> {
  const context = "SubtleCrypto.getPublicKey";
  const state = toKey(key, context);
  const usages = toUsages(keyUsages, context);
  const algorithm = algorithmOf(state);
  if (algorithm.takes["getPublicKey"] === undefined) throw notSupported(`${state.name} has no public keys.`);
  if (state.type !== "private") throw invalidAccess("The key is not a private key.");
  if ((usages & ~algorithm.publicUsages!) !== 0) throw syntaxError(`The usages are not all possible for a public ${state.name} key.`);
  const { name, hash, length, curve, exponent } = state;
  return makeKey({ type: "public", extractable: true, usages, name, hash, length, curve, exponent, handle: native.keyPublic(state.handle) });
}

// ---- encapsulation

export function encapsulateBits(algorithm: unknown, key: unknown): Outcome<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }> {
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, "SubtleCrypto.encapsulateBits");
  const params = normalize(identifier, "encapsulate");
  allow(params, state, "encapsulateBits");
  requireEvent();
  return chain(params.algorithm.encapsulate!(state), (pair) => ({ sharedKey: pair[0], ciphertext: pair[1] }));
}

export function encapsulateKey(algorithm: unknown, key: unknown, sharedKeyAlgorithm: unknown, extractable: unknown, keyUsages: unknown): Outcome<{ sharedKey: CryptoKey; ciphertext: ArrayBuffer }> {
  const context = "SubtleCrypto.encapsulateKey";
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, context);
  const keyIdentifier = toIdentifier(sharedKeyAlgorithm);
  const usages = toUsages(keyUsages, context);
  const params = normalize(identifier, "encapsulate");
  const keyParams = normalize(keyIdentifier, "importKey");
  allow(params, state, "encapsulateKey");
  requireEvent();
  return chain(params.algorithm.encapsulate!(state), (pair) => ({
    sharedKey: finish(keyParams.algorithm.importKey!(keyParams, "raw-secret", pair[0], !!extractable, usages)),
    ciphertext: pair[1],
  }));
}

export function decapsulateBits(algorithm: unknown, key: unknown, ciphertext: unknown): Outcome<ArrayBuffer> {
  const context = "SubtleCrypto.decapsulateBits";
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, context);
  const data = toData(ciphertext, context);
  const params = normalize(identifier, "decapsulate");
  allow(params, state, "decapsulateBits");
  return params.algorithm.decapsulate!(state, data);
}

export function decapsulateKey(algorithm: unknown, key: unknown, ciphertext: unknown, sharedKeyAlgorithm: unknown, extractable: unknown, keyUsages: unknown): Outcome<CryptoKey> {
  const context = "SubtleCrypto.decapsulateKey";
  const identifier = toIdentifier(algorithm);
  const state = toKey(key, context);
  const data = toData(ciphertext, context);
  const keyIdentifier = toIdentifier(sharedKeyAlgorithm);
  const usages = toUsages(keyUsages, context);
  const params = normalize(identifier, "decapsulate");
  const keyParams = normalize(keyIdentifier, "importKey");
  allow(params, state, "decapsulateKey");
  return chain(params.algorithm.decapsulate!(state, data), (secret) => finish(keyParams.algorithm.importKey!(keyParams, "raw-secret", secret, !!extractable, usages)));
}

// ---- SubtleCrypto.supports

const plainOperations = ["encrypt", "decrypt", "sign", "verify", "digest"];

/** https://wicg.github.io/webcrypto-modern-algos/#SubtleCrypto-method-supports */
export function supports(operation: unknown, algorithm: unknown, third: unknown): boolean {
  const name = toDOMString(operation);
  const identifier = toIdentifier(algorithm);
  // The overloads: a length, or another algorithm.
  const isLength = third === undefined || third === null || typeof third === "number" || typeof third === "boolean";
  const length = third === undefined || third === null ? null : isLength ? toUnsignedLong(third, "SubtleCrypto.supports") : undefined;
  const other = isLength ? undefined : toIdentifier(third);
  try {
    return supported(name, identifier, length, other);
  } catch {
    return false;
  }
}

function supported(operation: string, identifier: object | string, length: number | null | undefined, other: object | string | undefined): boolean {
  for (let i = 0; i < plainOperations.length; i++) {
    if (plainOperations[i] !== operation) continue;
    if (other !== undefined) return false;
    normalize(identifier, operation);
    return true;
  }
  switch (operation) {
    case "generateKey": {
      const params = normalize(identifier, "generateKey");
      params.algorithm.checkGenerate?.(params);
      return true;
    }
    case "importKey": {
      const params = normalize(identifier, "importKey");
      params.algorithm.checkImport?.(params);
      return true;
    }
    case "exportKey":
    case "getPublicKey":
      return findAlgorithm(typeof identifier === "string" ? identifier : toDOMString((identifier as { name?: unknown }).name))?.takes[operation] !== undefined;
    case "deriveBits": {
      if (length === undefined) return false;
      const params = normalize(identifier, "deriveBits");
      params.algorithm.checkDerive?.(params, length);
      return true;
    }
    case "deriveKey": {
      if (other === undefined) return false;
      const lengthParams = normalize(other, "get key length");
      normalize(other, "importKey");
      const params = normalize(identifier, "deriveBits");
      params.algorithm.checkDerive?.(params, lengthParams.algorithm.keyLength!(lengthParams));
      return true;
    }
    case "wrapKey":
    case "unwrapKey": {
      normalizeEither(identifier, operation, operation === "wrapKey" ? "encrypt" : "decrypt");
      return other === undefined || supported(operation === "wrapKey" ? "exportKey" : "importKey", other, null, undefined);
    }
    case "encapsulateBits":
    case "decapsulateBits":
      normalize(identifier, operation === "encapsulateBits" ? "encapsulate" : "decapsulate");
      return other === undefined;
    case "encapsulateKey":
    case "decapsulateKey":
      if (other === undefined) return false;
      normalize(identifier, operation === "encapsulateKey" ? "encapsulate" : "decapsulate");
      return supported("importKey", other, null, undefined);
    default:
      return false;
  }
}
