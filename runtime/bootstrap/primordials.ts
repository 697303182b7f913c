// Captures of JavaScript's built-ins, taken before any worker code can change them. Runs first and imports nothing.
//
// Use a capture for everything on a built-in prototype or namespace that runtime code calls at request time: a worker may
// have replaced Array.prototype.push or Promise.prototype.then, and the platform must not notice. Do NOT use captures to
// call what the worker handed us on purpose (its iterables, its callbacks, its thenables): those are called normally, as
// the specifications say. Do not use for…of, spread, array destructuring or `instanceof` over values whose prototypes a
// worker can reach; index loops, #private brands and the helpers below do the same work. New items of lists are stored with
// append(), never with list[i] = v, and nothing is read beyond a list's end: both would go on to Object.prototype.

type AnyFunction = (...args: never[]) => unknown;

const { bind, call, apply } = Function.prototype;
/** uncurryThis(f)(self, ...args) is f.call(self, ...args), whatever happens to Function.prototype later. */
export const uncurryThis = bind.bind(call) as unknown as <T, A extends unknown[], R>(fn: (this: T, ...args: A) => R) => (self: T, ...args: A) => R;

// The lib types make `this` of methods implicit, so captures state their shape.
const uncurry = uncurryThis as unknown as (fn: AnyFunction) => never;
const getter = (target: object, key: PropertyKey): never => uncurry(Object.getOwnPropertyDescriptor(target, key)!.get as AnyFunction);

export const FunctionPrototypeCall = uncurry(call as AnyFunction) as <R>(fn: unknown, self: unknown, ...args: unknown[]) => R;
export const FunctionPrototypeApply = uncurry(apply as AnyFunction) as <R>(fn: unknown, self: unknown, args: readonly unknown[]) => R;

export const {
  create: ObjectCreate,
  defineProperty: ObjectDefineProperty,
  defineProperties: ObjectDefineProperties,
  freeze: ObjectFreeze,
  getOwnPropertyDescriptor: ObjectGetOwnPropertyDescriptor,
  getOwnPropertyNames: ObjectGetOwnPropertyNames,
  getOwnPropertySymbols: ObjectGetOwnPropertySymbols,
  getPrototypeOf: ObjectGetPrototypeOf,
  setPrototypeOf: ObjectSetPrototypeOf,
  keys: ObjectKeys,
  entries: ObjectEntries,
  assign: ObjectAssign,
  is: ObjectIs,
} = Object;
export const ObjectPrototype = Object.prototype;
export const ObjectPrototypeHasOwnProperty = uncurry(Object.prototype.hasOwnProperty as AnyFunction) as (o: object, k: PropertyKey) => boolean;
export const ObjectPrototypeToString = uncurry(Object.prototype.toString as AnyFunction) as (o: unknown) => string;
export const ObjectPrototypePropertyIsEnumerable = uncurry(Object.prototype.propertyIsEnumerable as AnyFunction) as (o: object, k: PropertyKey) => boolean;

export const { apply: ReflectApply, construct: ReflectConstruct, ownKeys: ReflectOwnKeys, get: ReflectGet, has: ReflectHas, set: ReflectSet } = Reflect;

export const ArrayIsArray = Array.isArray;
export const ArrayPrototypePop = uncurry(Array.prototype.pop as AnyFunction) as <T>(a: T[]) => T | undefined;
export const ArrayPrototypeShift = uncurry(Array.prototype.shift as AnyFunction) as <T>(a: T[]) => T | undefined;
export const ArrayPrototypeJoin = uncurry(Array.prototype.join as AnyFunction) as (a: readonly unknown[], sep?: string) => string;
export const ArrayPrototypeIndexOf = uncurry(Array.prototype.indexOf as AnyFunction) as <T>(a: readonly T[], v: T) => number;
export const ArrayPrototypeIncludes = uncurry(Array.prototype.includes as AnyFunction) as <T>(a: readonly T[], v: T) => boolean;
export const ArrayPrototypeSort = uncurry(Array.prototype.sort as AnyFunction) as <T>(a: T[], cmp?: (x: T, y: T) => number) => T[];
const { defineProperty: reflectDefine } = Reflect;
/** Tells whether prototypes of arrays have an element, such as an accessor for "0": storing one that is new would call it. */
const probe: readonly unknown[] = [];

