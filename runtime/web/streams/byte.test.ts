import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";
const { ReadableByteStreamController, ReadableStream, ReadableStreamBYOBReader, ReadableStreamDefaultReader } = await import("./readable.ts");

type Controller = InstanceType<typeof ReadableByteStreamController>;
type Byob = InstanceType<typeof ReadableStreamBYOBReader>;
type Default = InstanceType<typeof ReadableStreamDefaultReader>;
const bytes = (...v: number[]): Uint8Array => new Uint8Array(v);
const byob = (s: InstanceType<typeof ReadableStream>): Byob => s.getReader({ mode: "byob" }) as Byob;

function make(source: object = {}, strategy?: object): { stream: InstanceType<typeof ReadableStream>; controller: Controller } {
  let controller!: Controller;
  const stream = new ReadableStream({ type: "bytes", start: (c: Controller) => void (controller = c), ...source }, strategy);
  return { stream, controller };
}

test("enqueue takes the buffer away; a BYOB read copies out of the queue and gives its own buffer back", async () => {
  const { controller, stream } = make();
  const chunk = bytes(1, 2, 3);
  controller.enqueue(chunk);
  assert.equal(chunk.byteLength, 0);
  const reader = byob(stream);
  const view = new Uint8Array(8).subarray(2, 4);
  const first = await reader.read(view);
  assert.equal(view.byteLength, 0);
  assert.deepEqual([...(first.value as Uint8Array)], [1, 2]);
  assert.equal((first.value as Uint8Array).byteOffset, 2);
  assert.deepEqual([...((await reader.read(new Uint8Array(2))).value as Uint8Array)], [3]);
});

test("min waits for that many elements, and rests of elements stay queued", async () => {
  const { controller, stream } = make();
  const reader = byob(stream);
  const read = reader.read(new Uint16Array(4), { min: 2 });
  let settled = false;
  void read.then(() => (settled = true));
  controller.enqueue(bytes(1, 0, 2));
  await new Promise((r) => setImmediate(r));
  assert.equal(settled, false);
  controller.enqueue(bytes(0, 3));
  assert.deepEqual([...((await read).value as Uint16Array)], [1, 2]);
  controller.enqueue(bytes(0));
  controller.close();
  assert.deepEqual([...((await reader.read(new Uint16Array(4))).value as Uint16Array)], [3]);
  await assert.rejects(reader.read(new Uint8Array(1), { min: 2 }), RangeError);
  await assert.rejects(reader.read(new Uint8Array(1), { min: 0 }), TypeError);
});

test("closing inside an element is an error", async () => {
  const { controller, stream } = make();
  const read = byob(stream).read(new Uint16Array(1));
  controller.enqueue(bytes(1));
  assert.throws(() => controller.close(), TypeError);
  await assert.rejects(read, TypeError);
});

test("a source can fill the reader's own buffer", async () => {
  const { stream } = make({
    pull(c: Controller) {
      const request = c.byobRequest!;
      (request.view as Uint8Array).set([7, 8]);
      request.respond(2);
      assert.equal(request.view, null);
      assert.throws(() => request.respond(1), TypeError);
    },
  });
  const { value } = await byob(stream).read(new Uint8Array(4));
  assert.deepEqual([...(value as Uint8Array)], [7, 8]);
});

test("respondWithNewView must be of the same memory", async () => {
  let checked = false;
  const { stream } = make({
    pull(c: Controller) {
      const request = c.byobRequest!;
      assert.throws(() => request.respondWithNewView(new Uint8Array(9)), RangeError);
      const view = request.view as Uint8Array;
      view[0] = 5;
      request.respondWithNewView(new Uint8Array(view.buffer as ArrayBuffer, 0, 1));
      checked = true;
    },
  });
  assert.deepEqual([...((await byob(stream).read(new Uint8Array(4))).value as Uint8Array)], [5]);
  assert.ok(checked);
});

test("autoAllocateChunkSize gives default readers a request too", async () => {
  const { stream } = make({
    autoAllocateChunkSize: 16,
    pull(c: Controller) {
      assert.equal((c.byobRequest!.view as Uint8Array).byteLength, 16);
      (c.byobRequest!.view as Uint8Array)[0] = 9;
      c.byobRequest!.respond(1);
    },
  });
  assert.deepEqual([...((await (stream.getReader() as Default).read()).value as Uint8Array)], [9]);
});

