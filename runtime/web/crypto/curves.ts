// Keys on curves: ECDSA and ECDH (https://w3c.github.io/webcrypto/#ecdsa, #ecdh), Ed25519 and X25519 (#ed25519, #x25519), Ed448
// and X448 (https://wicg.github.io/webcrypto-secure-curves/), and NODE-ED25519, the name that Workers had for Ed25519 first.

import { type KeyHandle, native } from "../../bootstrap/native.ts";
import { append, ArrayBuffer, ArrayBufferPrototypeGetByteLength, TypedArrayPrototypeSet, TypedArrayPrototypeSubarray, Uint8Array } from "../../bootstrap/primordials.ts";
import { allowUsages, badFormat, DERIVE_BITS, DERIVE_KEY, exported, exportedParts, imported, invalidAccess, NONE, requireUsages, SIGN, VERIFY, wrongType } from "./common.ts";
import { checkJwk, dataError, jwkBytes, type JwkFields, type JwkSource, writeJwk } from "./jwk.ts";
import type { KeyState } from "./key.ts";
import { type Algorithm, BYTES, HASH, KEY, type KeyPair, type Members, notSupported, type Params, register, STRING } from "./normalize.ts";
import { type BufferSource, chain, failed, type Outcome, run, toBoolean, toBytes } from "./run.ts";

interface Curves {
  readonly publicUsages: number;
  readonly privateUsages: number;
  /** Of JSON Web Keys. */
  readonly kty: "EC" | "OKP";
  readonly use: string;
  readonly parts: readonly ("x" | "y" | "d")[];
  /** What the host calls the kind of key; throws if the parameters name no curve that there is. */
  kind(params: Params): string;
  kindOf(key: KeyState): string;
  /** What `algorithm.namedCurve` says. */
  namedCurve(params: Params): string | undefined;
  /** The crv of JSON Web Keys. */
  crv(kind: string): string;
  /** Throws if a JSON Web Key's alg does not fit. */
  checkAlg(alg: string, kind: string): void;
  jwkAlg: string | undefined;
}

/** The operations that all keys on curves have. */
function curveKeys(name: string, curves: Curves): Pick<Algorithm, "publicUsages" | "checkGenerate" | "checkImport" | "generateKey" | "importKey" | "exportKey"> {
  const make = (params: Params, handle: KeyHandle, type: "public" | "private", extractable: boolean, usages: number): KeyState => ({
    type,
    extractable,
    usages,
    name,
    hash: undefined,
    length: undefined,
    curve: curves.namedCurve(params),
    exponent: undefined,
    handle,
  });
  return {
    publicUsages: curves.publicUsages,
    checkGenerate: (params) => void curves.kind(params),
    checkImport: (params) => void curves.kind(params),
    generateKey(params, extractable, usages): Outcome<KeyPair> {
      allowUsages(usages, curves.publicUsages | curves.privateUsages, name);
      const kind = curves.kind(params);
      requireUsages(usages & curves.privateUsages);
      return run("generate", { name: kind }, (raw) => {
        const pair = raw as [KeyHandle, KeyHandle];
        return {
          publicKey: make(params, pair[0], "public", true, usages & curves.publicUsages),
          privateKey: make(params, pair[1], "private", extractable, usages & curves.privateUsages),
        };
      });
    },
    importKey(params, format, data, extractable, usages): KeyState {
      const kind = curves.kind(params);
      let type: "public" | "private" = "public";
      let handle: KeyHandle;
      switch (format) {
        case "jwk": {
          const jwk = data as JwkSource;
          if (jwk.d !== undefined) type = "private";
          allowUsages(usages, type === "public" ? curves.publicUsages : curves.privateUsages, name);
          checkJwk(jwk, curves.kty, curves.use, extractable, usages);
          if (jwk.crv !== curves.crv(kind)) throw dataError(`The key's crv must be "${curves.crv(kind)}".`);
          if (jwk.alg !== undefined) curves.checkAlg(jwk.alg, kind);
          const parts: ArrayBuffer[] = [];
          const count = type === "public" ? curves.parts.length - 1 : curves.parts.length;
          for (let i = 0; i < count; i++) append(parts, jwkBytes(jwk, curves.parts[i]!));
          handle = imported(native.keyImport(kind, "parts", parts));
          break;
        }
        case "spki":
        case "pkcs8":
          if (format === "pkcs8") type = "private";
          allowUsages(usages, type === "public" ? curves.publicUsages : curves.privateUsages, name);
          handle = imported(native.keyImport(kind, format, data as BufferSource));
          break;
        case "raw":
        case "raw-public":
          allowUsages(usages, curves.publicUsages, name);
          handle = imported(native.keyImport(kind, "public", data as BufferSource));
          break;
        default:
          throw badFormat(format, name);
      }
      return make(params, handle, type, extractable, usages);
    },
    exportKey(format, key): ArrayBuffer | JwkFields {
      switch (format) {
        case "jwk":
          return writeJwk(key, curves.kty, curves.jwkAlg, ["crv", curves.crv(curves.kindOf(key))], exportedParts(key.handle), curves.parts);
        case "spki":
        case "pkcs8":
          if ((format === "spki") !== (key.type === "public")) throw wrongType(format);
          return exported(native.keyExport(key.handle, format));
        case "raw":
        case "raw-public":
          if (key.type !== "public") throw wrongType(format);
          return exported(native.keyExport(key.handle, "public"));
        default:
          throw badFormat(format, name);
      }
    },
  };
}

// ---- P-256, P-384, P-521

function namedCurve(params: Params): string {
  const curve = params.namedCurve!;
  if (curve !== "P-256" && curve !== "P-384" && curve !== "P-521") throw notSupported(`"${curve}" is not a supported curve.`);
  return curve;
}