/** Array.prototype.push of one item, which defines it whatever a worker has put on Array.prototype and Object.prototype. Gives the new length. */
export function append<T>(list: T[], item: T): number {
  const at = list.length;
  if (at in probe) reflectDefine(list, at, { __proto__: null, value: item, writable: true, enumerable: true, configurable: true } as never);
  else list[at] = item;
  return at + 1;
}

/** append, twice. */
export function appendPair<T>(list: T[], first: T, second: T): void {
  append(list, first);
  append(list, second);
}

/** Inserts an item before the one at an index, or at the end. */
export function insert<T>(list: T[], at: number, item: T): void {
  append(list, item);
  for (let i = list.length - 1; i > at; i--) list[i] = list[i - 1]!;
  list[at] = item;
}

/** Inserts an item before all others. */
export function prepend<T>(list: T[], item: T): void {
  insert(list, 0, item);
}

/** Takes the item at an index out. */
export function removeAt<T>(list: T[], at: number): void {
  for (let i = at + 1; i < list.length; i++) list[i - 1] = list[i]!;
  list.length--;
}

/** A copy; Array.prototype.slice asks the constructor of arrays, which a worker may have replaced. */
export function copyList<T>(list: readonly T[]): T[] {
  const copy: T[] = [];
  for (let i = 0; i < list.length; i++) append(copy, list[i]!);
  return copy;
}

export const ArrayIteratorPrototype = Object.getPrototypeOf([][Symbol.iterator]()) as object;
export const IteratorPrototype = Object.getPrototypeOf(ArrayIteratorPrototype) as object;
export const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype) as object;

export const StringFromCharCode = String.fromCharCode;
export const StringFromCodePoint = String.fromCodePoint;
export const StringPrototypeCharCodeAt = uncurry(String.prototype.charCodeAt as AnyFunction) as (s: string, i: number) => number;
export const StringPrototypeCodePointAt = uncurry(String.prototype.codePointAt as AnyFunction) as (s: string, i: number) => number | undefined;
export const StringPrototypeIndexOf = uncurry(String.prototype.indexOf as AnyFunction) as (s: string, v: string, from?: number) => number;
export const StringPrototypeLastIndexOf = uncurry(String.prototype.lastIndexOf as AnyFunction) as (s: string, v: string, from?: number) => number;
export const StringPrototypeIncludes = uncurry(String.prototype.includes as AnyFunction) as (s: string, v: string) => boolean;
export const StringPrototypeSlice = uncurry(String.prototype.slice as AnyFunction) as (s: string, start?: number, end?: number) => string;
export const StringPrototypeSubstring = uncurry(String.prototype.substring as AnyFunction) as (s: string, start: number, end?: number) => string;
export const StringPrototypeSplit = uncurry(String.prototype.split as AnyFunction) as (s: string, sep: string, limit?: number) => string[];
export const StringPrototypeToLowerCase = uncurry(String.prototype.toLowerCase as AnyFunction) as (s: string) => string;
export const StringPrototypeToUpperCase = uncurry(String.prototype.toUpperCase as AnyFunction) as (s: string) => string;
export const StringPrototypeStartsWith = uncurry(String.prototype.startsWith as AnyFunction) as (s: string, v: string, at?: number) => boolean;
export const StringPrototypeEndsWith = uncurry(String.prototype.endsWith as AnyFunction) as (s: string, v: string, at?: number) => boolean;
export const StringPrototypeTrim = uncurry(String.prototype.trim as AnyFunction) as (s: string) => string;
export const StringPrototypePadStart = uncurry(String.prototype.padStart as AnyFunction) as (s: string, n: number, fill?: string) => string;
export const StringPrototypePadEnd = uncurry(String.prototype.padEnd as AnyFunction) as (s: string, n: number, fill?: string) => string;
export const StringPrototypeRepeat = uncurry(String.prototype.repeat as AnyFunction) as (s: string, n: number) => string;
export const StringPrototypeToWellFormed = uncurry((String.prototype as unknown as { toWellFormed(): string }).toWellFormed as AnyFunction) as (s: string) => string;
/** replaceAll with two plain strings; does not look up Symbol.replace on the pattern's user-visible prototype in practice, since strings have none of their own. */
export const StringPrototypeReplaceAll = uncurry(String.prototype.replaceAll as AnyFunction) as (s: string, from: string, to: string) => string;

