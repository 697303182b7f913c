// CryptoKey (https://w3c.github.io/webcrypto/#cryptokey-interface). What a key is stands in private state: the objects that
// `algorithm` and `usages` give out are copies that a worker may change as it likes.

import { registerCloner, registerInspectable } from "../../bootstrap/interfaces.ts";
import type { KeyHandle } from "../../bootstrap/native.ts";
import { append, defineData, Uint8Array } from "../../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, isObject } from "../../bootstrap/webidl.ts";

/** In the order in which `usages` lists them; a set of usages is a number with the bit of each. */
const usageNames = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey", "encapsulateKey", "encapsulateBits", "decapsulateKey", "decapsulateBits"];

/** The bit of a usage, 0 if there is none of that name. */
export function usageBit(name: string): number {
  for (let i = 0; i < usageNames.length; i++) if (usageNames[i] === name) return 1 << i;
  return 0;
}

export function usageList(usages: number): string[] {
  const out: string[] = [];
  for (let i = 0; i < usageNames.length; i++) if ((usages & (1 << i)) !== 0) append(out, usageNames[i]!);
  return out;
}

export interface KeyState {
  readonly type: "secret" | "private" | "public";
  readonly extractable: boolean;
  readonly usages: number;
  /** The registered name of the algorithm. */
  readonly name: string;
  /** RSA, HMAC. */
  readonly hash: string | undefined;
  /** Bits: of the key for AES, HMAC and KMAC, of the modulus for RSA. */
  readonly length: number | undefined;
  /** ECDSA, ECDH. */
  readonly curve: string | undefined;
  /** RSA: the public exponent, big-endian. */
  readonly exponent: ArrayBuffer | undefined;
  readonly handle: KeyHandle;
}

function describe(key: KeyState): object {
  const out = { name: key.name };
  const put = (name: string, value: unknown): void => defineData(out, name, value, true, true, true);
  if (key.exponent !== undefined) {
    put("modulusLength", key.length);
    put("publicExponent", new Uint8Array(new Uint8Array(key.exponent)));
  }
  if (key.hash !== undefined) put("hash", { name: key.hash });
  if (key.exponent === undefined && key.length !== undefined) put("length", key.length);
  if (key.curve !== undefined) put("namedCurve", key.curve);
  return out;
}

let construct: KeyState | undefined;
/** The state of a CryptoKey; undefined for anything else. */
export let keyState: (v: unknown) => KeyState | undefined;

export class CryptoKey {
  readonly #state: KeyState;
  #algorithm: object | undefined;
  #usages: string[] | undefined;

  constructor() {
    if (construct === undefined) illegalConstructor();
    this.#state = construct;
    construct = undefined;
  }

  static {
    keyState = (v) => (isObject(v) && #state in v ? (v as CryptoKey).#state : undefined);
  }

  get type(): string {
    return this.#state.type;
  }
  get extractable(): boolean {
    return this.#state.extractable;
  }
  get algorithm(): object {
    return (this.#algorithm ??= describe(this.#state));
  }
  get usages(): string[] {
    return (this.#usages ??= usageList(this.#state.usages));
  }
}
defineInterface(CryptoKey);
registerInspectable(CryptoKey, ["type", "extractable", "algorithm", "usages"]);

export function makeKey(state: KeyState): CryptoKey {
  construct = state;
  return new CryptoKey();
}

// The copy has the same key material, which nothing can change.
registerCloner(CryptoKey, (o) => {
  const state = keyState(o);
  return state === undefined ? undefined : () => makeKey(state);
});
