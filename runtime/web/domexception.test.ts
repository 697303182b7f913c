import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";
const { DOMException, domExceptionParts, isDOMException, QuotaExceededError } = await import("./domexception.ts");

test("an instance is a genuine Error without inheriting its constructor", () => {
  const e = new DOMException("gone", "NotFoundError");
  assert.equal(e.name, "NotFoundError");
  assert.equal(e.message, "gone");
  assert.equal(e.code, 8);
  assert.equal((Error as unknown as { isError(v: unknown): boolean }).isError(e), true);
  assert.ok(e instanceof Error);
  assert.equal(Object.getPrototypeOf(DOMException), Function.prototype);
  assert.match(e.stack, /^NotFoundError: gone\n +at .*domexception\.test/);
  assert.equal(Object.prototype.toString.call(e), "[object DOMException]");
});

test("names without a legacy code have code 0, also odd ones", () => {
  for (const name of ["EncodingError", "__proto__", "constructor", ""]) assert.equal(new DOMException("", name).code, 0, name);
});

test("subclasses keep their prototype", () => {
  class Mine extends DOMException {}
  const e = new Mine("m", "AbortError");
  assert.ok(e instanceof Mine);
  assert.equal(e.code, 20);
});

test("getters and brand checks take instances only", () => {
  assert.throws(() => DOMException.prototype.name, TypeError);
  assert.equal(isDOMException(Object.create(DOMException.prototype)), false);
  assert.deepEqual(domExceptionParts(new DOMException("a", "DataError")), { message: "a", name: "DataError", code: 0 });
});

test("QuotaExceededError checks its numbers", () => {
  const e = new QuotaExceededError("too much", { quota: 1, requested: 2 });
  assert.deepEqual([e.name, e.code, e.quota, e.requested], ["QuotaExceededError", 22, 1, 2]);
  assert.throws(() => new QuotaExceededError("", { quota: -1 }), RangeError);
  assert.throws(() => new QuotaExceededError("", { quota: 2, requested: 1 }), RangeError);
});
