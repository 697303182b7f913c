// JSON Web Keys (RFC 7517, RFC 7518): read from what a worker gave, checked, and written.

import { native } from "../../bootstrap/native.ts";
import { append, appendPair, defineData, JSONParse, ObjectSetPrototypeOf, StringPrototypeCharCodeAt } from "../../bootstrap/primordials.ts";
import { isObject, toDOMString, toSequence, typeError } from "../../bootstrap/webidl.ts";
import { DOMException } from "../domexception.ts";
import { decodeUtf8 } from "../bytes.ts";
import { type KeyState, usageBit, usageList } from "./key.ts";

/** The IDL dictionary JsonWebKey, without a prototype. */
export interface JwkSource {
  readonly jwk: true;
  alg?: string;
  crv?: string;
  d?: string;
  dp?: string;
  dq?: string;
  e?: string;
  ext?: boolean;
  k?: string;
  key_ops?: string[];
  kty?: string;
  n?: string;
  oth?: true;
  p?: string;
  priv?: string;
  pub?: string;
  q?: string;
  qi?: string;
  use?: string;
  x?: string;
  y?: string;
}

/** name, value, name, value … of a key to be written. */
export type JwkFields = (string | boolean | string[])[];

const names = ["alg", "crv", "d", "dp", "dq", "e", "ext", "k", "key_ops", "kty", "n", "oth", "p", "priv", "pub", "q", "qi", "use", "x", "y"] as const;

export function dataError(message: string): DOMException {
  return new DOMException(message, "DataError");
}

/** The IDL conversion. With `parsed`, source is what JSON.parse gave: nothing of the worker's is asked. */
function readJwk(source: object, parsed: boolean): JwkSource {
  const context = "SubtleCrypto.importKey: keyData";
  const out = { __proto__: null as never, jwk: true } as unknown as { [name: string]: unknown };
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const value = (source as { [name: string]: unknown })[name];
    if (value === undefined) continue;
    switch (name) {
      case "ext":
        out[name] = !!value;
        break;
      case "key_ops":
      case "oth": {
        let list: unknown[];
        if (parsed) {
          list = [];
          if (!isObject(value)) throw typeError(context, `${name} is not an array.`);
          const { length } = value as { length?: unknown };
          if (typeof length !== "number") throw typeError(context, `${name} is not an array.`);
          for (let k = 0; k < length; k++) append(list, (value as { [i: number]: unknown })[k]);
        } else {
          list = toSequence<unknown>(value, (v) => v, `${context}.${name}`);
        }
        if (name === "oth") {
          out[name] = true;
          break;
        }
        const operations: string[] = [];
        for (let k = 0; k < list.length; k++) append(operations, toDOMString(list[k]));
        out[name] = operations;
        break;
      }
      default:
        if (parsed && isObject(value)) throw typeError(context, `${name} is not a string.`);
        out[name] = toDOMString(value);
    }
  }
  return out as unknown as JwkSource;
}

export function toJwk(v: unknown): JwkSource {
  if (v === undefined || v === null) return { __proto__: null as never, jwk: true } as unknown as JwkSource;
  if (!isObject(v)) throw typeError("SubtleCrypto.importKey: keyData", "the value is neither a JsonWebKey nor an ArrayBuffer nor a view of one.");
  return readJwk(v, false);
}

/** "Parse a JWK": the bytes are what was unwrapped. */
export function parseJwk(bytes: ArrayBuffer): JwkSource {
  let parsed: unknown;
  try {
    parsed = JSONParse(decodeUtf8(bytes));
  } catch {
    throw dataError("What was unwrapped is not JSON.");
  }
  if (!isObject(parsed)) throw dataError("What was unwrapped is not a JSON Web Key.");
  ObjectSetPrototypeOf(parsed, null);
  let jwk: JwkSource;
  try {
    jwk = readJwk(parsed, true);
  } catch {
    throw dataError("What was unwrapped is not a JSON Web Key.");
  }
  if (jwk.kty === undefined) throw dataError("What was unwrapped is not a JSON Web Key: it has no kty.");
  return jwk;
}

export function isJwk(data: unknown): data is JwkSource {
  return isObject(data) && (data as { jwk?: unknown }).jwk === true;
}

/** What all kinds of keys have in common: kty, use, key_ops and ext. */
export function checkJwk(jwk: JwkSource, kty: string, use: string, extractable: boolean, usages: number): void {
  if (jwk.kty !== kty) throw dataError(`The key's kty must be "${kty}".`);
  if (usages !== 0 && jwk.use !== undefined && jwk.use !== use) throw dataError(`The key's use must be "${use}".`);
  const operations = jwk.key_ops;
  if (operations !== undefined) {
    let allowed = 0;
    for (let i = 0; i < operations.length; i++) {
      for (let k = 0; k < i; k++) if (operations[i] === operations[k]) throw dataError("The key's key_ops name an operation twice.");
      allowed |= usageBit(operations[i]!);
    }
    if ((allowed & usages) !== usages) throw dataError("The key's key_ops do not allow all of the usages.");
  }
  if (jwk.ext === false && extractable) throw dataError("The key's ext is false, so it cannot be extractable.");
}

/** The bytes of a member. */
export function jwkBytes(jwk: JwkSource, name: "d" | "dp" | "dq" | "e" | "k" | "n" | "p" | "priv" | "pub" | "q" | "qi" | "x" | "y"): ArrayBuffer {
  const text = jwk[name];
  if (text === undefined) throw dataError(`The key has no ${name}.`);
  const bytes = native.base64UrlDecode(text);
  if (bytes === undefined) throw dataError(`The key's ${name} is not base64url.`);
  return bytes;
}

/** kty and alg, then the parts under these names, then key_ops and ext. */
export function writeJwk(key: KeyState, kty: string, alg: string | undefined, fields: JwkFields, parts: readonly ArrayBuffer[], partNames: readonly string[]): JwkFields {
  const out: JwkFields = ["kty", kty];
  if (alg !== undefined) appendPair(out, "alg", alg);
  for (let i = 0; i < fields.length; i++) append(out, fields[i]!);
  for (let i = 0; i < parts.length; i++) appendPair(out, partNames[i]!, native.base64UrlEncode(parts[i]!));
  appendPair<string | boolean | string[]>(out, "key_ops", usageList(key.usages));
  appendPair<string | boolean | string[]>(out, "ext", key.extractable);
  return out;
}

export function jwkObject(fields: JwkFields): object {
  const out = {};
  for (let i = 0; i < fields.length; i += 2) defineData(out, fields[i] as string, fields[i + 1], true, true, true);
  return out;
}

/** As JSON. Not by JSON.stringify, which would look for a toJSON that a worker has put somewhere. */
export function jwkJson(fields: JwkFields): Uint8Array {
  let out = "{";
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!;
    out += `${i === 0 ? "" : ","}"${fields[i] as string}":`;
    if (typeof value === "string") {
      out += quote(value);
    } else if (typeof value === "boolean") {
      out += value ? "true" : "false";
    } else {
      let list = "";
      for (let k = 0; k < value.length; k++) list += `${k === 0 ? "" : ","}${quote(value[k]!)}`;
      out += `[${list}]`;
    }
  }
  return native.utf8Encode(`${out}}`);
}

/** Names and base64url: nothing needs to be escaped, and this makes sure. */
function quote(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const c = StringPrototypeCharCodeAt(text, i);
    if (c < 0x20 || c > 0x7e || c === 0x22 || c === 0x5c) throw dataError("The key cannot be written as JSON.");
  }
  return `"${text}"`;
}
