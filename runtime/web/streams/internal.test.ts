import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";
const s = await import("./internal.ts");
const { ReadableStream, ReadableStreamDefaultReader } = await import("./readable.ts");
const { WritableStream } = await import("./writable.ts");

type Reader = InstanceType<typeof ReadableStreamDefaultReader>;

test("a stream of ours is read without a single microtask", () => {
  let n = 0;
  const stream = s.createReadableByteStream(
    undefined,
    (c) => {
      if (n++ < 3) s.readableByteStreamControllerEnqueueOwned(c, new Uint8Array([n]));
      else s.readableByteStreamControllerClose(c);
    },
    undefined,
  );
  assert.equal(n, 0);
  const reader = s.acquireReadableStreamDefaultReader(stream);
  const seen: unknown[] = [];
  let more = true;
  while (more) {
    let answered = false;
    s.readableStreamDefaultReaderRead(reader, {
      chunkSteps: (chunk) => {
        answered = true;
        seen.push((chunk as Uint8Array)[0]);
      },
      closeSteps: () => {
        answered = true;
        more = false;
      },
      errorSteps: assert.fail,
    });
    assert.equal(answered, true);
  }
  s.readableStreamDefaultReaderRelease(reader);
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(s.readableStreamState(stream), "closed");
});

test("state, disturbed, source and expected length are the platform's to ask and to set", async () => {
  const stream = new ReadableStream();
  assert.equal(s.isReadableStream(stream), true);
  assert.equal(s.isReadableStream(Object.create(ReadableStream.prototype)), false);
  assert.equal(s.isReadableStreamDisturbed(stream), false);
  const source = {};
  s.setStreamSource(stream, source);
  assert.equal(s.getStreamSource(stream), source);
  s.markStreamDisturbed(stream);
  assert.equal(s.isReadableStreamDisturbed(stream), true);
  assert.equal(s.isReadableStreamLocked(stream), false);
  stream.getReader();
  assert.equal(s.isReadableStreamLocked(stream), true);
  await s.readableStreamCancel(stream, undefined);
  assert.equal(s.readableStreamState(stream), "closed");
  const failed = s.createReadableStream((c) => s.readableStreamDefaultControllerError(c, "x"), undefined, undefined);
  assert.deepEqual([s.readableStreamState(failed), s.readableStreamStoredError(failed)], ["errored", "x"]);
});

test("a stream of ours with a high water mark is pulled ahead; an error of pull errors it", async () => {
  let n = 0;
  const ahead = s.createReadableStream(undefined, (c) => s.readableStreamDefaultControllerEnqueue(c, n++), undefined, 4);
  await new Promise((r) => setImmediate(r));
  assert.equal(n, 4);
  assert.deepEqual(await (ahead.getReader() as Reader).read(), { value: 0, done: false });
  const failing = s.createReadableStream(
    undefined,
    () => {
      throw "bad";
    },
    undefined,
    0,
  );
  await assert.rejects((failing.getReader() as Reader).read(), (e) => e === "bad");
});

test("readableStreamTee copies what it is told to copy", async () => {
  const chunk = { a: 1 };
  const make = (): InstanceType<typeof ReadableStream> =>
    new ReadableStream({
      start(c: { enqueue(v: unknown): void; close(): void }) {
        c.enqueue(chunk);
        c.close();
      },
    });
  const [a, b] = s.readableStreamTee(make(), true);
  assert.equal((await (a.getReader() as Reader).read()).value, chunk);
  const copy = (await (b.getReader() as Reader).read()).value;
  assert.notEqual(copy, chunk);
  assert.deepEqual(copy, chunk);
  const [, c] = s.readableStreamTee(make(), false);
  assert.equal((await (c.getReader() as Reader).read()).value, chunk);
});

test("a chunk that cannot be cloned errors both branches, and no rejection is left over", async () => {
  let cancelled: unknown;
  const stream = new ReadableStream({
    start: (c: { enqueue(v: unknown): void }) => c.enqueue(() => {}),
    cancel(r: unknown) {
      cancelled = r;
      throw "no";
    },
  });
  const [a, b] = s.readableStreamTee(stream, true);
  await assert.rejects((a.getReader() as Reader).read(), { name: "DataCloneError" });
  await assert.rejects((b.getReader() as Reader).read(), { name: "DataCloneError" });
  assert.equal((cancelled as Error).name, "DataCloneError");
  await new Promise((r) => setImmediate(r)); // An unhandled rejection fails this test file.
});

test("writers of ours", async () => {
  const seen: unknown[] = [];
  const stream = s.createWritableStream(
    (chunk) => void seen.push(chunk),
    () => void seen.push("close"),
    undefined,
  );
  const writer = s.acquireWritableStreamDefaultWriter(stream);
  const write = s.writableStreamDefaultWriterWrite(writer, 1);
  assert.deepEqual(seen, [1]);
  await write;
  await s.writableStreamDefaultWriterCloseWithErrorPropagation(writer);
  assert.deepEqual(seen, [1, "close"]);
  assert.equal(s.writableStreamState(stream), "closed");
  s.writableStreamError(new WritableStream(), "ignored by nobody");
});

test("nothing of it can be seen through patched built-ins", async () => {
  const touched: string[] = [];
  const patches: [object, PropertyKey][] = [
    [Promise.prototype, "then"],
    [Promise, "resolve"],
    [Array.prototype, "push"],
    [Array.prototype, "shift"],
    [Array.prototype, "slice"],
    [Array.prototype, Symbol.iterator],
    [ArrayBuffer.prototype, "slice"],
    [Function.prototype, "call"],
    [Function.prototype, "apply"],
  ];
  const source = (): InstanceType<typeof ReadableStream> => {
    let n = 0;
    return new ReadableStream({
      type: "bytes",
      pull(c: { enqueue(v: unknown): void; close(): void }) {
        const chunk = new Uint8Array(1);
        chunk[0] = ++n;
        if (n <= 3) c.enqueue(chunk);
        else c.close();
      },
    });
  };
  const saved = patches.map(([o, k]) => Object.getOwnPropertyDescriptor(o, k)!);
  const seen: unknown[] = [];
  let result!: Promise<unknown>;
  const { define, teed } = { define: Object.defineProperty, teed: source() };
  for (let i = 0; i < patches.length; i++) {
    const name = String(patches[i]![1]);
    const original = saved[i]!.value;
    define(patches[i]![0], patches[i]![1], {
      configurable: true,
      writable: true,
      value: function (this: unknown) {
        touched[touched.length] = name;
        return Reflect.apply(original, this, arguments as never);
      },
    });
  }
  try {
    const branches = teed.tee();
    result = branches[0].pipeTo(new WritableStream({ write: (chunk: Uint8Array) => void (seen[seen.length] = chunk[0]) }));
    await null;
    const reader = branches[1].getReader() as Reader;
    for (;;) if ((await reader.read()).done) break;
    await result;
  } finally {
    for (let i = 0; i < patches.length; i++) define(patches[i]![0], patches[i]![1], saved[i]!);
  }
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(touched, []);
});