const RegExpConstructor = RegExp;
export { RegExpConstructor as RegExp };
const regExpExec = uncurry(RegExp.prototype.exec as AnyFunction) as (r: RegExp, s: string) => RegExpExecArray | null;
/** RegExp.prototype.exec. Only for patterns without the g and y flags, so that no lastIndex state is kept. */
export const RegExpPrototypeExec = regExpExec;
export const RegExpPrototypeTest = (r: RegExp, s: string): boolean => regExpExec(r, s) !== null;

export const NumberIsInteger = Number.isInteger;
export const NumberIsSafeInteger = Number.isSafeInteger;
export const NumberIsNaN = Number.isNaN;
export const NumberIsFinite = Number.isFinite;
export const NumberParseInt = Number.parseInt;
export const NumberPrototypeToString = uncurry(Number.prototype.toString as AnyFunction) as (n: number, radix?: number) => string;
export const { abs: MathAbs, ceil: MathCeil, floor: MathFloor, max: MathMax, min: MathMin, pow: MathPow, sign: MathSign, trunc: MathTrunc } = Math;
export const { parse: JSONParse, stringify: JSONStringify } = JSON;

const PromiseConstructor = Promise;
export { PromiseConstructor as Promise };
const promiseThen = uncurry(Promise.prototype.then as AnyFunction) as <T, A, B>(p: Promise<T>, ok?: ((v: T) => A) | undefined, no?: ((e: unknown) => B) | undefined) => Promise<A | B>;
/**
 * Promise.prototype.then without calling a constructor that a worker has put on the promise or on Promise[Symbol.species]:
 * where one of them is not V8's own an async function does the work, which asks neither.
 */
export function PromisePrototypeThen<T, A = T, B = never>(p: Promise<T>, ok?: ((v: T) => A) | undefined, no?: ((e: unknown) => B) | undefined): Promise<A | B> {
  return isUntouched(p) ? promiseThen(p, ok, no) : thenByAwait(p, ok, no);
}
function isUntouched(p: Promise<unknown>): boolean {
  try {
    return p.constructor === PromiseConstructor && (PromiseConstructor as unknown as { [k: symbol]: unknown })[species] === PromiseConstructor;
  } catch {
    return false;
  }
}
const species = Symbol.species;
async function thenByAwait<T, A, B>(p: Promise<T>, ok: ((v: T) => A) | undefined, no: ((e: unknown) => B) | undefined): Promise<A | B> {
  let value: T;
  try {
    value = await p;
  } catch (e) {
    if (no === undefined) throw e;
    return no(e);
  }
  return ok === undefined ? (value as never) : ok(value);
}
const promiseResolve = Promise.resolve;
const promiseReject = Promise.reject;
export const PromiseResolve = <T>(v: T): Promise<Awaited<T>> => ReflectApply(promiseResolve, PromiseConstructor, [v]) as Promise<Awaited<T>>;
export const PromiseReject = (e: unknown): Promise<never> => ReflectApply(promiseReject, PromiseConstructor, [e]) as Promise<never>;
export interface Deferred<T> {
  promise: Promise<T>;
  resolve: (value: T | PromiseLike<T>) => void;
  reject: (reason: unknown) => void;
}
/** Promise.withResolvers. */
export function newDeferred<T>(): Deferred<T> {
  let resolve!: Deferred<T>["resolve"];
  let reject!: Deferred<T>["reject"];
  const promise = new PromiseConstructor<T>((ok, no) => {
    resolve = ok;
    reject = no;
  });
  return { promise, resolve, reject };
}

