// Ports on the stand-in for the host, where a task is a timer that the test lets run. In global scope a message is a
// microtask.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { mock } from "../../testing/mock-native.ts";
await import("../../bootstrap/main.ts");
const { runInFrame } = await import("../../bootstrap/context.ts");
const { endEventResources } = await import("../fetch/resources.ts");
const { MessageChannel } = await import("./port.ts");
const { BroadcastChannel } = await import("./broadcast.ts");
const { Event } = await import("../events/event.ts");
void Event;

let ids = 0;
afterEach(() => mock.reset());

/** Runs fn in a new event, and gives it. */
function inEvent(fn: () => void): { id: number; ended: boolean } {
  const event = { id: ++ids, ended: false };
  runInFrame({ event, stores: undefined }, fn, undefined, []);
  return event;
}

test("messages are tasks, in order, and copies", () => {
  const { port1, port2 } = new MessageChannel();
  const got: unknown[] = [];
  const sent = { a: 1 };
  inEvent(() => {
    port2.onmessage = (e: any) => got.push(e.data);
    port1.postMessage(sent);
    port1.postMessage("second");
  });
  assert.deepEqual(got, []);
  mock.advance(0);
  assert.deepEqual(got, [{ a: 1 }, "second"]);
  assert.notEqual(got[0], sent);
});

test("a port keeps its messages until it is started", () => {
  const { port1, port2 } = new MessageChannel();
  const got: unknown[] = [];
  inEvent(() => {
    port2.addEventListener("message", (e: any) => got.push(e.data));
    port1.postMessage(1);
  });
  mock.advance(0);
  assert.deepEqual(got, []);
  inEvent(() => port2.start());
  mock.advance(0);
  assert.deepEqual(got, [1]);
});

test("the messages of an event are lost with it", () => {
  const { port1, port2 } = new MessageChannel();
  const got: unknown[] = [];
  const event = inEvent(() => {
    port2.onmessage = (e: any) => got.push(e.data);
    port1.postMessage("lost");
  });
  event.ended = true;
  endEventResources(event);
  mock.advance(0);
  assert.deepEqual(got, []);
});

test("a port that is sent through itself is refused; a closed one is detached and its peer is told", () => {
  const { port1, port2 } = new MessageChannel();
  const other = new MessageChannel();
  const seen: string[] = [];
  inEvent(() => {
    assert.throws(() => port1.postMessage(0, [port1]), { name: "DataCloneError" });
    port2.onclose = () => seen.push("close");
    port2.onmessage = (e: any) => seen.push(e.data);
    port1.postMessage("last words");
    port1.close();
    assert.throws(() => other.port1.postMessage(0, [port1]), { name: "DataCloneError" });
    port1.postMessage("too late");
  });
  mock.advance(0);
  assert.deepEqual(seen, ["last words", "close"]);
});

test("a BroadcastChannel reaches those of its event", () => {
  const got: string[] = [];
  const open = (name: string): void => {
    const from = new BroadcastChannel("c");
    const to = new BroadcastChannel("c");
    new BroadcastChannel("d").onmessage = () => got.push(`${name} d`);
    to.onmessage = (e: any) => got.push(`${name} ${e.data}`);
    from.onmessage = () => got.push(`${name} itself`);
    if (name === "a") from.postMessage("m");
  };
  inEvent(() => open("b"));
  inEvent(() => open("a"));
  mock.advance(0);
  assert.deepEqual(got, ["a m"]);
  assert.throws(() => new BroadcastChannel("x"), /global scope/);
});
