// Algorithms of https://wicg.github.io/webcrypto-modern-algos/: AES-OCB, ChaCha20-Poly1305, cSHAKE, KMAC, Argon2, ML-DSA and
// ML-KEM. Loaded when one of them is first asked for. Deviation: Argon2 uses at most 64 MiB of memory, and at most 256 MiB in all
// its passes together.

import { append } from "../../bootstrap/primordials.ts";
import { type KeyHandle, native } from "../../bootstrap/native.ts";
import { allowUsages, badFormat, DECAPSULATE, DECRYPT, ENCAPSULATE, ENCRYPT, exported, exportedParts, imported, invalidAccess, NONE, requireUsages, SIGN, UNWRAP, VERIFY, WRAP, wrongType } from "./common.ts";
import { derivedBytes, passwords } from "./derivation.ts";
import { checkJwk, dataError, jwkBytes, type JwkFields, type JwkSource, writeJwk } from "./jwk.ts";
import type { KeyState } from "./key.ts";
import { type Algorithm, BYTES, type KeyPair, type Members, notSupported, OCTET, type Params, register, ULONG } from "./normalize.ts";
import { type BufferSource, failed, type Outcome, run, toBoolean, toBytes } from "./run.ts";
import { aes, givenLength, sealing, sealingMembers, secretKeys } from "./symmetric.ts";

function wholeBytes(bits: number): number {
  if (bits % 8 !== 0) throw failed("The length of the output must be a multiple of 8.");
  return bits / 8;
}

const chacha: Algorithm = {
  name: "ChaCha20-Poly1305",
  takes: { __proto__: null as never, encrypt: sealingMembers, decrypt: sealingMembers, generateKey: NONE, importKey: NONE, exportKey: NONE, "get key length": NONE },
  keyLength: () => 256,
  ...sealing("chacha20-poly1305", [128]),
  ...secretKeys("ChaCha20-Poly1305", {
    usages: ENCRYPT | DECRYPT | WRAP | UNWRAP,
    use: "enc",
    raw: false,
    newLength: () => 256,
    noteLength(_params, bytes) {
      if (bytes !== 32) throw dataError("The key must have 256 bits.");
      return undefined;
    },
    jwkAlg: () => "C20P",
  }),
};

function cshake(name: string): Algorithm {
  return {
    name,
    takes: { __proto__: null as never, digest: ["customization", BYTES, false, "functionName", BYTES, false, "length", ULONG, true] },
    digest: (params, data) => run("cshake", { name, data, a: params.functionName, b: params.customization, n: wholeBytes(params.length!) }, toBytes),
  };
}

function kmac(name: string): Algorithm {
  const strength = name === "KMAC128" ? 128 : 256;
  const lengthMembers: Members = ["length", ULONG, false];
  const macMembers: Members = ["customization", BYTES, false, "length", ULONG, true];
  const keyLength = (params: Params): number => {
    if (params.length === 0) throw failed("The length of a key must not be 0.");
    return params.length ?? strength;
  };
  return {
    name,
    takes: { __proto__: null as never, sign: macMembers, verify: macMembers, generateKey: lengthMembers, importKey: lengthMembers, exportKey: NONE, "get key length": lengthMembers },
    sign: (params, key, data) => run("kmac sign", { name, key: key.handle, data, b: params.customization, n: wholeBytes(params.length!) }, toBytes),
    verify: (params, key, signature, data) => run("kmac verify", { name, key: key.handle, data, a: signature, b: params.customization, n: wholeBytes(params.length!) }, toBoolean),
    keyLength,
    ...secretKeys(name, {
      usages: SIGN | VERIFY,
      use: "sig",
      raw: false,
      newLength: keyLength,
      noteLength: (params, bytes) => givenLength(params.length, bytes),
      jwkAlg: () => `K${strength}`,
    }),
  };
}

function argon2(name: string): Algorithm {
  return {
    name,
    takes: {
      __proto__: null as never,
      deriveBits: ["associatedData", BYTES, false, "memory", ULONG, true, "nonce", BYTES, true, "parallelism", ULONG, true, "passes", ULONG, true, "secretValue", BYTES, false, "version", OCTET, false],
      importKey: NONE,
      "get key length": NONE,
    },
    deriveBits(params, key, length) {
      if (params.version !== undefined && params.version !== 0x13) throw failed("The version of Argon2 must be 0x13.");
      return run("argon2", { name, key: key.handle, a: params.nonce, b: params.secretValue, c: params.associatedData, n: derivedBytes(length, name), m: params.memory, o: params.passes, p: params.parallelism }, toBytes);
    },
    checkDerive: (_params, length) => void derivedBytes(length, name),
    ...passwords(name, false),
  };
}

