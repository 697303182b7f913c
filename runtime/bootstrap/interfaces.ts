// What makes a class an interface of the platform (https://webidl.spec.whatwg.org/#es-interfaces), and what is known of its
// instances: how the console shows them and whether structuredClone copies them.
//
// Modules call these functions at their top level, right after a class. That may be late, between two lines of a worker's
// code (see runtime/bundle), so nothing here looks at anything that a worker can have changed.

import {
  append,
  appendPair,
  defineData,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  SymbolToStringTag,
  WeakMap,
  WeakMapPrototypeGet,
  WeakMapPrototypeSet,
} from "./primordials.ts";

/** Makes the copy of a platform object; undefined refuses, as a brand check does. */
export type Cloner = (value: object) => (() => object) | undefined;

/** What a transferable interface is (https://html.spec.whatwg.org/multipage/structured-data.html#transferable-objects). */
export interface Transfer {
  /** The [[Detached]] slot. */
  detached(value: object): boolean;
  /** The transfer and transfer-receiving steps: detaches value and gives what takes its place. */
  transfer(value: object): object;
}

export interface PlatformInterface {
  readonly name: string;
  /** Accessors that the console shows: name, getter, name, getter … undefined: as its base class. */
  getters: unknown[] | undefined;
  entries: ((o: object) => [string, unknown][] | undefined) | undefined;
  clone: Cloner | undefined;
}

const interfaces = new WeakMap<object, PlatformInterface>();
const transfers = new WeakMap<object, Transfer>();

/** The interface whose prototype object this is. */
export function interfaceOfPrototype(prototype: object): PlatformInterface | undefined {
  return WeakMapPrototypeGet(interfaces, prototype);
}

/**
 * Gives a class the shape of a Web IDL interface: enumerable methods and accessors, @@toStringTag, non-writable
 * prototype. Static members are made enumerable too. Its instances are refused by structuredClone. Once for each class.
 */
export function defineInterface(cls: { prototype: object; name: string }, tag: string = cls.name): void {
  const { prototype } = cls;
  showMembers(prototype, false);
  showMembers(cls, true);
  defineData(prototype, SymbolToStringTag, tag, false, false, true);
  WeakMapPrototypeSet(interfaces, prototype, { name: tag, getters: undefined, entries: undefined, clone: undefined });
}

/** Makes methods and accessors enumerable. */
function showMembers(target: object, isClass: boolean): void {
  const keys = ReflectOwnKeys(target);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (typeof key === "symbol" || (isClass ? key === "prototype" || key === "name" || key === "length" : key === "constructor")) continue;
    ObjectDefineProperty(target, key, { __proto__: null, enumerable: true } as PropertyDescriptor);
  }
}

/** Constants of an interface, on the interface object and its prototype (§3.7.5). */
export function defineConstants(cls: { prototype: object }, constants: { readonly [name: string]: number }): void {
  const names = ReflectOwnKeys(constants);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    defineData(cls, name, constants[name], false, true, false);
    defineData(cls.prototype, name, constants[name], false, true, false);
  }
}

/**
 * Shows instances of an interface by the values of these accessors of its prototype, which must have no side effects:
 * none that makes something, such as body and signal. entries shows a collection; it must call no code of the worker's.
 */
export function registerInspectable(cls: { prototype: object }, accessors: readonly string[], entries?: (o: object) => [string, unknown][] | undefined): void {
  const known = WeakMapPrototypeGet(interfaces, cls.prototype)!;
  known.getters = [];
  for (let i = 0; i < accessors.length; i++) appendPair(known.getters, accessors[i], getterOf(cls, accessors[i]!));
  known.entries = entries;
}

/** Tells that structuredClone copies instances of an interface: clone reads what is to be kept at once and returns the function that makes the copy. */
export function registerCloner(cls: { prototype: object }, clone: Cloner): void {
  WeakMapPrototypeGet(interfaces, cls.prototype)!.clone = clone;
}

/** Tells that instances of an interface can be in a transfer list. May come before defineInterface, from a static block. */
export function registerTransfer(cls: { prototype: object }, transfer: Transfer): void {
  WeakMapPrototypeSet(transfers, cls.prototype, transfer);
}
export function transferOf(prototype: object): Transfer | undefined {
  return WeakMapPrototypeGet(transfers, prototype);
}

/** Tells how streams are transferred, which are many classes' business. Once, at snapshot time. */
export function setStreamTransfer(find: (value: object) => Transfer | undefined): void {
  findStreamTransfer = find;
}
let findStreamTransfer: (value: object) => Transfer | undefined = () => undefined;
export const streamTransferOf = (value: object): Transfer | undefined => findStreamTransfer(value);

/** The getter of an accessor as the class was written with, whatever a worker does to the prototype later. */
export function getterOf(cls: { prototype: object }, name: string): () => unknown {
  // Own, and an accessor: its descriptor has a `get` of its own.
  return ObjectGetOwnPropertyDescriptor(cls.prototype, name)!.get as () => unknown;
}

/** [name, value, name, value, …] as pairs, for registerInspectable. */
export function toPairs(flat: readonly unknown[]): [string, unknown][] {
  const out: [string, unknown][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) append(out, [flat[i] as string, flat[i + 1]]);
  return out;
}
