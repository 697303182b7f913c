import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";
const { ReadableStream, ReadableStreamDefaultReader, ReadableStreamDefaultController } = await import("./readable.ts");
const { CountQueuingStrategy, ByteLengthQueuingStrategy } = await import("./strategies.ts");

type Controller = InstanceType<typeof ReadableStreamDefaultController>;
const turn = (): Promise<void> => new Promise((r) => setImmediate(r));

async function collect(stream: InstanceType<typeof ReadableStream>): Promise<unknown[]> {
  const out: unknown[] = [];
  for await (const chunk of stream as unknown as AsyncIterable<unknown>) out.push(chunk);
  return out;
}

test("pull is called until the high water mark is reached, and again for each chunk that is read", async () => {
  let pulls = 0;
  const stream = new ReadableStream({ pull: (c: Controller) => c.enqueue(pulls++) }, { highWaterMark: 3 });
  assert.equal(pulls, 0);
  await turn();
  assert.equal(pulls, 3);
  const reader = stream.getReader() as InstanceType<typeof ReadableStreamDefaultReader>;
  assert.deepEqual(await reader.read(), { value: 0, done: false });
  await turn();
  assert.equal(pulls, 4);
});

test("with a high water mark of 0, pull waits for a read, and not again before its promise is fulfilled", async () => {
  let pulls = 0;
  let resolve!: () => void;
  let controller!: Controller;
  const stream = new ReadableStream(
    {
      pull(c: Controller) {
        pulls++;
        controller = c;
        return new Promise<void>((r) => (resolve = r));
      },
    },
    new CountQueuingStrategy({ highWaterMark: 0 }),
  );
  const reader = stream.getReader() as InstanceType<typeof ReadableStreamDefaultReader>;
  await turn();
  assert.equal(pulls, 0);
  const reads = [reader.read(), reader.read()];
  await turn();
  assert.equal(pulls, 1);
  controller.enqueue("a");
  await turn();
  assert.equal(pulls, 1);
  resolve();
  await turn();
  assert.equal(pulls, 2);
  controller.enqueue("b");
  assert.deepEqual(await Promise.all(reads), [
    { value: "a", done: false },
    { value: "b", done: false },
  ]);
});

test("close lets queued chunks be read first; an error drops them", async () => {
  const closing = new ReadableStream({
    start(c: Controller) {
      c.enqueue(1);
      c.close();
      assert.throws(() => c.enqueue(2), TypeError);
      assert.throws(() => c.close(), TypeError);
    },
  });
  assert.deepEqual(await collect(closing), [1]);
  const failing = new ReadableStream({
    start(c: Controller) {
      c.enqueue(1);
      c.error("bad");
      assert.equal(c.desiredSize, null);
    },
  });
  const reader = failing.getReader();
  await assert.rejects(reader.closed, (e) => e === "bad");
});

test("cancel reaches the source with its reason and settles with its result", async () => {
  let reason: unknown;
  const stream = new ReadableStream({
    cancel(r: unknown) {
      reason = r;
      throw "cannot";
    },
  });
  await assert.rejects(stream.cancel("why"), (e) => e === "cannot");
  assert.equal(reason, "why");
  const locked = new ReadableStream();
  locked.getReader();
  await assert.rejects(locked.cancel(), TypeError);
});

test("releaseLock rejects what waits and leaves the stream to the next reader", async () => {
  let controller!: Controller;
  const stream = new ReadableStream({ start: (c: Controller) => void (controller = c) });
  const first = stream.getReader() as InstanceType<typeof ReadableStreamDefaultReader>;
  const read = first.read();
  const closed = first.closed;
  first.releaseLock();
  await assert.rejects(read, TypeError);
  await assert.rejects(closed, TypeError);
  await assert.rejects(first.closed, TypeError);
  controller.enqueue(1);
  const second = stream.getReader() as InstanceType<typeof ReadableStreamDefaultReader>;
  assert.deepEqual(await second.read(), { value: 1, done: false });
});

