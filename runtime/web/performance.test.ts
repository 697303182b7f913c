import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { runInFrame } = await import("../bootstrap/context.ts");
const { performance, PerformanceMark } = await import("./performance.ts");
const { entriesMax } = await import("./performance-timeline.ts");
const inEvent = <R>(fn: () => R): R => runInFrame({ event: { id: 1, ended: false }, stores: undefined }, fn as never, undefined, []) as R;

test("now counts from the epoch and never goes back", () => {
  inEvent(() => {
    const start = performance.now();
    assert.equal(start, mock.native.now());
    assert.equal(performance.timeOrigin, 0);
    mock.advance(1.5);
    assert.equal(performance.now(), start + 1.5);
    const { now } = mock.native;
    mock.native.now = () => 0; // Somebody has set the clock.
    assert.equal(performance.now(), start + 1.5);
    mock.native.now = now;
  });
  assert.deepEqual(JSON.parse(JSON.stringify(performance)), { timeOrigin: 0 });
});

test("marks and measures", () => {
  inEvent(() => {
    const a = performance.mark("a", { detail: { x: 1 } });
    mock.advance(10);
    performance.mark("b");
    const m = performance.measure("m", "a", "b");
    assert.deepEqual([m.name, m.entryType, m.duration, m.startTime, m.detail], ["m", "measure", 10, a.startTime, null]);
    assert.equal(performance.measure("d", { start: "a", duration: 3 }).duration, 3);
    assert.equal(performance.measure("e", { end: "b", duration: 3 }).startTime, a.startTime + 7);
    assert.deepEqual(a.detail, { x: 1 });
    assert.deepEqual(performance.getEntriesByType("mark").map((e) => e.name), ["a", "b"]);
    assert.deepEqual(performance.getEntriesByName("m").length, 1);
    assert.throws(() => performance.measure("m", "gone"), { name: "SyntaxError" });
    assert.throws(() => performance.measure("m", { start: 1, end: 2, duration: 1 }), TypeError);
    assert.throws(() => performance.measure("m", { detail: 1 }), TypeError);
    assert.throws(() => performance.mark("m", { startTime: -1 }), TypeError);
    performance.clearMarks("a");
    assert.deepEqual(performance.getEntriesByType("mark").map((e) => e.name), ["b"]);
    performance.clearMarks();
    performance.clearMeasures();
    assert.deepEqual(performance.getEntries(), []);
    assert.equal(new PerformanceMark("own").name, "own");
    assert.deepEqual(performance.getEntries(), []);
    for (let i = 0; i < entriesMax + 5; i++) performance.mark(`${i}`);
    assert.deepEqual([performance.getEntries().length, performance.getEntries()[0]!.name], [entriesMax, "5"]);
  });
});
