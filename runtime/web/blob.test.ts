import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { Blob, File, blobParts } = await import("./blob.ts");
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

test("a Blob is a rope that shares the parts of others", async () => {
  const a = new Blob(["héllo ", new Uint8Array([1, 2, 3]).buffer, new DataView(new ArrayBuffer(2), 1)]);
  assert.equal(a.size, 7 + 3 + 1);
  const b = new Blob([a, "!"], { type: "Text/Plain" });
  assert.equal(b.type, "text/plain");
  assert.equal(blobParts(b)[0], blobParts(a)[0]);
  assert.deepEqual(await b.bytes(), new Uint8Array([...text("héllo "), 1, 2, 3, 0, 33]));
  const s = b.slice(1, -1, "X/Y");
  assert.equal(s.size, 10);
  assert.equal(s.type, "x/y");
  assert.equal(await s.slice(0, 2).text(), "é");
  assert.equal(b.slice(20).size, 0);
  assert.equal(b.slice(5, 2).size, 0);
  const bytes = await a.bytes();
  bytes[0] = 0;
  assert.equal((await a.bytes())[0], 0x68, "what is handed out is a copy");
});

test("the bytes are copied when the Blob is made", async () => {
  const source = text("abc");
  const blob = new Blob([source]);
  source[0] = 0x7a;
  assert.equal(await blob.text(), "abc");
});

test("text drops a byte order mark, endings can be native, bad arguments throw", async () => {
  assert.equal(await new Blob(["\ufeffx"]).text(), "x");
  assert.equal(await new Blob(["a\r\nb\rc\nd"], { endings: "native" }).text(), "a\nb\nc\nd");
  assert.equal(new Blob([], { type: "\u0100" }).type, "");
  for (const bad of ["abc", null, 1, {}]) assert.throws(() => new Blob(bad), TypeError);
  assert.throws(() => new Blob([], { endings: "other" }), TypeError);
  await assert.rejects(Blob.prototype.text.call({} as never), TypeError);
});

test("a stream of a Blob gives all of it, in chunks", async () => {
  const big = new Uint8Array(150_000).fill(7);
  const stream = new Blob([big, "end"]).stream() as never as AsyncIterable<Uint8Array>;
  const sizes: number[] = [];
  for await (const chunk of stream) sizes.push(chunk.length);
  assert.deepEqual(sizes, [65_536, 65_536, 18_928, 3]);
});

test("File", async () => {
  const f = new File(["x"], "a/b.txt", { type: "text/plain", lastModified: 12.7 });
  assert.equal(f.name, "a/b.txt");
  assert.equal(f.lastModified, 12);
  assert.equal(await f.text(), "x");
  assert.equal(new File([], "n").lastModified, 1_700_000_000_000);
  assert.throws(() => new (File as never as new (...a: unknown[]) => unknown)(["x"]), TypeError);
  assert.equal(Object.prototype.toString.call(f), "[object File]");
});