/** Keys that grow from a seed. JSON Web Keys: RFC 9964, kty "AKP". */
function seeded(name: string, publicUsages: number, privateUsages: number, use: string): Pick<Algorithm, "publicUsages" | "generateKey" | "importKey" | "exportKey"> {
  const make = (handle: KeyHandle, type: "public" | "private", extractable: boolean, usages: number): KeyState => ({
    type,
    extractable,
    usages,
    name,
    hash: undefined,
    length: undefined,
    curve: undefined,
    exponent: undefined,
    handle,
  });
  const take = (result: KeyHandle | string): KeyHandle => {
    if (result === "A private key without its seed is not supported.") throw notSupported(result);
    return imported(result);
  };
  return {
    publicUsages,
    generateKey(_params, extractable, usages): Outcome<KeyPair> {
      allowUsages(usages, publicUsages | privateUsages, name);
      requireUsages(usages & privateUsages);
      return run("generate", { name }, (raw) => {
        const pair = raw as [KeyHandle, KeyHandle];
        return { publicKey: make(pair[0], "public", true, usages & publicUsages), privateKey: make(pair[1], "private", extractable, usages & privateUsages) };
      });
    },
    importKey(_params, format, data, extractable, usages): KeyState {
      let type: "public" | "private" = "public";
      let handle: KeyHandle;
      switch (format) {
        case "jwk": {
          const jwk = data as JwkSource;
          if (jwk.priv !== undefined) type = "private";
          allowUsages(usages, type === "public" ? publicUsages : privateUsages, name);
          checkJwk(jwk, "AKP", use, extractable, usages);
          if (jwk.alg !== name) throw dataError(`The key's alg must be "${name}".`);
          const parts = [jwkBytes(jwk, "pub")];
          if (type === "private") append(parts, jwkBytes(jwk, "priv"));
          handle = imported(native.keyImport(name, "parts", parts));
          break;
        }
        case "spki":
        case "pkcs8":
          if (format === "pkcs8") type = "private";
          allowUsages(usages, type === "public" ? publicUsages : privateUsages, name);
          handle = take(native.keyImport(name, format, data as BufferSource));
          break;
        case "raw-public":
          allowUsages(usages, publicUsages, name);
          handle = imported(native.keyImport(name, "public", data as BufferSource));
          break;
        case "raw-seed":
          type = "private";
          allowUsages(usages, privateUsages, name);
          handle = imported(native.keyImport(name, "private", data as BufferSource));
          break;
        default:
          throw badFormat(format, name);
      }
      return make(handle, type, extractable, usages);
    },
    exportKey(format, key): ArrayBuffer | JwkFields {
      const isPublic = key.type === "public";
      switch (format) {
        case "jwk":
          return writeJwk(key, "AKP", name, [], exportedParts(key.handle), ["pub", "priv"]);
        case "spki":
        case "pkcs8":
          if ((format === "spki") !== isPublic) throw wrongType(format);
          return exported(native.keyExport(key.handle, format));
        case "raw-public":
        case "raw-seed":
          if ((format === "raw-public") !== isPublic) throw wrongType(format);
          return exported(native.keyExport(key.handle, isPublic ? "public" : "private"));
        default:
          throw badFormat(format, name);
      }
    },
  };
}

const seededTakes = { __proto__: null as never, generateKey: NONE, importKey: NONE, exportKey: NONE, getPublicKey: NONE };
const contextMembers: Members = ["context", BYTES, false];

function mlDsa(name: string): Algorithm {
  return {
    name,
    takes: { ...seededTakes, __proto__: null as never, sign: contextMembers, verify: contextMembers },
    sign(params, key, data) {
      if (key.type !== "private") throw invalidAccess("A private key is needed to sign.");
      return run("ml-dsa sign", { key: key.handle, data, b: params.context }, toBytes);
    },
    verify(params, key, signature, data) {
      if (key.type !== "public") throw invalidAccess("A public key is needed to verify.");
      return run("ml-dsa verify", { key: key.handle, data, a: signature, b: params.context }, toBoolean);
    },
    ...seeded(name, VERIFY, SIGN, "sig"),
  };
}

function mlKem(name: string): Algorithm {
  return {
    name,
    takes: { ...seededTakes, __proto__: null as never, encapsulate: NONE, decapsulate: NONE },
    encapsulate(key) {
      if (key.type !== "public") throw invalidAccess("A public key is needed to encapsulate.");
      return run("encapsulate", { key: key.handle }, (raw) => raw as [ArrayBuffer, ArrayBuffer]);
    },
    decapsulate(key, ciphertext) {
      if (key.type !== "private") throw invalidAccess("A private key is needed to decapsulate.");
      return run("decapsulate", { key: key.handle, data: ciphertext }, toBytes);
    },
    ...seeded(name, ENCAPSULATE, DECAPSULATE, "enc"),
  };
}

export function registerModern(): void {
  register([
    aes("AES-OCB", sealingMembers, false, sealing("aes-ocb", [64, 96, 128])),
    chacha,
    cshake("cSHAKE128"),
    cshake("cSHAKE256"),
    kmac("KMAC128"),
    kmac("KMAC256"),
    argon2("Argon2d"),
    argon2("Argon2i"),
    argon2("Argon2id"),
    mlDsa("ML-DSA-44"),
    mlDsa("ML-DSA-65"),
    mlDsa("ML-DSA-87"),
    mlKem("ML-KEM-512"),
    mlKem("ML-KEM-768"),
    mlKem("ML-KEM-1024"),
  ]);
}
