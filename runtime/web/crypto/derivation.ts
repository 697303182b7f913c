// HKDF and PBKDF2 (https://w3c.github.io/webcrypto/#hkdf, #pbkdf2). Deviation, as on the Workers platform: PBKDF2 takes at
// most 100 000 iterations.

import { native } from "../../bootstrap/native.ts";
import { ArrayBuffer } from "../../bootstrap/primordials.ts";
import { allowUsages, badFormat, DERIVE_BITS, DERIVE_KEY, NONE, syntaxError } from "./common.ts";
import type { KeyState } from "./key.ts";
import { type Algorithm, BYTES, HASH, type Members, notSupported, type Params, register, ULONG } from "./normalize.ts";
import { type BufferSource, failed, type Outcome, run, toBytes } from "./run.ts";

/** https://developers.cloudflare.com/workers/runtime-apis/web-crypto/ */
const pbkdf2IterationsMax = 100_000;

/** Bytes to derive; throws if there can be none. */
export function derivedBytes(length: number | null, name: string): number {
  if (length === null || length % 8 !== 0) throw failed(`${name} derives a number of bits that is given and a multiple of 8.`);
  return length / 8;
}

/** What a password or other key material is good for. */
export function passwords(name: string, raw: boolean): Pick<Algorithm, "importKey" | "keyLength"> {
  return {
    keyLength: () => null,
    importKey(_params, format, data, extractable, usages): KeyState {
      if (format !== "raw-secret" && !(format === "raw" && raw)) throw badFormat(format, name);
      allowUsages(usages, DERIVE_KEY | DERIVE_BITS, name);
      if (extractable) throw syntaxError(`A ${name} key cannot be extractable.`);
      return { type: "secret", extractable, usages, name, hash: undefined, length: undefined, curve: undefined, exponent: undefined, handle: native.keyFromSecret(data as BufferSource) };
    },
  };
}

function takes(deriveBits: Members): Algorithm["takes"] {
  return { __proto__: null as never, deriveBits, importKey: NONE, "get key length": NONE };
}

function pbkdf2(params: Params, key: KeyState, length: number | null): Outcome<ArrayBuffer> {
  const bytes = derivedBytes(length, "PBKDF2");
  const iterations = params.iterations!;
  if (iterations === 0) throw failed("PBKDF2 takes at least one iteration.");
  if (iterations > pbkdf2IterationsMax) throw notSupported(`Pbkdf2 failed: iteration counts above ${pbkdf2IterationsMax} are not supported (requested ${iterations}).`);
  if (bytes === 0) return new ArrayBuffer(0);
  return run("pbkdf2", { name: params.hash, key: key.handle, a: params.salt, n: iterations, m: bytes }, toBytes);
}

register([
  {
    name: "HKDF",
    takes: takes(["hash", HASH, true, "info", BYTES, true, "salt", BYTES, true]),
    deriveBits: (params, key, length) => run("hkdf", { name: params.hash, key: key.handle, a: params.salt, b: params.info, n: derivedBytes(length, "HKDF") }, toBytes),
    checkDerive: (_params, length) => void derivedBytes(length, "HKDF"),
    ...passwords("HKDF", true),
  },
  {
    name: "PBKDF2",
    takes: takes(["hash", HASH, true, "iterations", ULONG, true, "salt", BYTES, true]),
    deriveBits: pbkdf2,
    checkDerive: (_params, length) => void derivedBytes(length, "PBKDF2"),
    ...passwords("PBKDF2", true),
  },
]);
