// RSASSA-PKCS1-v1_5, RSA-PSS, RSA-OAEP (https://w3c.github.io/webcrypto/#rsassa-pkcs1), and RSA-RAW, which Workers have
// for blind signatures (RFC 9474).

import { type KeyHandle, native } from "../../bootstrap/native.ts";
import { append, TypedArrayPrototypeGetLength } from "../../bootstrap/primordials.ts";
import { allowUsages, badFormat, DECRYPT, ENCRYPT, exported, exportedParts, imported, invalidAccess, NONE, requireUsages, SIGN, UNWRAP, VERIFY, WRAP, wrongType } from "./common.ts";
import { checkJwk, dataError, jwkBytes, type JwkFields, type JwkSource, writeJwk } from "./jwk.ts";
import type { KeyState } from "./key.ts";
import { type Algorithm, BIG, BYTES, HASH, type KeyPair, type Members, notSupported, type Params, register, ULONG } from "./normalize.ts";
import { type BufferSource, failed, type Outcome, run, toBoolean, toBytes } from "./run.ts";

const privateParts = ["n", "e", "d", "p", "q", "dp", "dq", "qi"] as const;

/** Names of JSON Web Algorithms: RFC 7518 §3.1, §4.1; those with SHA-1 are the Web Cryptography API's. */
function jwkAlg(name: string, hash: string | undefined): string | undefined {
  const bits = hash === "SHA-1" ? "1" : hash === "SHA-256" ? "256" : hash === "SHA-384" ? "384" : hash === "SHA-512" ? "512" : undefined;
  if (bits === undefined) return undefined;
  if (name === "RSA-OAEP") return bits === "1" ? "RSA-OAEP" : `RSA-OAEP-${bits}`;
  return `${name === "RSA-PSS" ? "PS" : "RS"}${bits}`;
}

function describe(name: string, params: Params, handle: KeyHandle, type: "public" | "private", extractable: boolean, usages: number): KeyState {
  const facts = native.keyRsa(handle);
  return { type, extractable, usages, name, hash: params.hash, length: facts[0], curve: undefined, exponent: facts[1], handle };
}

/** Bits of keys that can be made: what takes longer to make than any limit allows is refused at once. */
const bitsMin = 512;
const bitsMax = 8192;

function check(params: Params): void {
  const exponent = params.publicExponent!;
  const size = TypedArrayPrototypeGetLength(exponent);
  let sum = 0;
  for (let i = 0; i < size; i++) sum |= exponent[i]! << (i === size - 1 ? 0 : 8);
  if (size === 0 || (exponent[size - 1]! & 1) === 0 || sum === 1) throw failed("The public exponent must be odd and at least 3.");
  const bits = params.modulusLength!;
  if (bits < bitsMin || bits > bitsMax) throw failed(`An RSA key must have ${bitsMin} to ${bitsMax} bits.`);
}

