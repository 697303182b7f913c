// What the operations on objects see, and that nothing a value does can mislead them or be called by them.
import { test } from "node:test";
import assert from "node:assert/strict";
import { Script } from "node:vm";
import * as namespace from "./support.mjs";
import { native } from "./support.mjs";

/** Throws if anything touches it. */
const trap = new Proxy({}, new Proxy({}, { get() { throw new Error("user code ran"); } }));

test("promiseState", async () => {
  assert.deepEqual(native.promiseState(new Promise(() => {})), [0, undefined]);
  const value = {};
  assert.equal(native.promiseState(Promise.resolve(value))[0], 1);
  assert.equal(native.promiseState(Promise.resolve(value))[1], value);
  const rejected = Promise.reject(value);
  rejected.catch(() => {});
  assert.equal(native.promiseState(rejected)[0], 2);
  assert.equal(native.promiseState(rejected)[1], value);
  assert.throws(() => native.promiseState({ then() {} }), TypeError);
});

test("proxyParts", () => {
  const target = {}, handler = {};
  const parts = native.proxyParts(new Proxy(target, handler));
  assert.ok(parts[0] === target && parts[1] === handler);
  const { proxy, revoke } = Proxy.revocable(target, handler);
  revoke();
  assert.deepEqual(native.proxyParts(proxy), [null, null]);
  assert.equal(native.proxyParts({}), undefined);
  assert.equal(native.proxyParts(1), undefined);
  assert.equal(native.proxyParts(trap).length, 2);
});

test("previewEntries", () => {
  const map = new Map([["a", 1], ["b", 2]]);
  assert.deepEqual(native.previewEntries(map), [["a", 1, "b", 2], true]);
  assert.deepEqual(native.previewEntries(new Set([1, 2])), [[1, 2], false]);
  assert.deepEqual(native.previewEntries(map.keys()), [["a", "b"], false]);
  assert.deepEqual(native.previewEntries(map.entries()), [["a", 1, "b", 2], true]);
  const iterator = new Set([1, 2, 3]).values();
  iterator.next();
  assert.deepEqual(native.previewEntries(iterator), [[2, 3], false]);
  assert.equal(iterator.next().value, 2); // Not used up.
  const key = {};
  assert.deepEqual(native.previewEntries(new WeakMap([[key, 1]])), [[key, 1], true]);
  assert.deepEqual(native.previewEntries(new WeakSet([key])), [[key], false]);
  for (const v of [{}, [], new Date(), 1, undefined, trap]) assert.equal(native.previewEntries(v), undefined);
});

test("typeTag", () => {
  const typed = [Uint8Array, Uint8ClampedArray, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float16Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array];
  for (const type of typed) assert.equal(native.typeTag(new type(1)), type.name);
  const table = {
    Map: new Map(), Set: new Set(), Date: new Date(), RegExp: /x/, Promise: Promise.resolve(), Proxy: new Proxy(new Map(), {}), ArrayBuffer: new ArrayBuffer(1),
    SharedArrayBuffer: new SharedArrayBuffer(1), DataView: new DataView(new ArrayBuffer(1)), NativeError: new TypeError("x"), WeakMap: new WeakMap(), WeakSet: new WeakSet(),
    WeakRef: new WeakRef({}), MapIterator: new Map().keys(), SetIterator: new Set().values(), Generator: (function* () {})(), AsyncFunction: async () => {},
    GeneratorFunction: function* () {}, AsyncGeneratorFunction: async function* () {}, Arguments: (function () { return arguments; })(), ModuleNamespace: namespace,
    WasmModule: new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])), WasmMemory: new WebAssembly.Memory({ initial: 1 }), Object: {},
  };
  for (const [tag, value] of Object.entries(table)) assert.equal(native.typeTag(value), tag);
  for (const v of [Object(1), Object("s"), Object(true), Object(1n), Object(Symbol())]) assert.equal(native.typeTag(v), "Boxed");
  for (const v of [[], () => {}, class {}, Object.create(null)]) assert.equal(native.typeTag(v), "Object");
  for (const v of [1, "s", null, undefined]) assert.equal(native.typeTag(v), "Object");
});

