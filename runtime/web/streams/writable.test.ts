import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";
const { WritableStream, WritableStreamDefaultController } = await import("./writable.ts");

type Controller = InstanceType<typeof WritableStreamDefaultController>;
const turn = (): Promise<void> => new Promise((r) => setImmediate(r));

test("writes reach the sink one at a time and in order, and close after them", async () => {
  const seen: unknown[] = [];
  let active = 0;
  const stream = new WritableStream({
    async write(chunk: unknown) {
      assert.equal(active++, 0);
      await turn();
      active--;
      seen.push(chunk);
    },
    close: () => void seen.push("close"),
  });
  const writer = stream.getWriter();
  void writer.write(1);
  void writer.write(2);
  await writer.close();
  assert.deepEqual(seen, [1, 2, "close"]);
  await writer.closed;
  await assert.rejects(writer.write(3), TypeError);
});

test("ready and desiredSize tell of backpressure", async () => {
  let finish!: () => void;
  const stream = new WritableStream({ write: () => new Promise<void>((r) => (finish = r)) }, { highWaterMark: 2, size: () => 1 });
  await turn();
  const writer = stream.getWriter();
  assert.equal(writer.desiredSize, 2);
  void writer.write(1);
  assert.equal(writer.desiredSize, 1);
  await writer.ready;
  void writer.write(2);
  assert.equal(writer.desiredSize, 0);
  let ready = false;
  void writer.ready.then(() => (ready = true));
  await turn();
  assert.equal(ready, false);
  finish();
  await turn();
  assert.equal(ready, true);
});

test("abort: the signal at once, the sink after the write under way, queued writes not at all", async () => {
  const seen: unknown[] = [];
  let finish!: () => void;
  let controller!: Controller;
  const stream = new WritableStream({
    start: (c: Controller) => void (controller = c),
    write(chunk: unknown) {
      seen.push(chunk);
      return new Promise<void>((r) => (finish = r));
    },
    abort: (reason: unknown) => void seen.push(reason),
  });
  await turn();
  const writer = stream.getWriter();
  const first = writer.write(1);
  const second = writer.write(2);
  const aborted = writer.abort("stop");
  assert.equal(controller.signal.reason, "stop");
  await assert.rejects(writer.ready, (e) => e === "stop");
  assert.deepEqual(seen, [1]);
  finish();
  await first;
  await aborted;
  await assert.rejects(second, (e) => e === "stop");
  await assert.rejects(writer.closed, (e) => e === "stop");
  assert.deepEqual(seen, [1, "stop"]);
});

test("the signal tells of an abort also when it is looked at afterwards", async () => {
  let controller!: Controller;
  const stream = new WritableStream({ start: (c: Controller) => void (controller = c) });
  await turn();
  await stream.abort("why");
  assert.equal(controller.signal.aborted, true);
  assert.equal(controller.signal.reason, "why");
});

test("a failing write errors the stream and every write behind it", async () => {
  const stream = new WritableStream({
    write() {
      throw "disk";
    },
  });
  const writer = stream.getWriter();
  const both = [writer.write(1), writer.write(2)];
  for (const p of both) await assert.rejects(p, (e) => e === "disk");
  await assert.rejects(writer.closed, (e) => e === "disk");
  assert.equal(writer.desiredSize, null);
});

test("a released writer can do nothing, and its closed and ready say so", async () => {
  const stream = new WritableStream();
  const writer = stream.getWriter();
  assert.equal(stream.locked, true);
  writer.releaseLock();
  assert.equal(stream.locked, false);
  for (const p of [writer.write(1), writer.close(), writer.abort(), writer.closed, writer.ready]) await assert.rejects(p, TypeError);
  assert.throws(() => writer.desiredSize, TypeError);
});
