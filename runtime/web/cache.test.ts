import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { caches, Cache, CacheStorage } = await import("./cache.ts");
const { Request } = await import("./fetch/request.ts");
const { Response } = await import("./fetch/response.ts");

const inEvent = <T>(f: () => T): T => {
  const before = mock.native.getAsyncFrame();
  mock.native.setAsyncFrame({ event: { id: 1, ended: false }, stores: undefined });
  try {
    return f();
  } finally {
    mock.native.setAsyncFrame(before);
  }
};

test("a cache without a store takes and forgets", async () => {
  mock.reset();
  const response = new Response("body");
  assert.equal(await inEvent(() => caches.default.put("https://x.example/a", response)), undefined);
  assert.equal(response.bodyUsed, true);
  assert.equal(await inEvent(() => caches.default.match("https://x.example/a")), undefined);
  assert.equal(await inEvent(() => caches.default.delete(new Request("https://x.example/a"))), false);
  await inEvent(() => caches.default.put("https://x.example/b", new Response(null)));
  assert.equal(mock.calls.filter(([name]) => name === "log").length, 1, "it is said once");
});

test("what may not be put is refused", async () => {
  const put = (request: unknown, response: unknown) => inEvent(() => caches.default.put(request, response));
  await assert.rejects(put(new Request("https://x.example/", { method: "POST" }), new Response("")), /non-GET/);
  await assert.rejects(put("https://x.example/", new Response("", { status: 206 })), /206/);
  await assert.rejects(put("https://x.example/", new Response("", { headers: { vary: "accept, *" } })), /Vary/);
  await assert.rejects(put("https://x.example/", {}), TypeError);
  await assert.rejects(put("not a URL", new Response("")), TypeError);
  const used = new Response("x");
  await used.text();
  await assert.rejects(put("https://x.example/", used), TypeError);
  await assert.rejects(caches.default.match("https://x.example/"), /global scope/);
});

test("names of caches", async () => {
  assert.ok((await caches.open("one")) instanceof Cache);
  assert.notEqual(await caches.open("one"), caches.default);
  await assert.rejects((caches.open as () => Promise<unknown>)(), TypeError);
  assert.throws(() => new (CacheStorage as new () => object)(), /Illegal constructor/);
});