test("platformSource tells the functions of the runtime layer's script from all others", () => {
  const functions = '({ method() { secret }, async later() {}, *many() {}, get x() { return 1 }, set x(v) {}, C: class C { static s() {} #private }, none: (0, function () {}), arrow: () => {} })';
  const from = (filename) => new Script(functions, { filename }).runInThisContext();
  const o = from("skerry:runtime");
  const accessor = Object.getOwnPropertyDescriptor(o, "x");
  for (const [f, name] of [[o.method, "method"], [o.later, "later"], [o.many, "many"], [accessor.get, "get x"], [accessor.set, "set x"], [o.C, "C"], [o.C.s, "s"], [o.arrow, "arrow"]]) {
    assert.equal(native.platformSource(f), `function ${name}() { [native code] }`);
  }
  assert.equal(native.platformSource(o.none), "function () { [native code] }");
  for (const v of [from("skerry:runtime2").method, from("worker.js").C, Object, o.method.bind(null), new Proxy(o.method, trap), trap, o, "x", undefined]) assert.equal(native.platformSource(v), undefined);
  Object.defineProperty(o.method, "name", { get() { throw new Error("user code ran"); } });
  assert.equal(native.platformSource(o.method), "function method() { [native code] }");
});

test("typeTag cannot be forged, and runs no user code", () => {
  for (const v of [{ [Symbol.toStringTag]: "Map" }, Object.create(Map.prototype), Object.setPrototypeOf({}, Date.prototype), Object.create(Error.prototype)]) assert.equal(native.typeTag(v), "Object");
  assert.equal(native.typeTag(Object.setPrototypeOf(new Map(), null)), "Map");
  assert.equal(native.typeTag(Object.setPrototypeOf(new ArrayBuffer(1), trap)), "ArrayBuffer");
  assert.equal(native.typeTag(trap), "Proxy");
});

test("constructorName", () => {
  class Mine {}
  assert.equal(native.constructorName(new Mine()), "Mine");
  assert.equal(native.constructorName(new (class extends Mine {})()), "Mine");
  assert.equal(native.constructorName([]), "Array");
  assert.equal(native.constructorName({}), "Object");
  assert.equal(native.constructorName({ get constructor() { throw new Error("user code ran"); } }), "Object");
  assert.equal(typeof native.constructorName(trap), "string");
  assert.throws(() => native.constructorName(1), TypeError);
});

test("isDetached, transferBuffer", () => {
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  const view = new Uint8Array(buffer);
  assert.equal(native.isDetached(buffer), false);
  const moved = native.transferBuffer(buffer);
  assert.deepEqual(new Uint8Array(moved), new Uint8Array([1, 2, 3]));
  assert.ok(native.isDetached(buffer) && buffer.byteLength === 0 && view.length === 0);
  assert.equal(native.isDetached(moved), false);
  assert.throws(() => native.transferBuffer(buffer), TypeError);
  assert.throws(() => native.transferBuffer(new WebAssembly.Memory({ initial: 1 }).buffer), TypeError);
  assert.throws(() => native.transferBuffer(new SharedArrayBuffer(1)), TypeError);
  assert.throws(() => native.transferBuffer({}), TypeError);
  const resizable = native.transferBuffer(new ArrayBuffer(2, { maxByteLength: 4 }));
  assert.equal(resizable.maxByteLength, 4);
  assert.ok(native.isDetached((() => { const e = new ArrayBuffer(0); native.transferBuffer(e); return e; })()));
  const masked = Object.defineProperty(new ArrayBuffer(3), "byteLength", { get() { throw new Error("user code ran"); } });
  assert.equal(native.transferBuffer(masked).byteLength, 3);
});