function rsa(name: string, publicUsages: number, privateUsages: number, more: Partial<Algorithm>, members: { sign: Members | undefined; encrypt: Members | undefined }): Algorithm {
  const hashMembers: Members = ["hash", HASH, true];
  return {
    name,
    takes: {
      __proto__: null as never,
      generateKey: ["modulusLength", ULONG, true, "publicExponent", BIG, true, "hash", HASH, true],
      importKey: hashMembers,
      exportKey: NONE,
      getPublicKey: NONE,
      ...(members.sign !== undefined ? { sign: members.sign, verify: members.sign } : { encrypt: members.encrypt, decrypt: members.encrypt }),
    },
    publicUsages,
    checkGenerate: check,
    generateKey(params, extractable, usages): Outcome<KeyPair> {
      allowUsages(usages, publicUsages | privateUsages, name);
      check(params);
      requireUsages(usages & privateUsages);
      return run("generate rsa", { n: params.modulusLength, a: params.publicExponent }, (raw) => {
        const pair = raw as [KeyHandle, KeyHandle];
        return {
          publicKey: describe(name, params, pair[0], "public", true, usages & publicUsages),
          privateKey: describe(name, params, pair[1], "private", extractable, usages & privateUsages),
        };
      });
    },
    importKey(params, format, data, extractable, usages): KeyState {
      let handle: KeyHandle;
      let type: "public" | "private" = "private";
      if (format === "jwk") {
        const jwk = data as JwkSource;
        if (jwk.d === undefined) type = "public";
        allowUsages(usages, type === "public" ? publicUsages : privateUsages, name);
        checkJwk(jwk, "RSA", name === "RSA-OAEP" ? "enc" : "sig", extractable, usages);
        const alg = jwkAlg(name, params.hash);
        if (jwk.alg !== undefined && jwk.alg !== alg) throw dataError(alg === undefined ? "The key's alg does not fit its hash." : `The key's alg must be "${alg}".`);
        if (jwk.oth !== undefined) throw notSupported("RSA keys of more than two primes are not supported.");
        const parts: ArrayBuffer[] = [];
        const count = type === "public" ? 2 : privateParts.length;
        for (let i = 0; i < count; i++) append(parts, jwkBytes(jwk, privateParts[i]!));
        handle = imported(native.keyImport("RSA", "parts", parts));
      } else {
        if (format !== "spki" && format !== "pkcs8") throw badFormat(format, name);
        if (format === "spki") type = "public";
        allowUsages(usages, type === "public" ? publicUsages : privateUsages, name);
        handle = imported(native.keyImport("RSA", format, data as BufferSource));
      }
      return describe(name, params, handle, type, extractable, usages);
    },
    exportKey(format, key): ArrayBuffer | JwkFields {
      if (format === "jwk") return writeJwk(key, "RSA", jwkAlg(name, key.hash), [], exportedParts(key.handle), privateParts);
      if (format !== "spki" && format !== "pkcs8") throw badFormat(format, name);
      if ((format === "spki") !== (key.type === "public")) throw wrongType(format);
      return exported(native.keyExport(key.handle, format));
    },
    ...more,
  };
}

function signing(operation: string): Pick<Algorithm, "sign" | "verify"> {
  return {
    sign(params, key, data) {
      if (key.type !== "private") throw invalidAccess("A private key is needed to sign.");
      return run(`${operation} sign`, { name: key.hash, key: key.handle, data, n: params.saltLength }, toBytes);
    },
    verify(params, key, signature, data) {
      if (key.type !== "public") throw invalidAccess("A public key is needed to verify.");
      return run(`${operation} verify`, { name: key.hash, key: key.handle, data, a: signature, n: params.saltLength }, toBoolean);
    },
  };
}

const rsaRaw = rsa("RSA-RAW", 0, SIGN, {
  sign(_params, key, data) {
    return run("rsa-raw sign", { key: key.handle, data }, toBytes);
  },
}, { sign: NONE, encrypt: undefined });

register([
  rsa("RSASSA-PKCS1-v1_5", VERIFY, SIGN, signing("rsa-pkcs1"), { sign: NONE, encrypt: undefined }),
  rsa("RSA-PSS", VERIFY, SIGN, signing("rsa-pss"), { sign: ["saltLength", ULONG, true], encrypt: undefined }),
  rsa("RSA-OAEP", ENCRYPT | WRAP, DECRYPT | UNWRAP, {
    encrypt(params, key, data) {
      if (key.type !== "public") throw invalidAccess("A public key is needed to encrypt.");
      return run("rsa-oaep encrypt", { name: key.hash, key: key.handle, data, a: params.label }, toBytes);
    },
    decrypt(params, key, data) {
      if (key.type !== "private") throw invalidAccess("A private key is needed to decrypt.");
      return run("rsa-oaep decrypt", { name: key.hash, key: key.handle, data, a: params.label }, toBytes);
    },
  }, { sign: undefined, encrypt: ["label", BYTES, false] }),
  // It cannot be made or verified with: blind signatures are ordinary ones in the end.
  { ...rsaRaw, takes: { __proto__: null as never, importKey: rsaRaw.takes["importKey"], exportKey: NONE, sign: NONE } },
]);
