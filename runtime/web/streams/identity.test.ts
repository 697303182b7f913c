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
  for (const chunk of ["text", 5, {}]) {
    const { readable, writable } = new IdentityTransformStream();
    const reading = (readable.getReader() as Reader).read();
    await assert.rejects(writable.getWriter().write(chunk), TypeError);
    await assert.rejects(reading, TypeError);
  }
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
  await assert.rejects(over.writable.getWriter().write(new Uint8Array(2)), /expected 1 bytes/);
  const under = new FixedLengthStream(2);
  const reading = (under.readable.getReader() as Reader).read();
  await assert.rejects(under.writable.getWriter().close(), /0 of the expected 2 bytes/);
  await assert.rejects(reading, TypeError);
  assert.throws(() => new FixedLengthStream(-1), TypeError);
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
