// structuredClone and what postMessage does (https://html.spec.whatwg.org/multipage/structured-data.html). V8's serialiser
// does the language's own values; interfaces of the platform that are serialisable have a cloner (registerCloner), those
// that are transferable their transfer steps (registerTransfer), and all others are refused. Deviation: what counts as a
// platform object is told by its prototype chain.

import { interfaceOfPrototype, type PlatformInterface, streamTransferOf, type Transfer, transferOf } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { append, Map, MapPrototypeGet, MapPrototypeHas, MapPrototypeSet, ObjectGetPrototypeOf, ObjectPrototype } from "../bootstrap/primordials.ts";
import { isArrayBuffer, isObject, requireArguments, toDictionary, toSequence, typeError } from "../bootstrap/webidl.ts";
import { DOMException } from "./domexception.ts";

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

/** The transfer steps of the closest interface that has any. */
function transferFor(value: object): Transfer | undefined {
  if (native.typeTag(value) === "Proxy") return undefined;
  let at = ObjectGetPrototypeOf(value);
  while (at !== null && at !== ObjectPrototype && native.typeTag(at) !== "Proxy") {
    const found = transferOf(at);
    if (found !== undefined) return found;
    at = ObjectGetPrototypeOf(at);
  }
  return streamTransferOf(value);
}

function isHost(value: object): boolean {
  return interfaceOf(value) !== undefined;
}

function refuse(message: string): never {
  throw new DOMException(message, "DataCloneError");
}

/** A platform object in a transfer list. */
interface Moved {
  readonly object: object;
  readonly steps: Transfer;
  /** What takes its place, once it is made. */
  copy: object | undefined;
}

function receive(moved: Moved): object {
  if (moved.copy !== undefined) return moved.copy;
  if (moved.steps.detached(moved.object)) refuse("An object in the transfer list is detached.");
  return (moved.copy = moved.steps.transfer(moved.object));
}

/** StructuredSerializeWithTransfer and StructuredDeserializeWithTransfer. received has the platform objects that were transferred, in order. */
export function cloneWithTransfer(value: unknown, transfer: readonly object[]): { value: unknown; received: object[] } {
  const buffers: ArrayBuffer[] = [];
  const moved: Moved[] = [];
  const all = new Map<object, Moved | undefined>();
  for (let i = 0; i < transfer.length; i++) {
    const item = transfer[i]!;
    if (MapPrototypeHas(all, item)) refuse("The transfer list has the same object twice.");
    if (isArrayBuffer(item)) {
      if (native.isDetached(item)) refuse("An ArrayBuffer in the transfer list is detached.");
      append(buffers, item);
      MapPrototypeSet(all, item, undefined);
      continue;
    }
    const steps = transferFor(item);
    if (steps === undefined) {
      const name = interfaceOf(item)?.name;
      refuse(name === undefined ? "A value in the transfer list is not transferable." : `${name} cannot be transferred.`);
    }
    if (steps.detached(item)) refuse("An object in the transfer list is detached or locked.");
    const entry = { object: item, steps, copy: undefined };
    append(moved, entry);
    MapPrototypeSet(all, item, entry);
  }
  const copies: (() => object)[] = [];
  const copy = native.structuredClone(
    value,
    buffers,
    isHost,
    (o) => {
      const entry = MapPrototypeGet(all, o);
      if (entry !== undefined) return append(copies, () => receive(entry)) - 1;
      const known = interfaceOf(o);
      const make = known?.clone?.(o);
      if (make === undefined) refuse(`${known?.name ?? "This object"} could not be cloned.`);
      return append(copies, make) - 1;
    },
    (index) => copies[index]!(),
    refuse,
  );
  const received: object[] = [];
  for (let i = 0; i < moved.length; i++) append(received, receive(moved[i]!));
  return { value: copy, received };
}

/** A deep copy; throws a DataCloneError. */
export function structuredCloneValue(value: unknown): unknown {
  return cloneWithTransfer(value, []).value;
}

// A method, since operations of the global scope are no constructors.
export const { structuredClone } = {
  structuredClone(value: unknown, options: unknown = undefined): unknown {
    const context = "structuredClone";
    requireArguments(arguments.length, 1, context);
    const given = toDictionary<{ transfer: unknown }>(options, context)?.transfer;
    if (given === undefined) return structuredCloneValue(value);
    const transfer = toSequence<object>(
      given,
      (v) => {
        if (!isObject(v)) throw typeError(context, "an item of transfer is not an object.");
        return v;
      },
      `${context}: transfer`,
    );
    return cloneWithTransfer(value, transfer).value;
  },
};