test("bytes of a reader that was released go to the next one", async () => {
  const { controller, stream } = make();
  const first = byob(stream);
  const read = first.read(new Uint8Array(4), { min: 4 });
  controller.enqueue(bytes(1, 2));
  first.releaseLock();
  await assert.rejects(read, TypeError);
  const second = stream.getReader() as Default;
  const next = second.read();
  controller.enqueue(bytes(3));
  assert.deepEqual([...((await next).value as Uint8Array)], [1, 2]);
  assert.deepEqual([...((await second.read()).value as Uint8Array)], [3]);
});

test("cancel answers a BYOB read without its view; close with respond(0) answers with an empty one", async () => {
  const cancelled = make();
  const reader = byob(cancelled.stream);
  const read = reader.read(new Uint8Array(1));
  await reader.cancel();
  assert.deepEqual(await read, { value: undefined, done: true });
  const closed = make();
  const last = byob(closed.stream).read(new Uint8Array(3));
  closed.controller.close();
  closed.controller.byobRequest!.respond(0);
  const { done, value } = await last;
  assert.equal(done, true);
  assert.equal((value as Uint8Array).byteLength, 0);
  assert.equal((value as Uint8Array).buffer.byteLength, 3);
});

test("tee gives each branch memory of its own, whichever reader it has", async () => {
  let n = 0;
  const { stream } = make({
    pull(c: Controller) {
      if (n++ < 2) c.enqueue(bytes(n, n));
      else {
        c.close();
        c.byobRequest?.respond(0);
      }
    },
  });
  const [a, b] = stream.tee();
  const left = byob(a);
  const right = b.getReader() as Default;
  const x = (await left.read(new Uint8Array(2))).value as Uint8Array;
  const y = (await right.read()).value as Uint8Array;
  assert.deepEqual([...x, ...y], [1, 1, 1, 1]);
  assert.notEqual(x.buffer, y.buffer);
  assert.deepEqual([...((await right.read()).value as Uint8Array)], [2, 2]);
  assert.deepEqual([...((await left.read(new Uint8Array(9))).value as Uint8Array)], [2, 2]);
  assert.equal((await right.read()).done, true);
  assert.equal((await left.read(new Uint8Array(1))).done, true);
});

test("readAtLeast waits for that many bytes", async () => {
  const { controller, stream } = make();
  const reader = byob(stream);
  const read = reader.readAtLeast(3, new Uint8Array(8));
  controller.enqueue(bytes(1, 2));
  controller.enqueue(bytes(3, 4));
  assert.deepEqual([...((await read).value as Uint8Array)], [1, 2, 3, 4]);
  await assert.rejects(reader.readAtLeast(9, new Uint8Array(8)), TypeError);
  // Closed before it is read, with less in it than is asked for: of a plain read that is an error.
  controller.enqueue(bytes(5, 6));
  controller.close();
  const rest = await reader.readAtLeast(3, new Uint8Array(8));
  assert.deepEqual([[...(rest.value as Uint8Array)], rest.done], [[5, 6], false]);
  assert.equal((await reader.readAtLeast(3, new Uint8Array(8))).done, true);
});

test("memory that cannot be moved, is shared or is gone is refused", async () => {
  const { controller, stream } = make();
  const memory = new (globalThis as unknown as { WebAssembly: { Memory: new (o: object) => { buffer: ArrayBuffer } } }).WebAssembly.Memory({ initial: 1 });
  assert.throws(() => controller.enqueue(new Uint8Array(memory.buffer)), TypeError);
  const reader = byob(stream);
  await assert.rejects(reader.read(new Uint8Array(memory.buffer)), TypeError);
  await assert.rejects(reader.read(new Uint8Array(new SharedArrayBuffer(1) as never)), { name: "TypeError", message: /shared/ });
  const gone = bytes(1);
  structuredClone(gone, { transfer: [gone.buffer as ArrayBuffer] });
  await assert.rejects(reader.read(gone), TypeError);
  assert.throws(() => new ReadableStream({ type: "bytes" }, { size: () => 1 }), RangeError);
});
