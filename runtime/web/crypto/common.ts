// What the modules of the algorithms share.

import { type KeyHandle, native } from "../../bootstrap/native.ts";
import { DOMException } from "../domexception.ts";
import { usageBit } from "./key.ts";
import { dataError } from "./jwk.ts";
import { notSupported } from "./normalize.ts";
import { failed } from "./run.ts";

export const ENCRYPT = usageBit("encrypt");
export const DECRYPT = usageBit("decrypt");
export const SIGN = usageBit("sign");
export const VERIFY = usageBit("verify");
export const DERIVE_KEY = usageBit("deriveKey");
export const DERIVE_BITS = usageBit("deriveBits");
export const WRAP = usageBit("wrapKey");
export const UNWRAP = usageBit("unwrapKey");
export const ENCAPSULATE = usageBit("encapsulateKey") | usageBit("encapsulateBits");
export const DECAPSULATE = usageBit("decapsulateKey") | usageBit("decapsulateBits");

/** No member at all. */
export const NONE: readonly never[] = [];

export function syntaxError(message: string): DOMException {
  return new DOMException(message, "SyntaxError");
}

export function invalidAccess(message: string): DOMException {
  return new DOMException(message, "InvalidAccessError");
}

export function allowUsages(usages: number, allowed: number, name: string): void {
  if ((usages & ~allowed) !== 0) throw syntaxError(`The usages are not all possible for this kind of ${name} key.`);
}

/** Secret and private keys are good for something. */
export function requireUsages(usages: number): void {
  if (usages === 0) throw syntaxError("A secret or private key must have at least one usage.");
}

export function badFormat(format: string, name: string): DOMException {
  return notSupported(`The format "${format}" is not supported for ${name} keys of this type.`);
}

export function wrongType(format: string): DOMException {
  return invalidAccess(`A key of this type has no format "${format}".`);
}

/** What keyImport gave, or a DataError. */
export function imported(result: KeyHandle | string): KeyHandle {
  if (typeof result === "string") throw dataError(result);
  return result;
}

/** What keyExport gave, or an OperationError. */
export function exported(result: ArrayBuffer | ArrayBuffer[] | string): ArrayBuffer {
  if (typeof result === "string") throw failed(result);
  return result as ArrayBuffer;
}

export function exportedParts(handle: KeyHandle): ArrayBuffer[] {
  const parts = native.keyExport(handle, "parts");
  if (typeof parts === "string") throw failed(parts);
  return parts as ArrayBuffer[];
}