test("sizes come from the strategy; a bad one errors the stream", async () => {
  let controller!: Controller;
  new ReadableStream({ start: (c: Controller) => void (controller = c) }, new ByteLengthQueuingStrategy({ highWaterMark: 10 }));
  controller.enqueue(new Uint8Array(4));
  assert.equal(controller.desiredSize, 6);
  const stream = new ReadableStream({ start: (c: Controller) => void (controller = c) }, { size: () => -1 });
  assert.throws(() => controller.enqueue(1), RangeError);
  await assert.rejects((stream.getReader() as InstanceType<typeof ReadableStreamDefaultReader>).read(), RangeError);
  assert.throws(() => new ReadableStream({}, { highWaterMark: NaN }), RangeError);
});

test("tee gives both branches every chunk and cancels the source when both are cancelled", async () => {
  let reason: unknown;
  let n = 0;
  const source = { pull: (c: Controller) => (n < 3 ? c.enqueue(n++) : c.close()), cancel: (r: unknown) => void (reason = r) };
  const [a, b] = new ReadableStream(source).tee();
  assert.deepEqual(await Promise.all([collect(a), collect(b)]), [
    [0, 1, 2],
    [0, 1, 2],
  ]);
  const [c, d] = new ReadableStream({ cancel: (r: unknown) => void (reason = r) }).tee();
  const cancelled = c.cancel(1);
  await turn();
  assert.equal(reason, undefined);
  await Promise.all([cancelled, d.cancel(2)]);
  assert.deepEqual(reason, [1, 2]);
});

test("from takes async and sync iterables and returns their iterator when it is cancelled", async () => {
  assert.deepEqual(await collect(ReadableStream.from([1, Promise.resolve(2)])), [1, 2]);
  assert.deepEqual(await collect(ReadableStream.from("añ")), ["a", "ñ"]);
  let returned: unknown;
  const iterable = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: 1 }),
      return: (v: unknown) => {
        returned = v;
        return Promise.resolve({});
      },
    }),
  };
  const reader = ReadableStream.from(iterable).getReader() as InstanceType<typeof ReadableStreamDefaultReader>;
  await reader.read();
  await reader.cancel("done");
  assert.equal(returned, "done");
  assert.throws(() => ReadableStream.from({}), TypeError);
  await assert.rejects(collect(ReadableStream.from({ [Symbol.asyncIterator]: () => ({ next: () => 5 }) })), TypeError);
});

test("leaving a for await loop cancels, preventCancel keeps the stream", async () => {
  let cancelled = 0;
  const make = (): InstanceType<typeof ReadableStream> => new ReadableStream({ pull: (c: Controller) => c.enqueue(0), cancel: () => void cancelled++ });
  const first = make();
  for await (const _ of first as unknown as AsyncIterable<unknown>) break;
  assert.equal(cancelled, 1);
  assert.equal(first.locked, false);
  const second = make();
  for await (const _ of second.values({ preventCancel: true }) as unknown as AsyncIterable<unknown>) break;
  assert.equal(cancelled, 1);
  await (second.getReader() as InstanceType<typeof ReadableStreamDefaultReader>).read();
});

test("calls of next() that overlap are answered in order, also the ones made while an earlier one settles", async () => {
  let controller!: Controller;
  const stream = new ReadableStream({ start: (c: Controller) => void (controller = c) });
  const it = (stream as unknown as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  const order: unknown[] = [];
  const note = (p: Promise<IteratorResult<unknown>>): Promise<unknown> => p.then((r) => order.push(r.value));
  const waiting = [note(it.next()), note(it.next()), note(it.next())];
  controller.enqueue("a");
  await turn();
  waiting.push(note(it.next()));
  for (const c of ["b", "c", "d"]) controller.enqueue(c);
  await Promise.all(waiting);
  assert.deepEqual(order, ["a", "b", "c", "d"]);
});

test("wrong receivers: promises are rejected, the rest throws", async () => {
  const proto = ReadableStream.prototype;
  await assert.rejects(proto.cancel.call({} as never), TypeError);
  await assert.rejects(proto.pipeTo.call(null as never, null), TypeError);
  assert.throws(() => proto.getReader.call({} as never), TypeError);
  assert.throws(() => new ReadableStreamDefaultController(), TypeError);
});
