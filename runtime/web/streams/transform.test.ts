import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";
const { TransformStream, TransformStreamDefaultController } = await import("./transform.ts");
const { ReadableStream, ReadableStreamDefaultReader } = await import("./readable.ts");
const { createTransformStream } = await import("./internal.ts");

type Controller = InstanceType<typeof TransformStreamDefaultController>;
type Reader = InstanceType<typeof ReadableStreamDefaultReader>;

async function collect(stream: InstanceType<typeof ReadableStream>): Promise<unknown[]> {
  const out: unknown[] = [];
  for await (const chunk of stream as unknown as AsyncIterable<unknown>) out.push(chunk);
  return out;
}

test("chunks pass through transform, and flush has the last word", async () => {
  const doubled = new TransformStream({
    transform(chunk: number, c: Controller) {
      c.enqueue(chunk);
      c.enqueue(chunk * 2);
    },
    flush: (c: Controller) => c.enqueue("end"),
  });
  assert.deepEqual(await collect(ReadableStream.from([1, 2]).pipeThrough(doubled)), [1, 2, 2, 4, "end"]);
});

test("without a transform method chunks pass as they are, and a write waits for the reader", async () => {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  let written = false;
  const write = writer.write("x").then(() => (written = true));
  await new Promise((r) => setImmediate(r));
  assert.equal(written, false);
  assert.deepEqual(await (readable.getReader() as Reader).read(), { value: "x", done: false });
  await write;
});

test("an error in transform reaches both sides", async () => {
  const stream = new TransformStream({
    transform() {
      throw "bad";
    },
  });
  const reader = stream.readable.getReader() as Reader;
  const writer = stream.writable.getWriter();
  const read = assert.rejects(reader.read(), (e) => e === "bad"); // First: without a reader the write would wait.
  await assert.rejects(writer.write(1), (e) => e === "bad");
  await read;
  await assert.rejects(writer.closed, (e) => e === "bad");
});

test("terminate closes the readable and errors the writable side", async () => {
  const stream = new TransformStream({ transform: (_: unknown, c: Controller) => c.terminate() });
  const writer = stream.writable.getWriter();
  const read = (stream.readable.getReader() as Reader).read();
  await writer.write(1);
  assert.equal((await read).done, true);
  await assert.rejects(writer.closed, TypeError);
});

test("cancel is called for either end and only once", async () => {
  const reasons: unknown[] = [];
  const make = (): InstanceType<typeof TransformStream> => new TransformStream({ cancel: (r: unknown) => void reasons.push(r) });
  await make().readable.cancel("readable");
  await make().writable.abort("writable");
  const both = make();
  await Promise.all([both.readable.cancel("first"), both.writable.abort("second")]);
  assert.deepEqual(reasons, ["readable", "writable", "first"]);
});

test("a transform of the platform may work synchronously or with promises", async () => {
  const { readable, writable } = createTransformStream({
    transform: (chunk, t) => (chunk === 2 ? Promise.resolve().then(() => t.enqueue("two")) : t.enqueue(chunk)),
    flush: (t) => t.enqueue("end"),
  });
  assert.deepEqual(await collect(ReadableStream.from([1, 2, 3]).pipeThrough({ readable, writable })), [1, "two", 3, "end"]);
  const failing = createTransformStream({
    transform() {
      throw new RangeError("no");
    },
  });
  await assert.rejects(collect(ReadableStream.from([1]).pipeThrough(failing)), RangeError);
});