const MapConstructor = Map;
const SetConstructor = Set;
const WeakMapConstructor = WeakMap;
export { MapConstructor as Map, SetConstructor as Set, WeakMapConstructor as WeakMap };
export const MapPrototypeGet = uncurry(Map.prototype.get as AnyFunction) as <K, V>(m: Map<K, V>, k: K) => V | undefined;
export const MapPrototypeSet = uncurry(Map.prototype.set as AnyFunction) as <K, V>(m: Map<K, V>, k: K, v: V) => Map<K, V>;
export const MapPrototypeHas = uncurry(Map.prototype.has as AnyFunction) as <K, V>(m: Map<K, V>, k: K) => boolean;
export const MapPrototypeDelete = uncurry(Map.prototype.delete as AnyFunction) as <K, V>(m: Map<K, V>, k: K) => boolean;
export const MapPrototypeForEach = uncurry(Map.prototype.forEach as AnyFunction) as <K, V>(m: Map<K, V>, f: (v: V, k: K) => void) => void;
export const MapPrototypeClear = uncurry(Map.prototype.clear as AnyFunction) as <K, V>(m: Map<K, V>) => void;
export const MapPrototypeGetSize = getter(Map.prototype, "size") as <K, V>(m: Map<K, V>) => number;
export const SetPrototypeAdd = uncurry(Set.prototype.add as AnyFunction) as <T>(s: Set<T>, v: T) => Set<T>;
export const SetPrototypeHas = uncurry(Set.prototype.has as AnyFunction) as <T>(s: Set<T>, v: T) => boolean;
export const SetPrototypeDelete = uncurry(Set.prototype.delete as AnyFunction) as <T>(s: Set<T>, v: T) => boolean;
export const SetPrototypeForEach = uncurry(Set.prototype.forEach as AnyFunction) as <T>(s: Set<T>, f: (v: T) => void) => void;
export const SetPrototypeClear = uncurry(Set.prototype.clear as AnyFunction) as <T>(s: Set<T>) => void;
export const SetPrototypeGetSize = getter(Set.prototype, "size") as <T>(s: Set<T>) => number;
export const WeakMapPrototypeGet = uncurry(WeakMap.prototype.get as AnyFunction) as <K extends WeakKey, V>(m: WeakMap<K, V>, k: K) => V | undefined;
export const WeakMapPrototypeSet = uncurry(WeakMap.prototype.set as AnyFunction) as <K extends WeakKey, V>(m: WeakMap<K, V>, k: K, v: V) => WeakMap<K, V>;

const ArrayBufferConstructor = ArrayBuffer;
const Uint8ArrayConstructor = Uint8Array;
const DataViewConstructor = DataView;
export { ArrayBufferConstructor as ArrayBuffer, Uint8ArrayConstructor as Uint8Array, DataViewConstructor as DataView };
export const ArrayBufferIsView = ArrayBuffer.isView;
export const ArrayBufferPrototypeSlice = uncurry(ArrayBuffer.prototype.slice as AnyFunction) as (b: ArrayBuffer, start: number, end?: number) => ArrayBuffer;
export const ArrayBufferPrototypeGetByteLength = getter(ArrayBuffer.prototype, "byteLength") as (b: ArrayBuffer) => number;
const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
export const TypedArrayPrototypeGetBuffer = getter(TypedArrayPrototype, "buffer") as (v: ArrayBufferView) => ArrayBuffer;
export const TypedArrayPrototypeGetByteLength = getter(TypedArrayPrototype, "byteLength") as (v: ArrayBufferView) => number;
export const TypedArrayPrototypeGetByteOffset = getter(TypedArrayPrototype, "byteOffset") as (v: ArrayBufferView) => number;
export const TypedArrayPrototypeGetLength = getter(TypedArrayPrototype, "length") as (v: ArrayBufferView) => number;
/** "Uint8Array" and the like, or undefined if the value is not a typed array: unforgeable. */
export const TypedArrayPrototypeGetSymbolToStringTag = getter(TypedArrayPrototype, Symbol.toStringTag) as (v: unknown) => string | undefined;
export const TypedArrayPrototypeSet = uncurry((TypedArrayPrototype as Uint8Array).set as AnyFunction) as (v: ArrayBufferView, src: ArrayLike<number>, at?: number) => void;
export const TypedArrayPrototypeSubarray = uncurry((TypedArrayPrototype as Uint8Array).subarray as AnyFunction) as <T extends ArrayBufferView>(v: T, start: number, end?: number) => T;
export const DataViewPrototypeGetBuffer = getter(DataView.prototype, "buffer") as (v: ArrayBufferView) => ArrayBuffer;
export const DataViewPrototypeGetByteLength = getter(DataView.prototype, "byteLength") as (v: ArrayBufferView) => number;
export const DataViewPrototypeGetByteOffset = getter(DataView.prototype, "byteOffset") as (v: ArrayBufferView) => number;

