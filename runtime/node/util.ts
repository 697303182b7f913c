// node:util (https://nodejs.org/api/util.html), as far as programs commonly use it; the rest is in the list of what is not
// available. inspect and format are the console's; of the options of inspect, depth and showHidden are honoured.

import { append, ArrayBufferIsView, ArrayIsArray, ArrayPrototypeIncludes, ArrayPrototypePop, defineData, Error, FunctionPrototypeApply, newDeferred, ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ObjectGetPrototypeOf, ObjectSetPrototypeOf, PromisePrototypeThen, PromiseResolve, ReflectConstruct, ReflectOwnKeys, StringPrototypeReplaceAll, StringPrototypeToWellFormed, SymbolFor } from "../bootstrap/primordials.ts";
import { isObject } from "../bootstrap/webidl.ts";
import { native } from "../bootstrap/native.ts";
import { LogLevel } from "../bootstrap/wire.gen.ts";
import { TextDecoder, TextEncoder } from "../web/encoding.ts";
import { formatArguments, inspect as show } from "../web/inspect.ts";
import { writeLog } from "../web/log.ts";
import { queueMicrotask } from "../web/microtask.ts";
import { invalidArgType, nodeError, requireFunction, requireString } from "./errors.ts";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

const promisifyCustom = SymbolFor("nodejs.util.promisify.custom");
const inspectCustom = SymbolFor("nodejs.util.inspect.custom");

export function inspect(value: unknown, options: unknown = undefined, depth: unknown = undefined): string {
  const o = (isObject(options) ? options : { showHidden: options, depth }) as { depth?: unknown; showHidden?: unknown };
  const wanted = o.depth === null || o.depth === Infinity ? 100 : typeof o.depth === "number" ? o.depth : 2;
  return show(value, wanted, o.showHidden === true);
}
defineData(inspect, "custom", inspectCustom, true, true, true);
defineData(inspect, "defaultOptions", { depth: 2, showHidden: false }, true, true, true);

export function format(...args: unknown[]): string {
  return formatArguments(args);
}

/** The promise-returning form of a function whose last argument is a callback (error, value). */
export function promisify(original: unknown): AnyFunction {
  requireFunction(original, "original");
  const custom = (original as never as { [key: symbol]: unknown })[promisifyCustom];
  if (custom !== undefined && custom !== null) {
    requireFunction(custom, "util.promisify.custom");
    defineData(custom, promisifyCustom, custom, false, false, true);
    return custom as AnyFunction;
  }
  const promised: AnyFunction = function (...args) {
    const result = newDeferred<unknown>();
    append(args, (error: unknown, value: unknown) => {
      if (error) result.reject(error);
      else result.resolve(value);
    });
    FunctionPrototypeApply<unknown>(original, this, args);
    return result.promise;
  };
  ObjectSetPrototypeOf(promised, ObjectGetPrototypeOf(original));
  defineData(promised, promisifyCustom, promised, false, false, true);
  const keys = ReflectOwnKeys(original);
  for (let i = 0; i < keys.length; i++) {
    const d = ObjectGetOwnPropertyDescriptor(original, keys[i]!);
    if (d !== undefined && keys[i] !== "prototype") ObjectDefineProperty(promised, keys[i]!, ObjectSetPrototypeOf(d, null) as PropertyDescriptor);
  }
  return promised;
}
defineData(promisify, "custom", promisifyCustom, true, true, true);

export function callbackify(original: unknown): AnyFunction {
  requireFunction(original, "original");
  return function (this: unknown, ...args: unknown[]): void {
    const callback = ArrayPrototypePop(args);
    requireFunction(callback, "last argument");
    const later = (...values: unknown[]): void => queueMicrotask(() => void FunctionPrototypeApply(callback, this, values));
    PromisePrototypeThen(
      PromiseResolve(FunctionPrototypeApply<unknown>(original, this, args)),
      (value: unknown) => later(null, value),
      (reason: unknown) => {
        if (reason) return later(reason);
        const e = nodeError(Error as never, "ERR_FALSY_VALUE_REJECTION", "Promise was rejected with falsy value");
        (e as { reason?: unknown }).reason = reason;
        return later(e);
      },
    );
  };
}

