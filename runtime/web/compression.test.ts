import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

// The host's codec is a toy here (testing/mock-native.ts); the real ones have tests of their own in host/test.
const { CompressionStream, DecompressionStream } = await import("./compression.ts");

const bytes = (...b: number[]): Uint8Array => new Uint8Array(b);
const live = (): number => mock.calls.filter((c) => c[0] === "codecNew").length - mock.calls.filter((c) => c[0] === "codecFree").length;

interface Pair {
  reader: { read(): Promise<{ done: boolean; value: Uint8Array }>; cancel(reason?: unknown): Promise<void> };
  writer: { write(chunk: unknown): Promise<void>; close(): Promise<void>; abort(reason: unknown): Promise<void> };
}
function open(stream: unknown): Pair {
  const s = stream as { readable: { getReader(): Pair["reader"] }; writable: { getWriter(): Pair["writer"] } };
  mock.reset();
  return { reader: s.readable.getReader(), writer: s.writable.getWriter() };
}
/** Writes the chunks and the end, and reads everything. */
async function through(stream: unknown, ...chunks: unknown[]): Promise<number[]> {
  const { reader, writer } = open(stream);
  for (const chunk of chunks) writer.write(chunk).catch(() => {});
  writer.close().catch(() => {});
  const out: number[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return out;
    out.push(...value);
  }
}
/** Lets everything happen that waits for nothing else. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await undefined;
};

test("both ways", async () => {
  assert.deepEqual(await through(new CompressionStream("gzip"), bytes(7), bytes(8, 9)), [7, 7, 8, 8, 9, 9, 0]);
  assert.equal(live(), 0);
  assert.deepEqual(await through(new DecompressionStream("zstd"), bytes(2, 3).buffer, new DataView(bytes(0).buffer)), [2, 2, 3, 3, 3]);
  assert.equal(live(), 0);
  assert.deepEqual(await through(new CompressionStream("brotli")), [0]);
});

test("the constructor's argument", () => {
  assert.throws(() => new (CompressionStream as unknown as new () => object)(), TypeError);
  for (const format of ["a", "GZIP", "", undefined, null, 1]) assert.throws(() => new DecompressionStream(format), TypeError, String(format));
  assert.doesNotThrow(() => new CompressionStream({ toString: () => "deflate" }));
});

test("errors are TypeErrors: damage, too little, too much, no bytes", async () => {
  await assert.rejects(through(new DecompressionStream("gzip"), bytes(100)), { name: "TypeError", message: /not valid gzip/ });
  await assert.rejects(through(new DecompressionStream("gzip"), bytes(1)), { name: "TypeError", message: /ends too soon/ });
  await assert.rejects(through(new DecompressionStream("gzip")), { name: "TypeError", message: /ends too soon/ });
  await assert.rejects(through(new DecompressionStream("gzip"), bytes(1, 0, 1)), { name: "TypeError", message: /after the end/ });
  await assert.rejects(through(new DecompressionStream("gzip"), bytes(1, 0), bytes(1)), { name: "TypeError", message: /after the end/ });
  assert.deepEqual(await through(new DecompressionStream("gzip"), bytes(1, 0), bytes()), [1]);
  for (const chunk of [undefined, null, "text", 3, {}, [], new SharedArrayBuffer(1), new Uint8Array(new SharedArrayBuffer(1))]) {
    await assert.rejects(through(new CompressionStream("gzip"), chunk), TypeError);
    assert.equal(live(), 0);
  }
});

test("output before extra input is given", async () => {
  const { reader, writer } = open(new DecompressionStream("deflate"));
  writer.write(bytes(1, 0, 5)).catch(() => {});
  assert.deepEqual([...(await reader.read()).value], [1]);
  await assert.rejects(reader.read(), TypeError);
  assert.equal(live(), 0);
});

test("output is made as it is read", async () => {
  const { reader, writer } = open(new DecompressionStream("gzip"));
  let written = false;
  const input = bytes(50, 0);
  writer.write(input).then(() => (written = true));
  let made = 0;
  const step = mock.native.codecStep;
  mock.native.codecStep = (...args) => (made++, step(...args));
  for (let i = 1; i <= 10; i++) {
    assert.equal((await reader.read()).value[0], 50);
    await settle();
    assert.ok(made <= i + 16, `${made} pieces after ${i} reads`);
  }
  assert.equal(written, false);
  input.fill(99); // The rest of the chunk is ours by now.
  for (let i = 10; i < 50; i++) await reader.read();
  const last = reader.read();
  await settle();
  assert.equal(written, true);
  await writer.close();
  assert.equal((await last).done, true);
  assert.equal(live(), 0);
  mock.native.codecStep = step;
});

test("cancel and abort free the codec, in the middle of a chunk too", async () => {
  let { reader, writer } = open(new DecompressionStream("gzip"));
  writer.write(bytes(50, 0)).catch(() => {});
  await reader.read();
  assert.equal(live(), 1);
  await reader.cancel("enough");
  assert.equal(live(), 0);

  ({ reader, writer } = open(new CompressionStream("gzip")));
  const written = writer.write(bytes(1));
  await reader.read();
  await reader.read();
  await written;
  await writer.abort(new Error("gone"));
  await assert.rejects(reader.read(), /gone/);
  assert.equal(live(), 0);
});

test("a chunk that gives little does not wait for readers", async () => {
  const { reader, writer } = open(new DecompressionStream("gzip"));
  const written = writer.write(bytes(40));
  await reader.read();
  await written;
});

test("cancel while the end is being flushed", async () => {
  const { reader, writer } = open(new CompressionStream("gzip"));
  const step = mock.native.codecStep;
  mock.native.codecStep = () => [new Uint8Array(65536), 0, 1]; // An end without end.
  writer.close().catch(() => {});
  await reader.read();
  await settle();
  await reader.cancel("enough");
  assert.equal(live(), 0);
  mock.native.codecStep = step;
});

test("a getter on Object.prototype that takes the chunk away does no harm", async () => {
  const { reader, writer } = open(new DecompressionStream("gzip"));
  const chunk = bytes(2, 3, 0);
  writer.write(chunk);
  writer.close();
  const out: number[] = [];
  Object.defineProperty(Object.prototype, "then", {
    configurable: true,
    get() {
      if (chunk.length > 0) structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
      return undefined;
    },
  });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (let i = 0; i < value.length; i++) out.push(value[i]!);
    }
  } finally {
    delete (Object.prototype as { then?: unknown }).then;
  }
  assert.deepEqual(out, [2, 2, 3, 3, 3]);
});

test("brands", () => {
  const get = Object.getOwnPropertyDescriptor(CompressionStream.prototype, "readable")!.get!;
  assert.throws(() => get.call(new DecompressionStream("gzip")), TypeError);
  assert.equal(Object.prototype.toString.call(new DecompressionStream("gzip")), "[object DecompressionStream]");
});
