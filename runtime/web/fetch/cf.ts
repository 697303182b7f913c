// The cf objects of requests and responses, which Workers have: plain data, copied in and out, so that what a worker does
// to its object afterwards changes nothing.

import { ArrayIsArray, JSONParse, JSONStringify, ObjectFreeze, ReflectOwnKeys, TypeError } from "../../bootstrap/primordials.ts";
import { isObject } from "../../bootstrap/webidl.ts";

/** A cf object from a worker. Throws TypeError for what is no object. */
export function copyCf(cf: unknown, dictionary: string): unknown {
  const text = isObject(cf) ? (JSONStringify(cf) as string | undefined) : undefined;
  if (text === undefined) throw new TypeError(`Incorrect type for the 'cf' field on '${dictionary}': the provided value is not of type 'Object'.`);
  return JSONParse(text);
}

/** The cf object of a request that came in: JSON text, "" if there is none. That of the event itself does not change. */
export function parseCf(text: string, frozen: boolean): unknown {
  if (text === "") return undefined;
  const cf = JSONParse(text) as unknown;
  if (frozen) freezeAll(cf);
  return cf;
}

/** Of JSON: no cycles. */
function freezeAll(v: unknown): void {
  if (!isObject(v)) return;
  if (ArrayIsArray(v)) for (let i = 0; i < v.length; i++) freezeAll(v[i]);
  else {
    const keys = ReflectOwnKeys(v);
    for (let i = 0; i < keys.length; i++) freezeAll((v as { [key: PropertyKey]: unknown })[keys[i]!]);
  }
  ObjectFreeze(v);
}