/** The underlying buffer, offset and length of any view, without touching replaceable properties. */
export function viewBuffer(view: ArrayBufferView): ArrayBuffer {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined ? DataViewPrototypeGetBuffer(view) : TypedArrayPrototypeGetBuffer(view);
}
export function viewByteLength(view: ArrayBufferView): number {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined ? DataViewPrototypeGetByteLength(view) : TypedArrayPrototypeGetByteLength(view);
}
export function viewByteOffset(view: ArrayBufferView): number {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined ? DataViewPrototypeGetByteOffset(view) : TypedArrayPrototypeGetByteOffset(view);
}

export const { iterator: SymbolIterator, asyncIterator: SymbolAsyncIterator, toStringTag: SymbolToStringTag, hasInstance: SymbolHasInstance, species: SymbolSpecies, toPrimitive: SymbolToPrimitive } = Symbol;
const SymbolConstructor = Symbol;
const TypeErrorConstructor = TypeError;
const RangeErrorConstructor = RangeError;
const ErrorConstructor = Error;
const EvalErrorConstructor = EvalError;
export { SymbolConstructor as Symbol, TypeErrorConstructor as TypeError, RangeErrorConstructor as RangeError, ErrorConstructor as Error, EvalErrorConstructor as EvalError };
const DateConstructor = Date;
export { DateConstructor as Date };
const ProxyConstructor = Proxy;
export { ProxyConstructor as Proxy };

// Errors, dates, regular expressions and wrapper objects, for the clock and the inspector.
/** What `error.stack` reads: an own accessor whose getter V8 shares between all errors of a context. */
export const ErrorGetStack = uncurry(Object.getOwnPropertyDescriptor(new Error(), "stack")!.get as AnyFunction) as (e: object) => unknown;
/** The getter itself, to tell an untouched `stack` from one that somebody defined. */
export const errorStackGetter: unknown = Object.getOwnPropertyDescriptor(new Error(), "stack")!.get;
export const ErrorCaptureStackTrace = (Error as unknown as { captureStackTrace(o: object, f?: unknown): void }).captureStackTrace;
export const DatePrototype = Date.prototype;
export const DatePrototypeGetTime = uncurry(Date.prototype.getTime as AnyFunction) as (d: Date) => number;
export const DatePrototypeToISOString = uncurry(Date.prototype.toISOString as AnyFunction) as (d: Date) => string;
export const DatePrototypeToString = uncurry(Date.prototype.toString as AnyFunction) as (d: Date) => string;
export const RegExpPrototypeGetSource = getter(RegExp.prototype, "source") as (r: RegExp) => string;
const regExpFlags = ["hasIndices", "global", "ignoreCase", "multiline", "dotAll", "unicode", "unicodeSets", "sticky"] as const;
const regExpFlagGetters = regExpFlags.map((name) => getter(RegExp.prototype, name) as (r: RegExp) => boolean);
/** RegExp.prototype.flags by the internal flags alone. */
export function RegExpGetFlags(r: RegExp): string {
  let out = "";
  for (let i = 0; i < regExpFlagGetters.length; i++) if (regExpFlagGetters[i]!(r)) out += "dgimsuvy"[i]!;
  return out;
}
export const BooleanPrototypeValueOf = uncurry(Boolean.prototype.valueOf as AnyFunction) as (v: object) => boolean;
export const NumberPrototypeValueOf = uncurry(Number.prototype.valueOf as AnyFunction) as (v: object) => number;
export const StringPrototypeValueOf = uncurry(String.prototype.valueOf as AnyFunction) as (v: object) => string;
export const SymbolPrototypeValueOf = uncurry(Symbol.prototype.valueOf as AnyFunction) as (v: object) => symbol;
export const BigIntPrototypeValueOf = uncurry(BigInt.prototype.valueOf as AnyFunction) as (v: object) => bigint;
export const SymbolPrototypeToString = uncurry(Symbol.prototype.toString as AnyFunction) as (s: symbol) => string;
export const BigIntPrototypeToString = uncurry(BigInt.prototype.toString as AnyFunction) as (n: bigint) => string;
export const NumberPrototypeToFixed = uncurry(Number.prototype.toFixed as AnyFunction) as (n: number, digits: number) => string;
export const NumberParseFloat = Number.parseFloat;
export const FunctionPrototypeToString = uncurry(Function.prototype.toString as AnyFunction) as (f: unknown) => string;
export const FunctionPrototypeBind = uncurry(bind as AnyFunction) as <F>(f: F, self: unknown) => F;
export const WeakSetConstructor = WeakSet;
export const WeakSetPrototypeAdd = uncurry(WeakSet.prototype.add as AnyFunction) as (s: WeakSet<object>, v: object) => void;
export const WeakSetPrototypeHas = uncurry(WeakSet.prototype.has as AnyFunction) as (s: WeakSet<object>, v: object) => boolean;
export const WeakMapPrototypeDelete = uncurry(WeakMap.prototype.delete as AnyFunction) as <K extends WeakKey, V>(m: WeakMap<K, V>, k: K) => boolean;

