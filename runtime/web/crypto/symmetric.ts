// Secret keys of ciphers and of HMAC: AES-CTR, AES-CBC, AES-GCM, AES-KW, HMAC
// (https://w3c.github.io/webcrypto/#algorithms).

import { native } from "../../bootstrap/native.ts";
import { ArrayBufferPrototypeGetByteLength, StringPrototypeSlice, TypedArrayPrototypeGetByteLength, TypeError } from "../../bootstrap/primordials.ts";
import { allowUsages, badFormat, DECRYPT, ENCRYPT, NONE, requireUsages, SIGN, UNWRAP, VERIFY, WRAP } from "./common.ts";
import { checkJwk, dataError, jwkBytes, type JwkFields, type JwkSource, writeJwk } from "./jwk.ts";
import type { KeyState } from "./key.ts";
import { type Algorithm, BYTES, HASH, type Members, OCTET, type Params, register, ULONG, USHORT } from "./normalize.ts";
import { type BufferSource, failed, type Outcome, run, toBoolean, toBytes } from "./run.ts";

const sizeOf = (data: ArrayBuffer): number => ArrayBufferPrototypeGetByteLength(data);

/** A kind of secret key: how it is imported, exported and made. */
export interface SecretKind {
  readonly usages: number;
  /** Of JSON Web Keys: "enc" or "sig". */
  readonly use: string;
  /** Whether the format "raw" exists beside "raw-secret". */
  readonly raw: boolean;
  /** Bits of a new key; throws if the parameters are not good. */
  newLength(params: Params): number;
  /** Bits to note, for key material of so many bytes; throws if it is no such key. */
  noteLength(params: Params, bytes: number): number | undefined;
  jwkAlg(key: { hash: string | undefined; length: number | undefined }): string | undefined;
}

/** The three operations that every kind of secret key has. */
export function secretKeys(name: string, kind: SecretKind): Pick<Algorithm, "generateKey" | "importKey" | "exportKey" | "checkGenerate"> {
  const make = (params: Params, handle: KeyState["handle"], length: number | undefined, extractable: boolean, usages: number): KeyState => ({
    type: "secret",
    extractable,
    usages,
    name,
    hash: params.hash,
    length,
    curve: undefined,
    exponent: undefined,
    handle,
  });
  return {
    checkGenerate(params) {
      kind.newLength(params);
    },
    generateKey(params, extractable, usages): Outcome<KeyState> {
      allowUsages(usages, kind.usages, name);
      const length = kind.newLength(params);
      requireUsages(usages);
      return run("generate secret", { n: length }, (raw) => make(params, raw as KeyState["handle"], kind.noteLength(params, (length + 7) >> 3) === undefined ? undefined : length, extractable, usages));
    },
    importKey(params, format, data, extractable, usages): KeyState {
      allowUsages(usages, kind.usages, name);
      let bytes: BufferSource;
      if (format === "jwk") {
        const jwk = data as JwkSource;
        checkJwk(jwk, "oct", kind.use, extractable, usages);
        bytes = jwkBytes(jwk, "k");
        const alg = kind.jwkAlg({ hash: params.hash, length: 8 * sizeOf(bytes) });
        const length = kind.noteLength(params, sizeOf(bytes));
        if (jwk.alg !== undefined && alg !== undefined && jwk.alg !== alg) throw dataError(`The key's alg must be "${alg}".`);
        return make(params, native.keyFromSecret(bytes), length, extractable, usages);
      }
      if (format !== "raw-secret" && !(format === "raw" && kind.raw)) throw badFormat(format, name);
      const handle = native.keyFromSecret(data as BufferSource);
      return make(params, handle, kind.noteLength(params, secretSize(data as BufferSource)), extractable, usages);
    },
    exportKey(format, key): ArrayBuffer | JwkFields {
      if (format === "jwk") return writeJwk(key, "oct", kind.jwkAlg(key), NONE as never, [native.keyExport(key.handle, "secret") as ArrayBuffer], ["k"]);
      if (format === "raw-secret" || (format === "raw" && kind.raw)) return native.keyExport(key.handle, "secret") as ArrayBuffer;
      throw badFormat(format, name);
    },
  };
}

export function secretSize(data: BufferSource): number {
  return native.byteLength(data);
}

// ---- AES

export function aesLength(length: number | undefined): number {
  if (length !== 128 && length !== 192 && length !== 256) throw failed("An AES key must have 128, 192 or 256 bits.");
  return length;
}

function noteAesLength(_params: Params, bytes: number): number {
  if (bytes !== 16 && bytes !== 24 && bytes !== 32) throw dataError("An AES key must have 128, 192 or 256 bits.");
  return bytes * 8;
}

const keyLengthMembers: Members = ["length", USHORT, true];

