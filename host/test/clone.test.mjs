// structuredClone against Node's, and the callbacks for platform objects.
import { test } from "node:test";
import assert from "node:assert/strict";
import { serialize } from "node:v8";
import { native, random, randomString, seed } from "./support.mjs";

class DataCloneError extends Error {}
const fail = (message) => { throw new DataCloneError(message); };

/** A platform object that may be cloned. */
class Point {
  #x;
  constructor(x) { this.#x = x; }
  static is(o) { return #x in o; }
  get x() { return this.#x; }
}

function clone(value, transfer = []) {
  const stored = [];
  return native.structuredClone(
    value, transfer,
    (o) => Point.is(o),
    (o) => {
      if (o.x === "refused") fail("refused");
      return stored.push(o.x) - 1;
    },
    (i) => new Point(stored[i]),
    fail,
  );
}

test("primitives", () => {
  for (const v of [undefined, null, true, false, 0, -0, 1.5, NaN, Infinity, "", "text", "中", 12345678901234567890n]) assert.ok(Object.is(clone(v), v));
  assert.throws(() => clone(Symbol("s")), DataCloneError);
});

test("built-in types, compared with Node's structuredClone", () => {
  const error = new RangeError("outside", { cause: { deep: [1] } });
  const list = [
    {}, [], [1, , 3], Object.assign([1], { extra: 2 }), { a: { b: [new Date(5), /x/gi] } }, new Map([[{}, new Set([1, "a"])]]), Object(1), Object("s"), Object(true), Object(10n),
    new Date(NaN), error, new ArrayBuffer(5), new Uint8Array([1, 2, 3]).subarray(1), new Float64Array([1.5, NaN]), new BigInt64Array([-1n]), new DataView(new ArrayBuffer(8), 2, 3),
    "x".repeat(100000), { "": 1, "中": 2, 5: 3 }, Object.create({ inherited: 1 }, { own: { value: 1, enumerable: true }, hidden: { value: 2 } }), new Float16Array([1, 2]),
    new ArrayBuffer(4, { maxByteLength: 9 }),
  ];
  for (const v of list) {
    const mine = clone(v), theirs = structuredClone(v);
    assert.deepStrictEqual(mine, theirs);
    if (typeof v === "object") assert.ok(mine !== v);
    assert.equal(Object.getPrototypeOf(mine), Object.getPrototypeOf(theirs));
  }
  const copy = clone(error);
  assert.equal(copy.stack, error.stack);
  assert.deepEqual(copy.cause, error.cause);
  assert.equal(clone(new ArrayBuffer(4, { maxByteLength: 9 })).maxByteLength, 9);
});

test("graphs keep their shape", () => {
  const a = { name: "a" };
  a.self = a;
  a.list = [a, { back: a }];
  const b = clone(a);
  assert.equal(b.self, b);
  assert.equal(b.list[0], b);
  assert.equal(b.list[1].back, b);
  const map = new Map();
  map.set(map, new Set([map]));
  const copy = clone(map);
  assert.ok([...copy.keys()][0] === copy && [...copy.values()][0].has(copy));
  const buffer = new ArrayBuffer(8);
  const views = clone([new Uint8Array(buffer), new Uint16Array(buffer, 2), buffer]);
  assert.equal(views[0].buffer, views[2]);
  assert.equal(views[1].buffer, views[2]);
  const p = new Point(7);
  const points = clone([p, { p }, p]);
  assert.ok(points[0] !== p && points[0] === points[2] && points[1].p === points[0]);
});

test("what cannot be cloned goes through fail", () => {
  const refused = [() => {}, function f() {}, class {}, new WeakMap(), new WeakSet(), new WeakRef({}), Promise.resolve(), new Proxy({}, {}), (function* () {})(), new SharedArrayBuffer(4), new Uint8Array(new SharedArrayBuffer(4)), Object(Symbol())];
  for (const v of refused) {
    assert.throws(() => clone(v), DataCloneError, String(Object.prototype.toString.call(v)));
    assert.throws(() => clone({ in: [v] }), DataCloneError);
  }
  assert.throws(() => clone(new Point("refused")), { message: "refused" });
  const detached = new ArrayBuffer(1);
  const view = new Uint8Array(detached);
  clone(null, [detached]);
  assert.throws(() => clone(detached), DataCloneError);
  assert.throws(() => clone(view), DataCloneError);
});

test("exceptions of the value's own code come through as they are", () => {
  const mine = { mine: true };
  const value = { a: 1, get b() { throw mine; } };
  try {
    clone({ value });
    assert.fail("did not throw");
  } catch (e) {
    assert.equal(e, mine);
  }
  class Other {} // Of plain objects nobody is asked.
  const bad = { bad: 1 };
  const is = () => false;
  const never = () => assert.fail("called");
  for (const at of [2, 3, 4]) {
    const args = [new Other(), [], () => true, () => 0, () => ({}), fail];
    args[at] = () => { throw bad; };
    assert.throws(() => native.structuredClone(...args), (e) => e === bad);
  }
  assert.throws(() => native.structuredClone(new Other(), [], () => true, () => "x", never, fail), TypeError);
  assert.throws(() => native.structuredClone(new Other(), [], () => true, () => 0, () => 1, fail), TypeError);
  assert.throws(() => native.structuredClone(() => {}, [], is, never, never, () => {}), { name: "TypeError", message: "structuredClone: fail did not throw" });
});

test("isHost is asked about errors and objects with a prototype of their own, once per object", () => {
  const asked = [];
  const shared = new (class {})();
  const bare = Object.create(null);
  const error = new Error("x");
  native.structuredClone([{}, [{}], shared, {}, shared, new Map([[{}, {}]]), error, [bare], { a: 1 }], [], (o) => (asked.push(o), false), fail, fail, fail);
  assert.deepEqual(new Set(asked), new Set([shared, error, bare]));
  assert.equal(asked.length, 3);
});

test("transfer: bytes move, the source is detached, resizable stays resizable", () => {
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  const view = new Uint8Array(buffer);
  const out = clone({ view, buffer }, [buffer]);
  assert.equal(buffer.byteLength, 0);
  assert.ok(buffer.detached);
  assert.deepEqual(out.view, new Uint8Array([1, 2, 3]));
  assert.equal(out.view.buffer, out.buffer);
  const resizable = new ArrayBuffer(4, { maxByteLength: 16 });
  const moved = clone(resizable, [resizable]);
  assert.ok(moved.resizable && moved.maxByteLength === 16 && moved.byteLength === 4);
  moved.resize(16);
  const unused = new ArrayBuffer(8);
  assert.equal(clone(1, [unused]), 1);
  assert.ok(unused.detached);
  const empty = new ArrayBuffer(0);
  assert.equal(clone(empty, [empty]).byteLength, 0);
  assert.ok(empty.detached);
});

test("transfer: refused lists change nothing", () => {
  const good = new ArrayBuffer(4), gone = new ArrayBuffer(4);
  clone(null, [gone]);
  assert.throws(() => clone(null, [good, gone]), DataCloneError);
  assert.throws(() => clone(null, [good, good]), DataCloneError);
  assert.throws(() => clone(null, [new WebAssembly.Memory({ initial: 1 }).buffer, good]), TypeError);
  assert.throws(() => clone(null, [good, {}]), TypeError);
  assert.throws(() => clone(() => {}, [good]), DataCloneError);
  assert.equal(good.byteLength, 4);
  const many = Array.from({ length: 20000 }, () => new ArrayBuffer(1));
  clone(null, many);
  assert.ok(many.every((b) => b.detached));
});

test("transfer: a getter that detaches the buffer meanwhile", () => {
  const buffer = new ArrayBuffer(4);
  assert.throws(() => clone({ get a() { return structuredClone(buffer, { transfer: [buffer] }); } }, [buffer]), DataCloneError);
});

test("a WebAssembly.Module is copied without compiling again", () => {
  const module = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  const [a, b, { c }] = clone([module, module, { c: new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) }]);
  assert.ok(a instanceof WebAssembly.Module && a !== module && a === b && c !== a);
  assert.ok(new WebAssembly.Instance(a) instanceof WebAssembly.Instance);
  assert.throws(() => clone(new WebAssembly.Memory({ initial: 1 })), DataCloneError);
  assert.throws(() => clone(new WebAssembly.Instance(module)), DataCloneError);
});

test("too much is refused, not taken from the machine", () => {
  const s = "x".repeat(1 << 20);
  assert.throws(() => clone(new Array(1024).fill(s)), DataCloneError);
});

test("deep nesting is a RangeError", () => {
  let deep = {};
  for (let i = 0; i < 200000; i++) deep = { deep };
  assert.throws(() => clone(deep), RangeError);
});

test("bad arguments", () => {
  assert.throws(() => native.structuredClone({}), TypeError);
  assert.throws(() => native.structuredClone({}, [], () => false), TypeError);
});

test(`random graphs, seed ${seed}`, () => {
  const r = random(31);
  for (let i = 0; i < 2000; i++) {
    const made = [];
    const make = (depth) => {
      if (made.length > 0 && r.chance(15)) return r.pick(made);
      const kind = depth > 4 ? r.below(6) : r.below(14);
      const keep = (o) => (made.push(o), o);
      if (kind < 2) return r.next() - 2 ** 31;
      if (kind === 2) return randomString(r, 12);
      if (kind === 3) return r.next() / 7;
      if (kind === 4) return r.pick([true, false, null, undefined, BigInt(r.next())]);
      if (kind === 5) return keep(new Date(r.next()));
      if (kind === 6) return keep(new (r.pick([Uint8Array, Int16Array, Float64Array]))(r.below(9)));
      if (kind === 7) return keep(Object(r.pick([1, "s", true])));
      const n = r.below(5);
      if (kind < 10) { const o = keep({}); for (let k = 0; k < n; k++) o[randomString(r, 4)] = make(depth + 1); return o; }
      if (kind < 12) { const o = keep([]); for (let k = 0; k < n; k++) o.push(make(depth + 1)); return o; }
      if (kind === 12) { const o = keep(new Map()); for (let k = 0; k < n; k++) o.set(make(depth + 1), make(depth + 1)); return o; }
      const o = keep(new Set()); for (let k = 0; k < n; k++) o.add(make(depth + 1)); return o;
    };
    const value = make(0);
    // Node's serialised bytes name every value and every back reference, so equal bytes mean equal graphs.
    assert.deepEqual(serialize(clone([value])), serialize(structuredClone([value])), `graph ${i}`);
  }
});
