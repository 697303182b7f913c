import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";
const { ReadableStream, ReadableStreamDefaultController } = await import("./readable.ts");
const { WritableStream } = await import("./writable.ts");
const { TransformStream } = await import("./transform.ts");
const { AbortController } = await import("../abort.ts");

type Controller = InstanceType<typeof ReadableStreamDefaultController>;
const turn = (): Promise<void> => new Promise((r) => setImmediate(r));

// Whatever the ends do and whenever they do it, every chunk must arrive once, in order, and then the close.
test("random sources, transforms and sinks: nothing is lost, doubled or reordered", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const random = (n: number): number => (state = (state * 48271) % 2147483647) % n;
    const maybeLater = (): unknown => [undefined, Promise.resolve(), random(8) === 0 ? turn() : undefined][random(3)];
    const total = random(30);
    let made = 0;
    const seen: unknown[] = [];
    let stream = new ReadableStream(
      {
        pull(c: Controller) {
          for (let i = random(3); i >= 0 && made < total; i--) c.enqueue(made++);
          if (made === total) c.close();
          return maybeLater();
        },
      },
      { highWaterMark: random(4) },
    );
    for (let i = random(3); i > 0; i--) {
      stream = stream.pipeThrough(
        new TransformStream(
          {
            transform(chunk: unknown, c: { enqueue(v: unknown): void }) {
              c.enqueue(chunk);
              return maybeLater();
            },
          },
          { highWaterMark: 1 + random(3) },
          { highWaterMark: random(3) },
        ),
      );
    }
    const sink = new WritableStream(
      {
        write(chunk: unknown) {
          seen.push(chunk);
          return maybeLater();
        },
        close: () => void seen.push("close"),
      },
      { highWaterMark: 1 + random(4) },
    );
    await stream.pipeTo(sink);
    assert.deepEqual(seen, [...Array(total).keys(), "close"], `seed ${seed}`);
    assert.equal(sink.locked, false);
  }
});

test("the sink never runs inside enqueue()", async () => {
  let controller!: Controller;
  let inside = false;
  let wrong = false;
  const source = new ReadableStream({ start: (c: Controller) => void (controller = c) }, { highWaterMark: 0 });
  const done = source.pipeTo(new WritableStream({ write: () => void (wrong ||= inside) }));
  await turn();
  inside = true;
  controller.enqueue(1);
  inside = false;
  await turn();
  controller.close();
  await done;
  assert.equal(wrong, false);
});

test("a chunk is not read before the destination wants one", async () => {
  let pulls = 0;
  const source = new ReadableStream({ pull: (c: Controller) => c.enqueue(pulls++) }, { highWaterMark: 0 });
  void source.pipeTo(new WritableStream({ write: () => new Promise(() => {}) }, { highWaterMark: 3 }));
  await turn();
  assert.equal(pulls, 3);
});

test("errors go forward and backward unless prevented", async () => {
  let aborted: unknown;
  const dest = new WritableStream({ abort: (r: unknown) => void (aborted = r) });
  await assert.rejects(new ReadableStream({ start: (c: Controller) => c.error("source") }).pipeTo(dest), (e) => e === "source");
  assert.equal(aborted, "source");

  let cancelled: unknown;
  const source = new ReadableStream({ pull: (c: Controller) => c.enqueue(1), cancel: (r: unknown) => void (cancelled = r) });
  const failing = new WritableStream({
    write() {
      throw "dest";
    },
  });
  await assert.rejects(source.pipeTo(failing), (e) => e === "dest");
  assert.equal(cancelled, "dest");

  const kept = new WritableStream();
  await assert.rejects(new ReadableStream({ start: (c: Controller) => c.error(1) }).pipeTo(kept, { preventAbort: true }), (e) => e === 1);
  await kept.getWriter().write("still works");
});

test("a signal stops the pipe and both ends, and leaves them unlocked", async () => {
  const controller = new AbortController();
  const seen: unknown[] = [];
  const source = new ReadableStream({ cancel: (r: unknown) => void seen.push(["cancel", r]) });
  const dest = new WritableStream({ abort: (r: unknown) => void seen.push(["abort", r]) });
  const done = source.pipeTo(dest, { signal: controller.signal });
  await turn();
  controller.abort("stop");
  await assert.rejects(done, (e) => e === "stop");
  assert.deepEqual(seen, [
    ["abort", "stop"],
    ["cancel", "stop"],
  ]);
  assert.deepEqual([source.locked, dest.locked], [false, false]);
});

test("chunks that were read are written before the destination closes", async () => {
  const seen: unknown[] = [];
  const source = new ReadableStream({
    start(c: Controller) {
      c.enqueue(1);
      c.enqueue(2);
      c.close();
    },
  });
  const sink = {
    async write(chunk: unknown) {
      await turn();
      seen.push(chunk);
    },
    close: () => void seen.push("close"),
  };
  await source.pipeTo(new WritableStream(sink, { highWaterMark: 5 }));
  assert.deepEqual(seen, [1, 2, "close"]);
});
