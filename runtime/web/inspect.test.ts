import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { formatArguments, inspect, inspectItemsMax } = await import("./inspect.ts");
const { DOMException } = await import("./domexception.ts");

class Point {
  x = 1;
  get secret(): number {
    throw new Error("called");
  }
}

const circular: { name: string; self?: unknown; list?: unknown[] } = { name: "a" };
circular.self = circular;
circular.list = [circular];

const cases: [unknown, string][] = [
  [undefined, "undefined"],
  [null, "null"],
  [-0, "-0"],
  [10n, "10n"],
  [Symbol("s"), "Symbol(s)"],
  ["it's", `"it's"`],
  ["a\nb\\", "'a\\nb\\\\'"],
  ["\ud800", "'\\ud800'"],
  [{}, "{}"],
  [[], "[]"],
  [{ a: 1, "b-c": "x", [Symbol("k")]: true }, "{ a: 1, 'b-c': 'x', [Symbol(k)]: true }"],
  [[1, , 3], "[ 1, <1 empty item>, 3 ]"],
  [Object.assign([1], { extra: 2 }), "[ 1, extra: 2 ]"],
  [new Point(), "Point { x: 1 }"],
  [Object.create(null, { a: { value: 1, enumerable: true } }), "[Object: null prototype] { a: 1 }"],
  [{ get a() { return 1; }, set b(_: unknown) {} }, "{ a: [Getter], b: [Setter] }"],
  [new Map([["k", { v: 1 }]]), "Map(1) { 'k' => { v: 1 } }"],
  [new Set([1, "a"]), "Set(2) { 1, 'a' }"],
  [new WeakMap(), "WeakMap { <items unknown> }"],
  [new Uint8Array([1, 2]), "Uint8Array(2) [ 1, 2 ]"],
  [new Uint8Array([1, 255]).buffer, "ArrayBuffer { [Uint8Contents]: <01 ff>, byteLength: 2 }"],
  [new Date(0), "1970-01-01T00:00:00.000Z"],
  [new Date(NaN), "Invalid Date"],
  [/a/gi, "/a/gi"],
  [Object(1), "[Number: 1]"],
  [Object("s"), "[String: 's']"],
  [function f() {}, "[Function: f]"],
  [() => {}, "[Function (anonymous)]"],
  [async function g() {}, "[AsyncFunction: g]"],
  [class A extends Point {}, "[class A extends Point]"],
  [Promise.withResolvers().promise, "Promise { <pending> }"],
  [circular, "<ref *1> { name: 'a', self: [Circular *1], list: [ [Circular *1] ] }"],
  [{ a: { b: { c: { d: { e: { f: 1 } } } } } }, "{\n  a: { b: { c: { d: { e: [Object] } } } }\n}"],
];

for (const [value, expected] of cases) {
  test(`inspect gives ${expected.split("\n")[0]}`, () => {
    // A line that is too long for one is broken at its outermost braces.
    assert.equal(inspect(value).replace(/\s+/g, " "), expected.replace(/\s+/g, " "));
  });
}

test("long objects take a line for each property", () => {
  assert.equal(inspect({ aaaaaaaaaa: "x".repeat(40), bbbbbbbbbb: "y".repeat(40) }), `{\n  aaaaaaaaaa: '${"x".repeat(40)}',\n  bbbbbbbbbb: '${"y".repeat(40)}'\n}`);
});

test("arrays are cut", () => {
  const text = inspect(Array.from({ length: inspectItemsMax + 5 }, () => 0));
  assert.match(text, /\.\.\. 5 more items/);
  assert.match(inspect(new Array(1e9)), /<1000000000 empty items>/);
});

test("the whole is bounded", () => {
  const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => "x".repeat(100))));
  assert.ok(inspect(wide).length < 100_000);
});

test("an error is its stack, with properties and cause", () => {
  const e = Object.assign(new TypeError("bad", { cause: new RangeError("deep") }), { code: 7 });
  const text = inspect(e);
  assert.match(text, /^TypeError: bad\n    at /);
  assert.match(text, /\n  code: 7/);
  assert.match(text, /\[cause\]: RangeError: deep\n/);
  e.stack = "";
  assert.match(inspect(e), /^\[TypeError: bad\] \{/);
});

test("a DOMException shows its own name", () => {
  assert.match(inspect(new DOMException("gone", "AbortError")), /^AbortError: gone\n    at /);
});

test("nothing of the value's runs", () => {
  let ran = false;
  const spy = (): never => {
    ran = true;
    throw new Error("ran");
  };
  const trap = new Proxy({}, { get: () => spy });
  const hostile = Object.defineProperties(
    { [Symbol.toStringTag]: "x", toString: spy, valueOf: spy, toJSON: spy },
    { constructor: { get: spy }, name: { get: spy }, stack: { get: spy }, [Symbol.iterator]: { get: spy } },
  );
  inspect(hostile);
  inspect(Object.setPrototypeOf({ a: 1 }, new Proxy({}, { getOwnPropertyDescriptor: spy, getPrototypeOf: spy, get: spy })));
  const error = new Error("x");
  Object.defineProperty(error, "stack", { get: spy });
  Object.defineProperty(error, "name", { get: spy });
  inspect(error);
  void trap;
  assert.equal(ran, false);
});

const formats: [unknown[], string][] = [
  [[], ""],
  [["a", "b", 1], "a b 1"],
  [["100%", 1], "100% 1"],
  [["%s is %d", "x", "42"], "x is 42"],
  [["%i %f", "12.7px", "1.5e1"], "12 15"],
  [["%d", {}], "NaN"],
  [["%d", Symbol("a")], "NaN"],
  [["%s", Symbol("a")], "Symbol(a)"],
  [["%j", { a: 1 }], '{"a":1}'],
  [["%O|%c|%%", { a: [] }, "color: red"], "{ a: [] }||%"],
  [["%x %s", 1], "%x 1"],
  [["%s"], "%s"],
  [["%s", "a", "b"], "a b"],
  [[{ a: "s" }, "t"], "{ a: 's' } t"],
];
for (const [args, expected] of formats) {
  test(`format ${JSON.stringify(expected)}`, () => assert.equal(formatArguments(args), expected));
}
