import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { mock } from "../../testing/mock-native.ts";

const { AbortController, createAbortSignal } = await import("../abort.ts");
const { Request, requestFromEvent, requestParts } = await import("./request.ts");
const { Response } = await import("./response.ts");

beforeEach(() => mock.reset());

test("a request that came in asks the host for nothing until it must", () => {
  const e = { id: 9, ended: false };
  let made = 0;
  const r = requestFromEvent(e, "GET", "https://h/p?q", 0, -1, () => (made++, createAbortSignal()));
  assert.equal(r.method + r.url, "GEThttps://h/p?q");
  assert.deepEqual(mock.calls, []);
  mock.native.eventHeaders = (id) => (mock.calls.push(["eventHeaders", id]), "host\nh\nx-a\n1\n");
  mock.native.eventCf = () => '{"colo":"ZRH"}';
  assert.equal(r.headers.get("X-A"), "1");
  assert.equal(r.headers, r.headers);
  assert.throws(() => r.headers.set("a", "b"), TypeError);
  assert.deepEqual(mock.calls, [["eventHeaders", 9]]);
  assert.deepEqual(r.cf, { colo: "ZRH" });
  assert.equal(r.cf, r.cf);
  assert.equal(made, 0);
  assert.equal(r.signal, r.signal);
  assert.equal(made, 1);

  const copy = new Request(r, { headers: undefined });
  copy.headers.set("x-a", "2");
  assert.equal(copy.headers.get("host"), "h");
  assert.equal(r.headers.get("x-a"), "1");
  assert.deepEqual(copy.cf, { colo: "ZRH" });
  assert.notEqual(copy.signal, r.signal);
  assert.equal(new Request("https://other/", r).headers.get("x-a"), "1");
  assert.equal(new Request(r).url, r.url);
  assert.throws(() => r.clone().headers.set("a", "b"), TypeError);
});

test("cf is plain data, copied, and of the event's request frozen", () => {
  const e = { id: 9, ended: false };
  mock.native.eventCf = () => '{"a":{"b":[1]}}';
  const inbound = requestFromEvent(e, "GET", "https://h/", 0, -1, () => createAbortSignal());
  const frozen = inbound.cf as { a: { b: number[] } };
  assert.ok(Object.isFrozen(frozen) && Object.isFrozen(frozen.a) && Object.isFrozen(frozen.a.b));
  for (const copy of [inbound.clone(), new Request(inbound)]) {
    const cf = copy.cf as typeof frozen;
    cf.a.b[0] = 2;
    assert.deepEqual([cf.a.b, frozen.a.b], [[2], [1]]);
  }
  const given = { cacheTtl: 5, image: { width: 1 } };
  const request = new Request("https://h/", { cf: given });
  given.image.width = 2;
  assert.deepEqual(request.cf, { cacheTtl: 5, image: { width: 1 } });
  assert.equal(request.cf, request.cf);
  assert.deepEqual(new Request(request, { cf: { b: 1 } }).cf, { b: 1 });
  assert.equal(new Request("https://h/").cf, undefined);
  const response = new Response("x", { cf: given });
  given.image.width = 3;
  (response.clone().cf as typeof given).image.width = 4;
  assert.deepEqual(response.cf, { cacheTtl: 5, image: { width: 2 } });
  for (const cf of [null, 5, "x"]) {
    assert.throws(() => new Request("https://h/", { cf }), { name: "TypeError", message: "Incorrect type for the 'cf' field on 'RequestInitializerDict': the provided value is not of type 'Object'." });
    assert.throws(() => new Response("x", { cf }), { name: "TypeError", message: "Incorrect type for the 'cf' field on 'InitializerDict': the provided value is not of type 'Object'." });
  }
});

test("init is checked as the standard and Workers say", () => {
  new Request("https://h/", { encodeResponseBody: "automatic" });
  assert.equal(requestParts(new Request(new Request("https://h/", { encodeResponseBody: "manual" }))).raw, true);
  assert.equal(requestParts(new Request("https://h/")).raw, false);
  assert.throws(() => new Request("https://h/", { encodeResponseBody: "x" }), TypeError);

  const make = (init: object) => new Request("https://h/", init);
  assert.equal(make({ method: "post" }).method, "POST");
  assert.equal(make({ method: "patch" }).method, "PATCH");
  assert.equal(make({ method: "chicken" }).method, "chicken");
  assert.equal(make({ cache: "no-store" }).cache, "no-store");
  const bad = [{ method: "CONNECT" }, { method: "a b" }, { cache: "force-cache" }, { cache: "x" }, { redirect: "x" }, { mode: "navigate" }, { window: 1 }, { signal: {} }, { duplex: "full" }, { body: "x" }, { method: "HEAD", body: "x" }, { headers: { "a b": "c" } }];
  for (const init of bad) assert.throws(() => make(init), TypeError, JSON.stringify(init));
  assert.throws(() => make({ cache: "force-cache" }), /Unsupported cache mode: force-cache/);
  assert.throws(() => new Request("/relative"), TypeError);
  assert.throws(() => new Request("https://u:p@h/"), TypeError);
  const stream = new Response("x").body;
  assert.equal(make({ method: "POST", body: stream }).body, stream, "duplex may be left out");
});

test("a body moves from one request to the next", async () => {
  const a = new Request("https://h/", { method: "POST", body: "text" });
  const body = a.body;
  const b = new Request(a);
  assert.equal(a.bodyUsed, true);
  assert.equal(a.body, body);
  assert.notEqual(b.body, body);
  assert.equal(await b.text(), "text");
  assert.throws(() => new Request(a), TypeError);
  assert.equal(requestParts(new Request(a, { body: "other" })).body!.source, "other");
});

test("the signal follows the one that was given, and is made late", () => {
  const c = new AbortController();
  const r = new Request("https://h/", { signal: c.signal });
  assert.equal(requestParts(r).signal, c.signal);
  assert.notEqual(r.signal, c.signal);
  const copy = r.clone();
  c.abort("why");
  assert.equal(r.signal.reason, "why");
  assert.equal(copy.signal.reason, "why");
  assert.equal(requestParts(new Request("https://h/")).signal, undefined);
});

test("Response: status, statics, null bodies", async () => {
  assert.throws(() => new Response("", { status: 199 }), RangeError);
  assert.throws(() => new Response("", { status: 600 }), RangeError);
  assert.throws(() => new Response("", { status: 204 }), TypeError);
  assert.throws(() => new Response("", { statusText: "a\nb" }), TypeError);
  assert.equal(new Response(null, { status: 204 }).body, null);
  const j = Response.json({ a: 1 }, { status: 201, headers: { "x-y": "z" } });
  assert.equal(j.headers.get("content-type"), "application/json");
  assert.equal(j.status, 201);
  assert.deepEqual(await j.json(), { a: 1 });
  assert.throws(() => Response.json(undefined), TypeError);
  const d = Response.redirect("https://h/x y", 301);
  assert.equal(d.headers.get("location"), "https://h/x%20y");
  assert.throws(() => d.headers.set("a", "b"), TypeError);
  assert.throws(() => d.clone().headers.set("a", "b"), TypeError);
  assert.throws(() => Response.redirect("https://h/", 200), RangeError);
  assert.throws(() => Response.redirect("nope"), TypeError);
  assert.equal(Response.error().type, "error");
  assert.equal(Response.error().status, 0);
  const copied = new Response("b", new Response("a", { status: 202, headers: [["set-cookie", "x"], ["set-cookie", "y"]] }));
  assert.equal(copied.status, 202);
  assert.deepEqual(copied.headers.getSetCookie(), ["x", "y"]);
});