function nistCurves(publicUsages: number, privateUsages: number, use: string, checkAlg: Curves["checkAlg"]): Curves {
  return {
    publicUsages,
    privateUsages,
    kty: "EC",
    use,
    parts: ["x", "y", "d"],
    kind: namedCurve,
    kindOf: (key) => key.curve!,
    namedCurve,
    crv: (kind) => kind,
    checkAlg,
    jwkAlg: undefined,
  };
}

/** The start of the last `bits` bits of a secret that two keys have in common. */
function firstBits(secret: ArrayBuffer, length: number | null): ArrayBuffer {
  if (length === null) return secret;
  const size = ArrayBufferPrototypeGetByteLength(secret);
  if (length > size * 8) throw failed(`The two keys have only ${size * 8} bits in common.`);
  if (length === size * 8) return secret;
  const out = new ArrayBuffer((length + 7) >> 3);
  const bytes = new Uint8Array(out);
  TypedArrayPrototypeSet(bytes, TypedArrayPrototypeSubarray(new Uint8Array(secret), 0, (length + 7) >> 3));
  const rest = length % 8;
  if (rest !== 0) {
    const last = length >> 3;
    bytes[last] = bytes[last]! & (0xff << (8 - rest));
  }
  return out;
}

function agree(params: Params, key: KeyState, length: number | null): Outcome<ArrayBuffer> {
  if (key.type !== "private") throw invalidAccess("A private key is needed to derive bits.");
  const other = params.public!;
  if (other.type !== "public") throw invalidAccess("The other key must be a public key.");
  if (other.name !== key.name || other.curve !== key.curve) throw invalidAccess("The two keys are not of one kind.");
  return chain(run("agree", { key: key.handle, other: other.handle }, toBytes), (secret) => firstBits(secret, length));
}

function needPrivate(key: KeyState): void {
  if (key.type !== "private") throw invalidAccess("A private key is needed to sign.");
}
function needPublic(key: KeyState): void {
  if (key.type !== "public") throw invalidAccess("A public key is needed to verify.");
}

const curveMembers: Members = ["namedCurve", STRING, true];
const hashMembers: Members = ["hash", HASH, true];
const agreeMembers: Members = ["public", KEY, true];
const ecdsaAlgs: { readonly [kind: string]: string } = { __proto__: null as never, "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };

function keyTakes(members: Members, more: Algorithm["takes"]): Algorithm["takes"] {
  return { __proto__: null as never, generateKey: members, importKey: members, exportKey: NONE, getPublicKey: NONE, ...more };
}

// ---- Edwards and Montgomery curves

function eddsa(name: string, kind: string, context: boolean): Algorithm {
  const old = name === "NODE-ED25519";
  const members: Members = context ? ["context", BYTES, false] : NONE;
  return {
    name,
    takes: keyTakes(old ? curveMembers : NONE, { sign: members, verify: members }),
    sign(params, key, data) {
      needPrivate(key);
      return run("eddsa sign", { key: key.handle, data, b: params.context }, toBytes);
    },
    verify(params, key, signature, data) {
      needPublic(key);
      return run("eddsa verify", { key: key.handle, data, a: signature, b: params.context }, toBoolean);
    },
    ...curveKeys(name, {
      publicUsages: VERIFY,
      privateUsages: SIGN,
      kty: "OKP",
      use: "sig",
      parts: ["x", "d"],
      kind(params) {
        if (old && params.namedCurve !== name) throw notSupported(`"${params.namedCurve}" is not a supported curve.`);
        return kind;
      },
      kindOf: () => kind,
      namedCurve: () => (old ? name : undefined),
      crv: () => kind,
      checkAlg(alg) {
        if (alg !== kind && alg !== "EdDSA") throw dataError(`The key's alg must be "${kind}" or "EdDSA".`);
      },
      jwkAlg: old ? "EdDSA" : kind,
    }),
  };
}

function montgomery(name: string): Algorithm {
  return {
    name,
    takes: keyTakes(NONE, { deriveBits: agreeMembers }),
    deriveBits: agree,
    ...curveKeys(name, {
      publicUsages: 0,
      privateUsages: DERIVE_KEY | DERIVE_BITS,
      kty: "OKP",
      use: "enc",
      parts: ["x", "d"],
      kind: () => name,
      kindOf: () => name,
      namedCurve: () => undefined,
      crv: () => name,
      checkAlg() {},
      jwkAlg: undefined,
    }),
  };
}

register([
  {
    name: "ECDSA",
    takes: keyTakes(curveMembers, { sign: hashMembers, verify: hashMembers }),
    sign(params, key, data) {
      needPrivate(key);
      return run("ecdsa sign", { name: params.hash, key: key.handle, data }, toBytes);
    },
    verify(params, key, signature, data) {
      needPublic(key);
      return run("ecdsa verify", { name: params.hash, key: key.handle, data, a: signature }, toBoolean);
    },
    ...curveKeys("ECDSA", nistCurves(VERIFY, SIGN, "sig", (alg, kind) => {
      if (alg !== ecdsaAlgs[kind]) throw dataError(`The key's alg must be "${ecdsaAlgs[kind]}".`);
    })),
  },
  {
    name: "ECDH",
    takes: keyTakes(curveMembers, { deriveBits: agreeMembers }),
    deriveBits: agree,
    ...curveKeys("ECDH", nistCurves(0, DERIVE_KEY | DERIVE_BITS, "enc", () => {})),
  },
  eddsa("Ed25519", "Ed25519", false),
  eddsa("Ed448", "Ed448", true),
  eddsa("NODE-ED25519", "Ed25519", false),
  montgomery("X25519"),
  montgomery("X448"),
]);
