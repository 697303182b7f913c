// structuredClone (https://html.spec.whatwg.org/multipage/structured-data.html#dom-structuredclone). V8's serialiser does
// the language's own values; interfaces of the platform that are serialisable have a cloner (registerCloner), and all
// others are refused. Deviations: streams and message ports cannot be transferred yet and are refused by name; what counts as
// a platform object is told by its prototype chain; a DOMException inside another value becomes a plain Error, since V8
// takes it for one of its own.

import { interfaceOfPrototype, type PlatformInterface } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { ArrayPrototypeIncludes, ArrayPrototypePush, ObjectGetPrototypeOf, ObjectPrototype } from "../bootstrap/primordials.ts";
import { isArrayBuffer, requireArguments, toDictionary, toSequence } from "../bootstrap/webidl.ts";
import { DOMException, isDOMException } from "./domexception.ts";

function interfaceOf(value: object): PlatformInterface | undefined {
  if (native.typeTag(value) === "Proxy") return undefined;
  let at = ObjectGetPrototypeOf(value);
  while (at !== null && at !== ObjectPrototype) {
    const found = interfaceOfPrototype(at);
    if (found !== undefined) return found;
    if (native.typeTag(at) === "Proxy") return undefined;
    at = ObjectGetPrototypeOf(at);
  }
  return undefined;
}

function isHost(value: object): boolean {
  return interfaceOf(value) !== undefined;
}

function refuse(message: string): never {
  throw new DOMException(message, "DataCloneError");
}

function clone(value: unknown, transfer: ArrayBuffer[]): unknown {
  if (isDOMException(value) && transfer.length === 0) {
    const copy = interfaceOf(value)?.clone?.(value);
    if (copy !== undefined) return copy();
  }
  const copies: (() => object)[] = [];
  return native.structuredClone(
    value,
    transfer,
    isHost,
    (o) => {
      const known = interfaceOf(o);
      const copy = known?.clone?.(o);
      if (copy === undefined) refuse(`${known?.name ?? "This object"} could not be cloned.`);
      ArrayPrototypePush(copies, copy);
      return copies.length - 1;
    },
    (index) => copies[index]!(),
    refuse,
  );
}

/** A deep copy; throws a DataCloneError. */
export function structuredCloneValue(value: unknown): unknown {
  return clone(value, []);
}

// A method, since operations of the global scope are no constructors.
export const { structuredClone } = {
  structuredClone(value: unknown, options: unknown = undefined): unknown {
    requireArguments(arguments.length, 1, "structuredClone");
    return clone(value, transferList(options));
  },
};

function transferList(options: unknown): ArrayBuffer[] {
  const given = toDictionary<{ transfer: unknown }>(options, "structuredClone")?.transfer;
  const transfer: ArrayBuffer[] = [];
  if (given !== undefined) {
    const list = toSequence<unknown>(given, (v) => v, "structuredClone: transfer");
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      if (!isArrayBuffer(item)) {
        const name = typeof item === "object" && item !== null ? interfaceOf(item)?.name : undefined;
        refuse(name === undefined ? "A value in the transfer list is not transferable." : `${name} cannot be transferred.`);
      }
      if (ArrayPrototypeIncludes(transfer, item)) refuse("The transfer list has the same ArrayBuffer twice.");
      if (native.isDetached(item)) refuse("An ArrayBuffer in the transfer list is detached.");
      ArrayPrototypePush(transfer, item);
    }
  }
  return transfer;
}
