import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { runInFrame } = await import("../bootstrap/context.ts");
const { setExceptionReporter } = await import("../bootstrap/errors.ts");
const { cancelTimersOf, clearInterval, clearTimeout, onTimer, setInterval, setTimeout, timersMax } = await import("./timers.ts");
const { scheduler } = await import("./scheduler.ts");
const { AbortController } = await import("./abort.ts");
const { queueMicrotask } = await import("./microtask.ts");
const { currentEvent } = await import("../bootstrap/context.ts");

mock.handlers = { timer: onTimer } as never;
const inEvent = <R>(id: number, fn: () => R, event = { id, ended: false }): R => runInFrame({ event, stores: undefined }, fn as never, undefined, []) as R;

test("timers run in order of deadline, then of creation, with their arguments", () => {
  const order: unknown[] = [];
  inEvent(1, () => {
    setTimeout((...a: unknown[]) => order.push(["b", ...a]), 10, 1, 2);
    setTimeout(() => order.push("a"), 5);
    setTimeout(() => order.push("c"), 10);
    setTimeout(() => order.push("now"));
    setTimeout(() => order.push("negative"), -5);
    setTimeout(() => order.push("wrapped"), 2 ** 32 + 1);
  });
  mock.advance(10);
  assert.deepEqual(order, ["now", "negative", "wrapped", "a", ["b", 1, 2], "c"]);
});

test("global scope is refused", () => {
  assert.throws(() => setTimeout(() => {}, 1), /Disallowed operation called within global scope/);
});

test("strings are refused", () => {
  inEvent(1, () => assert.throws(() => setTimeout("alert()"), { name: "TypeError", message: /not compiled/ }));
});

test("the frame of the caller is that of the callback", () => {
  let id: number | undefined;
  inEvent(7, () => setTimeout(() => (id = currentEvent()?.id), 1));
  mock.advance(1);
  assert.equal(id, 7);
  assert.equal(currentEvent(), undefined);
});

test("intervals repeat until they are cleared, also from inside", () => {
  let n = 0;
  inEvent(1, () => {
    const id = setInterval(() => {
      if (++n === 3) clearInterval(id);
    }, 10);
  });
  mock.advance(100);
  assert.equal(n, 3);
  assert.equal(mock.timers().length, 0);
});

test("cleared timers and those of an event that ended do not fire", () => {
  let fired = 0;
  inEvent(1, () => clearTimeout(setTimeout(() => fired++, 1)));
  inEvent(2, () => setTimeout(() => fired++, 1));
  cancelTimersOf(2);
  inEvent(3, () => setTimeout(() => fired++, 1), { id: 3, ended: true });
  assert.equal(mock.timers().length, 0);
  mock.advance(10);
  assert.equal(fired, 0);
});

test("an exception is reported and stops nobody else", () => {
  const reported: unknown[] = [];
  setExceptionReporter((e) => reported.push(e));
  let after = false;
  inEvent(1, () => {
    setTimeout(() => {
      throw "boom";
    });
    setTimeout(() => (after = true));
  });
  mock.advance(0);
  assert.deepEqual(reported, ["boom"]);
  assert.ok(after);
});

test("an event has only so many timers", () => {
  inEvent(9, () => {
    for (let i = 0; i < timersMax; i++) setTimeout(() => {}, 1e6);
    assert.throws(() => setTimeout(() => {}, 1), new RegExp(`${timersMax} timers`));
  });
  cancelTimersOf(9);
});

test("scheduler.wait resolves later and rejects when its signal aborts", async () => {
  const controller = new AbortController();
  const [a, b] = inEvent(1, () => [scheduler.wait(5), scheduler.wait(50, { signal: controller.signal })]) as [Promise<void>, Promise<void>];
  mock.advance(5);
  await a;
  controller.abort("why");
  await assert.rejects(b, (e) => e === "why");
  assert.equal(mock.timers().length, 0);
  await assert.rejects(
    inEvent(1, () => scheduler.wait(1, { signal: controller.signal })),
    (e) => e === "why",
  );
});

test("queueMicrotask keeps the frame and reports exceptions", async () => {
  const reported: unknown[] = [];
  setExceptionReporter((e) => reported.push(e));
  let id: number | undefined;
  inEvent(5, () =>
    queueMicrotask(() => {
      id = currentEvent()?.id;
      throw "x";
    }),
  );
  await null;
  await null;
  assert.equal(id, 5);
  assert.deepEqual(reported, ["x"]);
});
