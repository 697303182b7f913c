import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { runInFrame } = await import("../bootstrap/context.ts");
const { AsyncLocalStorage, AsyncResource } = await import("./async_hooks.ts");

const clean = (fn: () => unknown): unknown => runInFrame(undefined, fn as never, undefined, []);

test("a store is seen inside run, nested and after an await, and nowhere else", async () => {
  const als = new AsyncLocalStorage();
  const other = new AsyncLocalStorage();
  assert.equal(als.getStore(), undefined);
  const result = als.run(1, (a: number, b: number) => {
    assert.equal(als.getStore(), 1);
    other.run("o", () => assert.deepEqual([als.getStore(), other.getStore()], [1, "o"]));
    als.run(2, () => assert.equal(als.getStore(), 2));
    assert.equal(als.getStore(), 1);
    return a + b;
  }, 3, 4);
  assert.equal(result, 7);
  assert.equal(als.getStore(), undefined);
  await als.run("later", async () => {
    await null;
    assert.equal(als.getStore(), "later");
  });
});

test("run restores after an exception", () => {
  const als = new AsyncLocalStorage();
  assert.throws(() => als.run(1, () => { throw new Error("x"); }), /x/);
  assert.equal(als.getStore(), undefined);
});

test("exit, enterWith and disable", () => clean(() => {
  const als = new AsyncLocalStorage();
  als.enterWith("in");
  assert.equal(als.getStore(), "in");
  als.exit(() => assert.equal(als.getStore(), undefined));
  assert.equal(als.getStore(), "in");
  als.disable();
  assert.equal(als.getStore(), undefined);
}));

test("the event of the frame stays", () => {
  const event = { id: 3, ended: false };
  runInFrame({ event, stores: undefined }, (() => {
    new AsyncLocalStorage().run(1, () => assert.equal((mock.native.getAsyncFrame() as { event: unknown }).event, event));
  }) as never, undefined, []);
});

test("default value and name", () => {
  const als = new AsyncLocalStorage({ name: "n", defaultValue: 5 });
  assert.deepEqual([als.name, als.getStore()], ["n", 5]);
  als.run(undefined, () => assert.equal(als.getStore(), undefined));
});

test("bind and snapshot carry the context", () => {
  const als = new AsyncLocalStorage();
  const [bound, snapshot] = als.run("then", () => [AsyncLocalStorage.bind(function (this: unknown, x: number) { return [this, x, als.getStore()]; }), AsyncLocalStorage.snapshot()]) as [Function, Function];
  als.run("now", () => {
    assert.deepEqual(bound.call("me", 1), ["me", 1, "then"]);
    assert.equal(snapshot(() => als.getStore()), "then");
  });
  assert.equal(bound.length, 1);
});

test("AsyncResource runs in the context it was made in", () => {
  const als = new AsyncLocalStorage();
  const resource = als.run("made", () => new AsyncResource("T")) as InstanceType<typeof AsyncResource>;
  assert.deepEqual(resource.runInAsyncScope(function (this: unknown, a: number) { return [this, a, als.getStore()]; }, "self", 2), ["self", 2, "made"]);
  assert.equal(resource.bind(() => als.getStore())(), "made");
  const bound = als.run("b", () => AsyncResource.bind(() => als.getStore())) as () => unknown;
  assert.equal(bound(), "b");
  assert.notEqual(new AsyncResource("a").asyncId(), new AsyncResource("b").asyncId());
  assert.throws(() => new AsyncResource(1), TypeError);
  assert.equal(resource.emitDestroy(), resource);
});
