import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { runInFrame } = await import("../bootstrap/context.ts");
const { console } = await import("./console.ts");

const lines = (): [number, number, string][] => mock.calls.filter((c) => c[0] === "log").map((c) => c.slice(1)) as never;
const texts = (): string[] => lines().map((l) => l[2]);
const inEvent = (event: { id: number; ended: boolean }, fn: () => unknown): unknown => runInFrame({ event, stores: undefined }, fn as never, undefined, []);
beforeEach(() => mock.reset());

test("levels and the event they belong to", () => {
  console.debug("d");
  console.info("i");
  console.log("l");
  const event = { id: 4, ended: false };
  inEvent(event, () => console.warn("w"));
  event.ended = true;
  inEvent(event, () => console.error("e"));
  assert.deepEqual(lines(), [[0, 0, "d"], [0, 1, "i"], [0, 2, "l"], [4, 3, "w"], [0, 4, "e"]]);
});

test("groups indent, for their event alone", () => {
  const [a, b] = [{ id: 1, ended: false }, { id: 2, ended: false }];
  inEvent(a, () => {
    console.group("g");
    console.log("x\ny");
    console.groupCollapsed();
    console.log("z");
  });
  inEvent(b, () => console.log("other"));
  inEvent(a, () => {
    console.groupEnd();
    console.groupEnd();
    console.groupEnd();
    console.log("out");
  });
  assert.deepEqual(texts(), ["g", "  x\n  y", "    z", "other", "out"]);
});

test("assert", () => {
  console.assert(true, "no");
  console.assert(false);
  console.assert(false, "%s!", "a");
  console.assert(false, { a: 1 });
  assert.deepEqual(texts(), ["Assertion failed", "Assertion failed: a!", "Assertion failed { a: 1 }"]);
});

test("count", () => {
  console.count();
  console.count("default");
  console.countReset();
  console.count();
  console.countReset("no");
  assert.deepEqual(texts(), ["default: 1", "default: 2", "default: 1", "Count for 'no' does not exist"]);
});

test("time goes by the clock of the host", () => {
  console.time("t%s");
  console.time("t%s");
  mock.advance(12);
  console.timeLog("t%s", { a: 1 });
  mock.advance(2000);
  console.timeEnd("t%s");
  console.timeEnd("t%s");
  assert.deepEqual(texts(), ["Timer 't%s' already exists", "t%s: 12.000ms { a: 1 }", "t%s: 2.012s", "Timer 't%s' does not exist"]);
});

test("table", () => {
  console.table([{ a: 1, b: "x" }, { a: 2 }, 3]);
  assert.equal(
    texts()[0],
    ["┌─────────┬───┬─────┬────────┐", "│ (index) │ a │ b   │ Values │", "├─────────┼───┼─────┼────────┤", "│ 0       │ 1 │ 'x' │        │", "│ 1       │ 2 │     │        │", "│ 2       │   │     │ 3      │", "└─────────┴───┴─────┴────────┘"].join("\n"),
  );
  console.table([{ a: 1, b: 2 }], ["b"]);
  assert.doesNotMatch(texts()[1]!, / a /);
  console.table("text");
  console.table(null);
  assert.deepEqual(texts().slice(2), ["text", "null"]);
});

test("trace has the stack of the caller", () => {
  (function caller() {
    console.trace("here %d", 1);
  })();
  assert.match(texts()[0]!, /^Trace: here 1\n    at caller /);
});

test("dir and dirxml", () => {
  console.dir("s");
  console.dirxml({ a: 1 }, 2);
  assert.deepEqual(texts(), ["'s'", "{ a: 1 } 2"]);
});

test("console is a namespace object", () => {
  assert.equal(Object.prototype.toString.call(console), "[object console]");
  const prototype = Object.getPrototypeOf(console);
  assert.deepEqual(Reflect.ownKeys(prototype), []);
  assert.equal(Object.getPrototypeOf(prototype), Object.prototype);
  const { log } = console;
  log("free");
  assert.deepEqual(texts(), ["free"]);
  assert.equal((console.log as never as { prototype?: unknown }).prototype, undefined);
});

test("symbols as labels throw, and nothing else does", () => {
  assert.throws(() => console.count(Symbol()), TypeError);
});
