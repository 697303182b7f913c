import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { defineInterface, registerCloner } = await import("../bootstrap/interfaces.ts");
const { structuredClone } = await import("./structured-clone.ts");
const { DOMException } = await import("./domexception.ts");

class Cloneable {
  n: number;
  constructor(n: number) {
    this.n = n;
  }
}
class Refused {}
defineInterface(Cloneable);
registerCloner(Cloneable, (o) => {
  const { n } = o as Cloneable;
  return () => new Cloneable(n + 1);
});
defineInterface(Refused);

// The stand-in's serialiser knows no platform objects: a value that is one itself is enough to see the callbacks.
const plain = mock.native.structuredClone;
mock.native.structuredClone = (value, transfer, isHost, toHost, fromHost, fail) =>
  typeof value === "object" && value !== null && isHost(value) ? fromHost(toHost(value)) : plain(value, transfer, isHost, toHost, fromHost, fail);

test("values of the language", () => {
  const value = { a: [1, new Map([[1, new Date(0)]])], u: undefined };
  const copy = structuredClone(value) as typeof value;
  assert.deepEqual(copy, value);
  assert.notEqual(copy, value);
  assert.throws(() => structuredClone(() => {}), (e) => e instanceof DOMException && e.name === "DataCloneError" && e.code === 25);
  assert.throws(() => (structuredClone as () => void)(), TypeError);
});

test("platform objects that are registered", () => {
  assert.equal((structuredClone(new Cloneable(1)) as Cloneable).n, 2);
  assert.throws(() => structuredClone(new Refused()), { name: "DataCloneError", message: "Refused could not be cloned." });
  class Sub extends Refused {}
  assert.throws(() => structuredClone(new Sub()), { name: "DataCloneError" });
});

test("transfer", () => {
  const buffer = new Uint8Array([1, 2]).buffer;
  const copy = structuredClone({ buffer }, { transfer: [buffer] }) as { buffer: ArrayBuffer };
  assert.equal(buffer.byteLength, 0);
  assert.deepEqual([...new Uint8Array(copy.buffer)], [1, 2]);
  assert.throws(() => structuredClone(1, { transfer: [buffer] }), { name: "DataCloneError", message: /detached/ });
  const other = new ArrayBuffer(1);
  assert.throws(() => structuredClone(1, { transfer: [other, other] }), { name: "DataCloneError", message: /twice/ });
  assert.equal(other.byteLength, 1);
  assert.throws(() => structuredClone(1, { transfer: [{}] }), { name: "DataCloneError" });
  assert.throws(() => structuredClone(1, { transfer: [new Refused()] }), { name: "DataCloneError", message: "Refused cannot be transferred." });
  assert.throws(() => structuredClone(1, { transfer: 1 }), TypeError);
});