export function inherits(constructor: unknown, superConstructor: unknown): void {
  requireFunction(constructor, "ctor");
  requireFunction(superConstructor, "superCtor");
  const base = (superConstructor as { prototype?: object }).prototype;
  if (base === undefined) throw invalidArgType("superCtor.prototype", "of type object", base);
  defineData(constructor, "super_", superConstructor, true, true, true);
  ObjectSetPrototypeOf((constructor as unknown as { prototype: object }).prototype, base);
}

/** fn, with a line in the log when it is first called. */
export function deprecate(fn: unknown, message: unknown, code: unknown = undefined): unknown {
  requireFunction(fn, "fn");
  let said = false;
  const deprecated = function (this: unknown, ...args: unknown[]): unknown {
    if (!said) {
      said = true;
      writeLog(LogLevel.warn, `${code === undefined ? "" : `[${code as string}] `}DeprecationWarning: ${message as string}`);
    }
    return new.target === undefined ? FunctionPrototypeApply(fn, this, args) : ReflectConstruct(fn as never, args, new.target);
  };
  ObjectSetPrototypeOf(deprecated, fn);
  const { prototype } = fn as { prototype?: unknown };
  if (prototype !== undefined) deprecated.prototype = prototype;
  return deprecated;
}

/** Nothing is logged: there is no NODE_DEBUG in a worker. */
export function debuglog(_section: unknown): AnyFunction {
  const log = (): void => {};
  defineData(log, "enabled", false, true, true, true);
  return log;
}

const ansi = /[\u001B\u009B][[\]()#;?]*(?:(?:(?:(?:;[-a-zA-Z\d\/#&.:=?%@~_]+)*|[a-zA-Z\d]+(?:;[-a-zA-Z\d\/#&.:=?%@~_]*)*)?(?:\u0007|\u001B\u005C|\u009C))|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]))/g;

export function stripVTControlCharacters(text: unknown): string {
  requireString(text, "str");
  return StringPrototypeReplaceAll(text, ansi as never, "");
}

export function toUSVString(text: unknown): string {
  return StringPrototypeToWellFormed(`${text as string}`);
}

const tag = (v: unknown): string => (isObject(v) ? native.typeTag(v) : "");
const tagged =
  (...names: string[]) =>
  (v: unknown): boolean => {
    const found = tag(v);
    for (let i = 0; i < names.length; i++) if (names[i] === found) return true;
    return false;
  };
const typedArrays = ["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"];

/** node:util/types (https://nodejs.org/api/util.html#utiltypes), by what V8 knows of a value, which no program can forge. */
export const types: { [name: string]: (v: unknown) => boolean } = {
  isAnyArrayBuffer: tagged("ArrayBuffer", "SharedArrayBuffer"),
  isArrayBuffer: tagged("ArrayBuffer"),
  isArrayBufferView: (v) => ArrayBufferIsView(v),
  isAsyncFunction: tagged("AsyncFunction", "AsyncGeneratorFunction"),
  isBoxedPrimitive: tagged("Boxed"),
  isDataView: tagged("DataView"),
  isDate: tagged("Date"),
  isGeneratorFunction: tagged("GeneratorFunction", "AsyncGeneratorFunction"),
  isGeneratorObject: tagged("Generator"),
  isMap: tagged("Map"),
  isMapIterator: tagged("MapIterator"),
  isModuleNamespaceObject: tagged("ModuleNamespace"),
  isNativeError: tagged("NativeError"),
  isPromise: tagged("Promise"),
  isProxy: tagged("Proxy"),
  isRegExp: tagged("RegExp"),
  isSet: tagged("Set"),
  isSetIterator: tagged("SetIterator"),
  isSharedArrayBuffer: tagged("SharedArrayBuffer"),
  isTypedArray: (v) => ArrayPrototypeIncludes(typedArrays, tag(v)),
  isUint8Array: tagged("Uint8Array"),
  isWeakMap: tagged("WeakMap"),
  isWeakSet: tagged("WeakSet"),
};
for (let i = 0; i < typedArrays.length; i++) types[`is${typedArrays[i]!}`] = tagged(typedArrays[i]!);

export const isArray = ArrayIsArray;
export { TextDecoder, TextEncoder };