// For events and streams.
export const ErrorPrototype = Error.prototype;
export const FunctionPrototype = Function.prototype;
const WeakRefConstructor = WeakRef;
export { WeakRefConstructor as WeakRef };
export const WeakRefPrototypeDeref = uncurry(WeakRef.prototype.deref as AnyFunction) as <T extends WeakKey>(r: WeakRef<T>) => T | undefined;
/** Promise.resolve without the argument list that PromiseResolve makes: for the per-chunk paths of streams. */
export const promiseResolvedWith = bind.call(promiseResolve, PromiseConstructor) as <T>(v: T) => Promise<Awaited<T>>;
const promiseWithResolvers = (Promise as unknown as { withResolvers: unknown }).withResolvers as (this: unknown) => Deferred<never>;
/** newDeferred through the built-in Promise.withResolvers: no executor closure. */
export const newDeferredFast = bind.call(promiseWithResolvers, PromiseConstructor) as <T>() => Deferred<T>;
type ModernArrayBuffer = ArrayBuffer & { transferToFixedLength(): ArrayBuffer };
/** Moves the bytes to a new fixed-length buffer and detaches the old one. Throws TypeError if it is detached already or may not be. */
export const ArrayBufferPrototypeTransferToFixedLength = uncurry((ArrayBuffer.prototype as ModernArrayBuffer).transferToFixedLength as AnyFunction) as (b: ArrayBuffer) => ArrayBuffer;
export const ArrayBufferPrototypeGetDetached = getter(ArrayBuffer.prototype, "detached") as (b: ArrayBuffer) => boolean;
export const ArrayBufferPrototypeGetResizable = getter(ArrayBuffer.prototype, "resizable") as (b: ArrayBuffer) => boolean;
/** The typed array constructors by the name that TypedArrayPrototypeGetSymbolToStringTag gives. */
export const typedArrayConstructors: { readonly [tag: string]: (new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView & { length: number }) & { BYTES_PER_ELEMENT: number } } = (() => {
  const out = Object.create(null) as { [tag: string]: never };
  const all = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array, Float32Array, Float64Array, (globalThis as { Float16Array?: unknown }).Float16Array];
  for (const c of all) if (c !== undefined) out[(c as { name: string }).name] = c as never;
  return out;
})();
export const WeakSetPrototypeDelete = uncurry(WeakSet.prototype.delete as AnyFunction) as (s: WeakSet<object>, v: object) => boolean;

// For node:.
const BigIntFunction = BigInt;
const decodeURIComponentFunction = decodeURIComponent;
export { BigIntFunction as BigInt, decodeURIComponentFunction as decodeURIComponent };
const { for: symbolFor } = Symbol;
/** Symbol.for. */
export const SymbolFor = bind.call(symbolFor as never, Symbol) as (key: string) => symbol;

const defineProperty = Object.defineProperty;
/** Object.defineProperty of a data property, whatever a worker has put on Object.prototype. For use at request time. */
export function defineData(target: object, key: PropertyKey, value: unknown, writable: boolean, enumerable: boolean, configurable: boolean): void {
  defineProperty(target, key, { __proto__: null, value, writable, enumerable, configurable } as PropertyDescriptor);
}
