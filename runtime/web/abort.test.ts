import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";
const { AbortController, AbortSignal, addAbortAlgorithm, createAbortSignal, createDependentAbortSignal, isAbortSignal, removeAbortAlgorithm, signalAbort } = await import("./abort.ts");
const { runInFrame } = await import("../bootstrap/context.ts");
const { onTimer } = await import("./timers.ts");
const { setReportException } = await import("./events/target.ts");

test("abort runs algorithms before listeners, once", () => {
  const controller = new AbortController();
  const seen: string[] = [];
  const removed = (): void => void seen.push("removed");
  controller.signal.addEventListener("abort", () => seen.push("event"));
  addAbortAlgorithm(controller.signal, () => seen.push("algorithm"));
  addAbortAlgorithm(controller.signal, removed);
  removeAbortAlgorithm(controller.signal, removed);
  controller.abort("why");
  controller.abort("again");
  assert.deepEqual(seen, ["algorithm", "event"]);
  assert.equal(controller.signal.reason, "why");
  assert.throws(() => controller.signal.throwIfAborted(), (e) => e === "why");
});

test("an algorithm that throws is reported and stops nobody", () => {
  const reported: unknown[] = [];
  setReportException((e) => reported.push(e));
  const signal = createAbortSignal();
  let ran = false;
  addAbortAlgorithm(signal, () => {
    throw 1;
  });
  addAbortAlgorithm(signal, () => (ran = true));
  signalAbort(signal);
  assert.deepEqual([ran, reported], [true, [1]]);
});

test("signals are made by the platform only", () => {
  assert.throws(() => new AbortSignal(), { name: "TypeError", message: "Illegal constructor" });
  assert.equal(isAbortSignal(Object.create(AbortSignal.prototype)), false);
  assert.equal((AbortSignal.abort().reason as Error).name, "AbortError");
});

test("timeout starts a timer of the event and aborts with a TimeoutError", () => {
  mock.handlers = { timer: onTimer } as never;
  runInFrame({ event: { id: 1, ended: false }, stores: undefined }, () => {
    const signal = AbortSignal.timeout(25);
    mock.advance(24);
    assert.equal(signal.aborted, false);
    mock.advance(1);
    assert.equal((signal.reason as Error).name, "TimeoutError");
    assert.throws(() => AbortSignal.timeout(-1), TypeError);
  }, undefined, []);
});

test("any follows the sources of its sources, and its own event comes after theirs", () => {
  const a = new AbortController();
  const b = new AbortController();
  const inner = AbortSignal.any([a.signal]);
  const outer = AbortSignal.any([inner, b.signal]);
  const seen: string[] = [];
  outer.addEventListener("abort", () => seen.push("outer"));
  inner.addEventListener("abort", () => seen.push(`inner ${outer.aborted}`));
  a.signal.addEventListener("abort", () => seen.push("a"));
  a.abort(1);
  assert.deepEqual(seen, ["a", "inner true", "outer"]);
  assert.equal(outer.reason, 1);
  b.abort(2);
  assert.equal(outer.reason, 1);
  assert.equal(AbortSignal.any([createAbortSignal(), a.signal]).reason, 1);
});

(await import("node:v8")).setFlagsFromString("--expose-gc");
const gc = (await import("node:vm")).runInNewContext("gc") as () => void;

test("dependents that nobody looks at are not kept by their source, one that is listened to is", async () => {
  const source = createAbortSignal();
  const weak: WeakRef<object>[] = [];
  let heard = 0;
  (() => {
    for (let i = 0; i < 100; i++) weak.push(new WeakRef(createDependentAbortSignal([source])));
    createDependentAbortSignal([source]).addEventListener("abort", () => heard++);
  })();
  await new Promise((r) => setImmediate(r));
  gc();
  assert.equal(weak.filter((w) => w.deref() !== undefined).length, 0);
  signalAbort(source);
  assert.equal(heard, 1);
});
