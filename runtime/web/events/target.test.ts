import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../../testing/mock-native.ts";
const { Event, trusted } = await import("./event.ts");
const { defineEventHandler, dispatchTrusted, EventTarget, isListenedTo, listen, setReportException } = await import("./target.ts");
const { AbortController } = await import("../abort.ts");
const { CustomEvent } = await import("./custom.ts");
const { ErrorEvent } = await import("./error.ts");
const { MessageEvent } = await import("./message.ts");
const { CloseEvent } = await import("./close.ts");
const { PromiseRejectionEvent } = await import("./rejection.ts");

const reported: unknown[] = [];
setReportException((e) => reported.push(e));

test("capturing listeners come first, each kind in order of registration", () => {
  const target = new EventTarget();
  const seen: string[] = [];
  target.addEventListener("x", () => seen.push("a"));
  target.addEventListener("x", () => seen.push("b"), true);
  target.addEventListener("x", { handleEvent: () => seen.push("c") });
  target.addEventListener("x", () => seen.push("d"), { capture: true });
  assert.equal(target.dispatchEvent(new Event("x")), true);
  assert.deepEqual(seen, ["b", "d", "a", "c"]);
});

test("a listener is kept once per capture flag, and removal needs the same flag", () => {
  const target = new EventTarget();
  let n = 0;
  const f = (): void => void n++;
  target.addEventListener("x", f);
  target.addEventListener("x", f, { once: true });
  target.addEventListener("x", f, true);
  target.removeEventListener("x", f, true);
  target.dispatchEvent(new Event("x"));
  target.dispatchEvent(new Event("x"));
  assert.equal(n, 2);
});

test("once listeners are gone before they run; listeners added meanwhile wait; removed ones do not run", () => {
  const target = new EventTarget();
  const seen: string[] = [];
  const late = (): void => void seen.push("late");
  const removed = (): void => void seen.push("removed");
  target.addEventListener(
    "x",
    () => {
      seen.push("first");
      target.addEventListener("x", late);
      target.removeEventListener("x", removed);
      if (seen.length < 2) target.dispatchEvent(new Event("x"));
    },
    { once: true },
  );
  target.addEventListener("x", removed);
  target.dispatchEvent(new Event("x"));
  assert.deepEqual(seen, ["first", "late"]);
});

test("an error in a listener is reported and stops nobody", () => {
  const target = new EventTarget();
  let ran = false;
  target.addEventListener("x", () => {
    throw "boom";
  });
  target.addEventListener("x", {}); // no handleEvent
  target.addEventListener("x", () => (ran = true));
  reported.length = 0;
  target.dispatchEvent(new Event("x"));
  assert.equal(ran, true);
  assert.equal(reported[0], "boom");
  assert.ok(reported[1] instanceof TypeError);
});

test("stopImmediatePropagation, preventDefault and passive", () => {
  const target = new EventTarget();
  let ran = 0;
  target.addEventListener("x", (e: InstanceType<typeof Event>) => e.preventDefault(), { passive: true });
  assert.equal(target.dispatchEvent(new Event("x", { cancelable: true })), true);
  target.addEventListener("x", (e: InstanceType<typeof Event>) => {
    e.preventDefault();
    e.stopImmediatePropagation();
  });
  target.addEventListener("x", () => ran++);
  assert.equal(target.dispatchEvent(new Event("x", { cancelable: true })), false);
  assert.equal(target.dispatchEvent(new Event("x")), true);
  assert.equal(ran, 0);
});

