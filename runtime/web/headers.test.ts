import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { Headers, copyHeaders, createHeaders, packHeaders } = await import("./headers.ts");

const pairs = (h: object): string[][] => [...(h as unknown as Iterable<[string, string]>)].map(([k, v]) => [k, v]);

test("packed headers are taken apart only when touched, and pack themselves again", () => {
  const packed = "host\nexample.com\nset-cookie\na=1\nset-cookie\nb=2\nx-empty\n\n";
  const h = createHeaders(packed, true);
  assert.equal(packHeaders(h), packed);
  assert.equal(h.get("Host"), "example.com");
  assert.equal(h.get("x-empty"), "");
  assert.equal(h.has("absent"), false);
  assert.deepEqual(h.getSetCookie(), ["a=1", "b=2"]);
  assert.deepEqual(h.getAll("Set-Cookie"), ["a=1", "b=2"]);
  assert.equal(packHeaders(h), packed);
  assert.throws(() => h.set("x", "y"), TypeError);
  const copy = copyHeaders(h);
  copy.set("set-cookie", "c=3");
  copy.append("X-New", " v\t");
  assert.equal(packHeaders(copy), "host\nexample.com\nset-cookie\nc=3\nx-empty\n\nx-new\nv\n");
  copy.delete("HOST");
  copy.delete("set-cookie");
  copy.delete("x-empty");
  copy.delete("x-new");
  assert.equal(packHeaders(copy), "");
  assert.deepEqual(pairs(createHeaders("", false)), []);
});

test("iteration sorts, combines and keeps cookies apart, live", () => {
  const h = new Headers([["b", "1"], ["Set-Cookie", "x"], ["a", "2"], ["B", "3"], ["set-cookie", "y"]]);
  assert.deepEqual(pairs(h), [["a", "2"], ["b", "1, 3"], ["set-cookie", "x"], ["set-cookie", "y"]]);
  const seen: string[] = [];
  for (const [name] of h as unknown as Iterable<[string, string]>) {
    seen.push(name);
    if (name === "a") h.append("aa", "new");
  }
  assert.deepEqual(seen, ["a", "aa", "b", "set-cookie", "set-cookie"]);
});

test("names and values that HTTP cannot carry are refused", () => {
  const h = new Headers();
  for (const name of ["", "a b", "a:b", "é", "a\n", "\u0100"]) assert.throws(() => h.append(name, "v"), TypeError, JSON.stringify(name));
  for (const value of ["a\nb", "a\rb", "\0", "\u0100"]) assert.throws(() => h.append("n", value), TypeError, JSON.stringify(value));
  h.append("n", "\r\n v \xff\t");
  assert.equal(h.get("n"), "v \xff");
  assert.throws(() => h.getAll("n"), TypeError);
  for (const init of [null, 1, "x", [["a"]], [["a", "b", "c"]], { "a b": "c" }]) assert.throws(() => new Headers(init), TypeError);
});

test("headers that the wire cannot carry are refused when they are sent", () => {
  const h = new Headers();
  for (let i = 0; i < 129; i++) h.append("x", "y".repeat(1024));
  assert.throws(() => packHeaders(h), /at most 131072/);
});

test("the interface has the shape that Web IDL gives it", () => {
  const d = Object.getOwnPropertyDescriptor(Headers.prototype, "append")!;
  assert.equal(d.enumerable, true);
  assert.equal(Object.prototype.toString.call(new Headers()), "[object Headers]");
  const it = (new Headers() as unknown as { entries(): object }).entries();
  assert.equal(Object.prototype.toString.call(it), "[object Headers Iterator]");
  assert.equal(Object.hasOwn(Object.getPrototypeOf(it), "constructor"), false);
  assert.throws(() => Headers.prototype.get.call({} as never, "a"), TypeError);
});
