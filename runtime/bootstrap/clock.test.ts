import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const original = Date;
const OriginalTemporal = Temporal;
const { installClock, installTemporal } = await import("./clock.ts");
installClock(globalThis);
installTemporal();
mock.native.now = () => 1234567.9;

test("every way to ask for the time gives native.now, whole ms", () => {
  assert.equal(Date.now(), 1234567);
  assert.equal(new Date().getTime(), 1234567);
  assert.equal(Date(), new Date(1234567).toString());
  assert.equal(Temporal.Now.instant().epochMilliseconds, 1234567);
  assert.equal(Temporal.Now.zonedDateTimeISO("UTC").epochMilliseconds, 1234567);
  assert.equal(Temporal.Now.plainDateISO("UTC").toString(), "1970-01-01");
  assert.equal(Temporal.Now.plainTimeISO("UTC").toString(), "00:20:34.567");
  const format = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "full", timeZone: "UTC" });
  assert.equal(format.format(), format.format(1234567));
  assert.deepEqual(format.formatToParts(), format.formatToParts(1234567));
  assert.equal(format.format, format.format);
});

test("Date is otherwise the intrinsic one", () => {
  assert.notEqual(Date, original);
  assert.equal(Date.prototype, original.prototype);
  assert.equal(Date.prototype.constructor, Date);
  assert.deepEqual([Date.name, Date.length, String(Date)], ["Date", 7, "function () { [native code] }"]);
  assert.deepEqual(Reflect.ownKeys(Date).sort(), Reflect.ownKeys(original).sort());
  for (const key of Reflect.ownKeys(original)) {
    const { value: _a, ...mine } = Object.getOwnPropertyDescriptor(Date, key)!;
    const { value: _b, ...theirs } = Object.getOwnPropertyDescriptor(original, key)!;
    assert.deepEqual(mine, theirs, String(key));
  }
  assert.equal(new Date(2020, 1, 2).getMonth(), 1);
  assert.equal(new Date(undefined as never).getTime(), NaN);
  assert.ok(new Date() instanceof Date);
  assert.equal(Object.prototype.toString.call(new Date()), "[object Date]");
  class Mine extends Date {
    twice(): number {
      return this.getTime() * 2;
    }
  }
  assert.equal(new Mine(21).twice(), 42);
  assert.equal(new Mine().getTime(), 1234567);
  assert.ok(new Mine() instanceof Mine && new Mine() instanceof Date);
  assert.equal(Object.getPrototypeOf(Reflect.construct(Date, [], Object)), Object.prototype);
  assert.throws(() => new (Date.now as never)(), TypeError);
});

test("Temporal has V8's classes and another Now", () => {
  assert.deepEqual(Reflect.ownKeys(Temporal).sort(sortKeys), Reflect.ownKeys(OriginalTemporal).sort(sortKeys));
  assert.deepEqual(Reflect.ownKeys(Temporal.Now).sort(sortKeys), Reflect.ownKeys(OriginalTemporal.Now).sort(sortKeys));
  for (const name of Object.getOwnPropertyNames(OriginalTemporal)) {
    const descriptor = Object.getOwnPropertyDescriptor(Temporal, name)!;
    const original = Object.getOwnPropertyDescriptor(OriginalTemporal, name)!;
    if (name === "Now") assert.notEqual(descriptor.value, original.value);
    else assert.deepEqual(descriptor, original, name);
  }
  assert.equal(Temporal.Now.timeZoneId(), OriginalTemporal.Now.timeZoneId());
  assert.equal(Object.prototype.toString.call(Temporal.Now), "[object Temporal.Now]");
});

function sortKeys(a: PropertyKey, b: PropertyKey): number {
  return String(a) < String(b) ? -1 : 1;
}