test("a signal removes the listener, and an aborted one never adds it", () => {
  const target = new EventTarget();
  const controller = new AbortController();
  let n = 0;
  target.addEventListener("x", () => n++, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  target.addEventListener("x", () => n++, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  assert.equal(n, 1);
  assert.throws(() => target.addEventListener("x", null, { signal: null }), TypeError);
});

test("dispatching twice at once is an InvalidStateError; afterwards the event may go again", () => {
  const target = new EventTarget();
  const e = new Event("x");
  let error: unknown;
  target.addEventListener(
    "x",
    () => {
      try {
        target.dispatchEvent(e);
      } catch (x) {
        error = x;
      }
    },
    { once: true },
  );
  target.dispatchEvent(e);
  assert.equal((error as Error).name, "InvalidStateError");
  assert.equal(target.dispatchEvent(e), true);
  assert.equal(e.target, target);
  assert.equal(e.currentTarget, null);
});

test("isTrusted is an own, unforgeable property; only the platform sets it", () => {
  const target = new EventTarget();
  const e = new Event("x");
  const d = Object.getOwnPropertyDescriptor(e, "isTrusted")!;
  assert.equal(d.configurable, false);
  assert.equal((e as unknown as { isTrusted: boolean }).isTrusted, false);
  dispatchTrusted(target, e);
  assert.equal((e as unknown as { isTrusted: boolean }).isTrusted, true);
  target.dispatchEvent(trusted(e));
  assert.equal((e as unknown as { isTrusted: boolean }).isTrusted, false);
});

test("handler attributes: one listener that keeps its place, non-objects clear it, false cancels", () => {
  class Thing extends EventTarget {
    declare onx: unknown;
  }
  defineEventHandler(Thing, "x");
  const thing = new Thing();
  const seen: string[] = [];
  assert.equal(thing.onx, null);
  thing.onx = () => seen.push("old");
  thing.addEventListener("x", () => seen.push("listener"));
  const handler = (): boolean => {
    seen.push("new");
    return false;
  };
  thing.onx = handler;
  assert.equal(thing.onx, handler);
  assert.equal(thing.dispatchEvent(new Event("x", { cancelable: true })), false);
  thing.onx = 5;
  assert.equal(thing.onx, null);
  thing.dispatchEvent(new Event("x"));
  assert.deepEqual(seen, ["new", "listener", "listener"]);
});

test("listeners run in the async frame of the dispatch", () => {
  const target = new EventTarget();
  const frames: unknown[] = [];
  mock.native.setAsyncFrame("added");
  target.addEventListener("x", () => frames.push(mock.native.getAsyncFrame()));
  mock.native.setAsyncFrame("dispatched");
  target.dispatchEvent(new Event("x"));
  mock.native.setAsyncFrame(undefined);
  assert.deepEqual(frames, ["dispatched"]);
});

test("the platform's own listeners", () => {
  const target = new EventTarget();
  let n = 0;
  assert.equal(isListenedTo(target, "x"), false);
  listen(target, "x", () => n++);
  assert.equal(isListenedTo(target, "x"), true);
  target.dispatchEvent(new Event("x"));
  assert.equal(n, 1);
});

test("a patched Array.prototype does not see listeners", () => {
  const target = new EventTarget();
  target.addEventListener("x", () => {});
  const species = Object.getOwnPropertyDescriptor(Array, Symbol.species)!;
  let leaked = false;
  Object.defineProperty(Array, Symbol.species, {
    configurable: true,
    get() {
      leaked = true;
      return species.get!.call(Array);
    },
  });
  target.dispatchEvent(new Event("x"));
  Object.defineProperty(Array, Symbol.species, species);
  assert.equal(leaked, false);
});

test("the other events keep what they are given", () => {
  assert.equal(new CustomEvent("x", { detail: 1 }).detail, 1);
  assert.equal(new CustomEvent("x").detail, null);
  const error = new ErrorEvent("error", { message: "m", filename: "f", lineno: 1, colno: 2, error: 3 });
  assert.deepEqual([error.message, error.filename, error.lineno, error.colno, error.error], ["m", "f", 1, 2, 3]);
  const close = new CloseEvent("close", { wasClean: true, code: 1000, reason: "r" });
  assert.deepEqual([close.wasClean, close.code, close.reason], [true, 1000, "r"]);
  const port = new EventTarget();
  const message = new MessageEvent("message", { data: 1, origin: "o", lastEventId: "i", source: port, ports: [port] });
  assert.deepEqual([message.data, message.origin, message.lastEventId, message.source], [1, "o", "i", port]);
  assert.ok(Object.isFrozen(message.ports));
  assert.throws(() => new MessageEvent("message", { source: {} }), TypeError);
  const promise = Promise.resolve();
  assert.equal(new PromiseRejectionEvent("unhandledrejection", { promise, reason: 1 }).promise, promise);
  assert.throws(() => new PromiseRejectionEvent("unhandledrejection", {}), TypeError);
});
