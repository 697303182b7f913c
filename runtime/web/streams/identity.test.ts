import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";
const { FixedLengthStream, IdentityTransformStream } = await import("./identity.ts");
const { TransformStream } = await import("./transform.ts");
const { ReadableStreamBYOBReader, ReadableStreamDefaultReader } = await import("./readable.ts");
const { streamExpectedLength } = await import("./internal.ts");

type Reader = InstanceType<typeof ReadableStreamDefaultReader>;
const turn = (): Promise<void> => new Promise((r) => setImmediate(r));

test("a write is over when its bytes have been read, with either kind of reader", async () => {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const bytes = new Uint8Array([1, 2, 3]);
  let written = false;
  const write = writer.write(bytes).then(() => (written = true));
  const reader = readable.getReader({ mode: "byob" }) as InstanceType<typeof ReadableStreamBYOBReader>;
  assert.deepEqual([...((await reader.read(new Uint8Array(2))).value as Uint8Array)], [1, 2]);
  await turn();
  assert.equal(written, false);
  assert.deepEqual([...((await reader.read(new Uint8Array(2))).value as Uint8Array)], [3]);
  await write;
  assert.deepEqual([...bytes], [1, 2, 3]);
  const last = reader.read(new Uint8Array(1));
  await writer.close();
  assert.equal((await last).done, true);
});

test("only bytes may pass", async () => {
  const error = { name: "TypeError", message: "This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side." };
  for (const chunk of [5, {}, null]) {
    const { readable, writable } = new IdentityTransformStream();
    const reading = (readable.getReader() as Reader).read();
    await assert.rejects(writable.getWriter().write(chunk), error);
    await assert.rejects(reading, error);
  }
  const text = new FixedLengthStream(3);
  const writer = text.writable.getWriter();
  void writer.write("\u20ac");
  assert.deepEqual([...((await (text.readable.getReader() as Reader).read()).value as Uint8Array)], [0xe2, 0x82, 0xac]);
  await writer.close();
});

test("a fixed length is known beforehand and enforced", async () => {
  const exact = new FixedLengthStream(3);
  assert.ok(exact instanceof IdentityTransformStream && exact instanceof TransformStream);
  assert.equal(streamExpectedLength(exact.readable), 3);
  const writer = exact.writable.getWriter();
  void writer.write(new Uint8Array(3));
  const closed = writer.close();
  const reader = exact.readable.getReader() as Reader;
  assert.equal(((await reader.read()).value as Uint8Array).length, 3);
  assert.equal((await reader.read()).done, true);
  await closed;

  const over = new FixedLengthStream(1n);
  await assert.rejects(over.writable.getWriter().write(new Uint8Array(2)), { name: "TypeError", message: "Attempt to write too many bytes through a FixedLengthStream." });
  const under = new FixedLengthStream(2);
  const reading = (under.readable.getReader() as Reader).read();
  const early = { name: "TypeError", message: "FixedLengthStream did not see all expected bytes before close()." };
  await assert.rejects(under.writable.getWriter().close(), early);
  await assert.rejects(reading, early);
});

test("lengths and high water marks are integers, bigints among them", () => {
  for (const [given, message] of [
    [-1, "The value cannot be converted because it is negative and this API expects a positive bigint."],
    [-1n, "The value cannot be converted because it is negative and this API expects a positive bigint."],
    [NaN, "The value cannot be converted because it is not an integer."],
    ["x", "The value cannot be converted because it is not an integer."],
    [2 ** 53, "FixedLengthStream requires an integer expected length less than 2^53."],
    [2n ** 64n, "FixedLengthStream requires an integer expected length less than 2^53."],
  ]) assert.throws(() => new FixedLengthStream(given), { name: "TypeError", message });
  for (const [given, length] of [[10n, 10], [1.5, 1], ["7", 7], [null, 0]]) assert.equal(streamExpectedLength(new FixedLengthStream(given).readable), length);
  assert.throws(() => new IdentityTransformStream(5), { name: "TypeError", message: "Failed to construct 'IdentityTransformStream': constructor parameter 1 is not of type 'QueuingStrategy'." });
  assert.throws(() => new IdentityTransformStream({ highWaterMark: -1 }), TypeError);
  assert.equal(new IdentityTransformStream(null).writable.getWriter().desiredSize, 1);
  assert.equal(new IdentityTransformStream({ highWaterMark: 10n }).writable.getWriter().desiredSize, 10);
});

test("readAtLeast: what is left of a stream is enough, and is not the end of it", async () => {
  const s = new IdentityTransformStream();
  const writer = s.writable.getWriter();
  const reader = s.readable.getReader({ mode: "byob" }) as InstanceType<typeof ReadableStreamBYOBReader>;
  const first = reader.readAtLeast(5, new Uint8Array(10));
  void writer.write(new Uint8Array([1, 2, 3]));
  void writer.close();
  const { value, done } = await first;
  assert.deepEqual([[...(value as Uint8Array)], done], [[1, 2, 3], false]);
  const last = await reader.readAtLeast(1, new Uint8Array(4));
  assert.deepEqual([(last.value as Uint8Array).length, last.done], [0, true]);
  for (const [min, view, message] of [
    [0, new Uint8Array(5), "Requested invalid minimum number of bytes to read (0)."],
    ["x", new Uint8Array(5), "Requested invalid minimum number of bytes to read (NaN)."],
    [6, new Uint8Array(5), "Minimum bytes to read (6) exceeds size of buffer (5)."],
    [1, new Uint8Array(0), 'You must call read() on a "byob" reader with a positive-sized TypedArray object.'],
  ] as const) await assert.rejects(reader.readAtLeast(min, view), { name: "TypeError", message });
});

test("abort ends a write that nobody reads; cancel fails the writer", async () => {
  const aborted = new IdentityTransformStream();
  const writer = aborted.writable.getWriter();
  const write = writer.write(new Uint8Array(1));
  await turn();
  const reading = assert.rejects(write, (e) => e === "stop");
  await writer.abort("stop");
  await reading;
  await assert.rejects((aborted.readable.getReader() as Reader).read(), (e) => e === "stop");

  const cancelled = new IdentityTransformStream();
  const second = cancelled.writable.getWriter();
  const pending = second.write(new Uint8Array(1));
  await turn();
  await cancelled.readable.cancel("no more");
  await assert.rejects(pending, (e) => e === "no more");
  await assert.rejects(second.closed, (e) => e === "no more");
});