/** An AES mode; params are the members that encrypt and decrypt take. */
export function aes(name: string, params: Members, raw: boolean, more: Partial<Algorithm>): Algorithm {
  const wraps = name === "AES-KW";
  const kind: SecretKind = {
    usages: wraps ? WRAP | UNWRAP : ENCRYPT | DECRYPT | WRAP | UNWRAP,
    use: "enc",
    raw,
    newLength: (p) => aesLength(p.length),
    noteLength: noteAesLength,
    jwkAlg: (key) => `A${key.length}${StringPrototypeSlice(name, 4)}`,
  };
  return {
    name,
    takes: {
      __proto__: null as never,
      generateKey: keyLengthMembers,
      importKey: NONE,
      exportKey: NONE,
      "get key length": keyLengthMembers,
      ...(wraps ? { wrapKey: NONE, unwrapKey: NONE } : { encrypt: params, decrypt: params }),
    },
    keyLength: (p) => aesLength(p.length),
    ...secretKeys(name, kind),
    ...more,
  };
}

/** An authenticated mode; the names are those of the host's operations. */
export function sealing(operation: string, tags: readonly number[]): Pick<Algorithm, "encrypt" | "decrypt"> {
  const tagOf = (params: Params): number => {
    const bits = params.tagLength ?? 128;
    for (let i = 0; i < tags.length; i++) if (tags[i] === bits) return bits / 8;
    throw failed(`The tag cannot have ${bits} bits.`);
  };
  return {
    encrypt: (params, key, data) => run(`${operation} encrypt`, { key: key.handle, data, a: params.iv, b: params.additionalData, n: tagOf(params) }, toBytes),
    decrypt: (params, key, data) => run(`${operation} decrypt`, { key: key.handle, data, a: params.iv, b: params.additionalData, n: tagOf(params) }, toBytes),
  };
}

/** AesGcmParams, AeadParams */
export const sealingMembers: Members = ["additionalData", BYTES, false, "iv", BYTES, true, "tagLength", OCTET, false];

function ctr(params: Params, key: KeyState, data: BufferSource): Outcome<ArrayBuffer> {
  if (TypedArrayPrototypeGetByteLength(params.counter!) !== 16) throw failed("The counter must have 16 bytes.");
  return run("aes-ctr", { key: key.handle, data, a: params.counter, n: params.length }, toBytes);
}

// ---- HMAC

function blockBits(hash: string): number {
  switch (hash) {
    case "SHA-384":
    case "SHA-512":
      return 1024;
    case "SHA3-256":
      return 1088;
    case "SHA3-384":
      return 832;
    case "SHA3-512":
      return 576;
    default:
      return 512;
  }
}

/** A length that is given must be one of a key of so many bytes. */
export function givenLength(given: number | undefined, bytes: number): number {
  const bits = bytes * 8;
  if (given === undefined) return bits;
  if (given > bits || given <= bits - 8) throw dataError("The length does not fit the key.");
  return given;
}

const hmacMembers: Members = ["hash", HASH, true, "length", ULONG, false];

const hmacKind: SecretKind = {
  usages: SIGN | VERIFY,
  use: "sig",
  raw: true,
  newLength(params) {
    if (params.length === 0) throw failed("The length of a key must not be 0.");
    return params.length ?? blockBits(params.hash!);
  },
  noteLength(params, bytes) {
    if (bytes === 0) throw dataError("The key is empty.");
    return givenLength(params.length, bytes);
  },
  jwkAlg(key) {
    switch (key.hash) {
      case "SHA-1":
        return "HS1";
      case "SHA-256":
        return "HS256";
      case "SHA-384":
        return "HS384";
      case "SHA-512":
        return "HS512";
      default:
        return undefined;
    }
  },
};

register([
  aes("AES-CTR", ["counter", BYTES, true, "length", OCTET, true], true, { encrypt: ctr, decrypt: ctr }),
  aes("AES-CBC", ["iv", BYTES, true], true, {
    encrypt: (params, key, data) => run("aes-cbc encrypt", { key: key.handle, data, a: params.iv }, toBytes),
    decrypt: (params, key, data) => run("aes-cbc decrypt", { key: key.handle, data, a: params.iv }, toBytes),
  }),
  aes("AES-GCM", sealingMembers, true, sealing("aes-gcm", [32, 64, 96, 104, 112, 120, 128])),
  aes("AES-KW", NONE, true, {
    wrapKey: (_params, key, data) => run("aes-kw wrap", { key: key.handle, data }, toBytes),
    unwrapKey: (_params, key, data) => run("aes-kw unwrap", { key: key.handle, data }, toBytes),
  }),
  {
    name: "HMAC",
    takes: { __proto__: null as never, sign: NONE, verify: NONE, generateKey: hmacMembers, importKey: hmacMembers, exportKey: NONE, "get key length": hmacMembers },
    sign: (_params, key, data) => run("hmac sign", { name: key.hash, key: key.handle, data }, toBytes),
    verify: (_params, key, signature, data) => run("hmac verify", { name: key.hash, key: key.handle, data, a: signature }, toBoolean),
    keyLength(params) {
      if (params.length === 0) throw new TypeError("The length of a key must not be 0.");
      return params.length ?? blockBits(params.hash!);
    },
    ...secretKeys("HMAC", hmacKind),
  },
]);

