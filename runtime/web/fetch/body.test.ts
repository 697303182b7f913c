import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { mock } from "../../testing/mock-native.ts";

const { Blob } = await import("../blob.ts");
const { FormData } = await import("../form-data.ts");
const { URLSearchParams } = await import("../url-search-params.ts");
const { ReadableStream } = await import("../streams/readable.ts");
const { Response, responseParts } = await import("./response.ts");
const { Request, requestFromEvent } = await import("./request.ts");
const { createAbortSignal } = await import("../abort.ts");
const inbound = await import("./inbound.ts");
const { endEventResources } = await import("./resources.ts");

type AnyResponse = InstanceType<typeof Response>;
interface Reader {
  read(view?: Uint8Array): Promise<{ done: boolean; value: Uint8Array }>;
  cancel(reason?: unknown): Promise<void>;
  closed: Promise<void>;
}
const reader = (r: { body: object | null }, options?: object): Reader => (r.body as { getReader(o?: object): Reader }).getReader(options);
const utf8 = (s: string): Uint8Array => new TextEncoder().encode(s);
const event = (id = 1): { id: number; ended: boolean } => ({ id, ended: false });
const incoming = (stream: number, length = -1, e = event()): InstanceType<typeof Request> => requestFromEvent(e, "POST", "https://h/p", stream, length, () => createAbortSignal());
const ops = (): string[] => mock.calls.map((c) => c[0]);

beforeEach(() => mock.reset());

test("every kind of body can be read in every way", async () => {
  const form = new FormData();
  form.append("a", "1");
  const makers: [() => unknown, string | null][] = [
    [() => "a=1", "text/plain;charset=UTF-8"],
    [() => utf8("a=1"), null],
    [() => utf8("a=1").buffer, null],
    [() => new Blob(["a", "=1"], { type: "x/y" }), "x/y"],
    [() => new URLSearchParams("a=1"), "application/x-www-form-urlencoded;charset=UTF-8"],
    [() => new Response("a=1").body, null],
    [() => new ReadableStream({ pull(c: { enqueue(v: unknown): void; close(): void }) { c.enqueue(utf8("a=")); c.enqueue(utf8("1")); c.close(); } }), null],
  ];
  for (const [make, type] of makers) {
    assert.equal(new Response(make()).headers.get("content-type"), type);
    for (const touch of [false, true]) {
      const get = (): AnyResponse => {
        const r = new Response(make(), touch ? { headers: { "content-type": "application/x-www-form-urlencoded" } } : undefined);
        if (touch) assert.ok(r.body);
        return r;
      };
      assert.equal(await get().text(), "a=1");
      assert.deepEqual(await get().bytes(), utf8("a=1"));
      assert.deepEqual(new Uint8Array((await get().arrayBuffer()) as ArrayBuffer), utf8("a=1"));
      assert.equal(await ((await get().blob()) as InstanceType<typeof Blob>).text(), "a=1");
      await assert.rejects(get().json(), SyntaxError);
      if (touch) assert.equal(((await get().formData()) as InstanceType<typeof FormData>).get("a"), "1");
      const used = get();
      assert.equal(used.bodyUsed, false);
      const reading = used.text();
      assert.equal(used.bodyUsed, true);
      await assert.rejects(used.text(), TypeError);
      await reading;
      assert.throws(() => used.clone(), TypeError);
      assert.throws(() => reader(used), TypeError);
    }
  }
  const r = new Response(form);
  assert.match(r.headers.get("content-type")!, /^multipart\/form-data; boundary=/);
  assert.equal(((await r.formData()) as InstanceType<typeof FormData>).get("a"), "1");
});

test("a Response of a string has no stream and no headers object until it is asked for", () => {
  const parts = responseParts(new Response("hi"));
  assert.equal(parts.headers, "content-type\ntext/plain;charset=UTF-8\n");
  assert.equal(parts.body!.stream, undefined);
  assert.equal(parts.body!.source, "hi");
  assert.equal(responseParts(new Response("hi", { headers: { "Content-Type": "x/y" } })).headers, "content-type\nx/y\n");
});

test("clones share memory but not results", async () => {
  const a = new Response(utf8("abc"));
  const b = a.clone();
  const bytes = (await a.bytes()) as Uint8Array;
  bytes[0] = 0;
  assert.equal(await b.text(), "abc");
  const s = new Response(new Response("xyz").body);
  const t = s.clone();
  assert.deepEqual([await s.text(), await t.text()], ["xyz", "xyz"]);
});

test("bad chunks, locked streams and broken JSON are refused", async () => {
  const bad = (): AnyResponse => new Response(new ReadableStream({ pull(c: { enqueue(v: unknown): void }) { c.enqueue("text"); } }));
  await assert.rejects(bad().text(), TypeError);
  const stream = new ReadableStream();
  (stream as { getReader(): unknown }).getReader();
  assert.throws(() => new Response(stream), TypeError);
  await assert.rejects(new Response("{").json(), SyntaxError);
  await assert.rejects(new Response(null).formData(), TypeError);
  await assert.rejects(Response.prototype.text.call(null as never), TypeError);
});

test("an inbound body that nobody has read is collected by the host", async () => {
  const r = incoming(2, 5);
  assert.deepEqual(mock.calls, []);
  const text = r.text();
  assert.deepEqual(mock.calls, [["streamCollect", 2, true]]);
  assert.equal(r.bodyUsed, true);
  assert.throws(() => reader(r), TypeError);
  inbound.onStreamCollected(2, "hello");
  assert.equal(await text, "hello");

  const json = incoming(4).json();
  inbound.onStreamCollected(4, '{"a":[1]}');
  assert.deepEqual(await json, { a: [1] });

  const touched = incoming(6);
  assert.ok(touched.body);
  const bytes = touched.bytes();
  assert.deepEqual(mock.calls.at(-1), ["streamCollect", 6, false]);
  inbound.onStreamCollected(6, utf8("raw").buffer as ArrayBuffer);
  assert.deepEqual(await bytes, utf8("raw"));

  const failing = incoming(8).text();
  inbound.onStreamError(8, 1, "gone");
  await assert.rejects(failing, /Network connection lost: gone/);
});

test("an inbound body is streamed with credit, also to BYOB readers", async () => {
  const r = incoming(10, 6);
  const rd = reader(r, { mode: "byob" });
  const first = rd.read(new Uint8Array(4));
  assert.deepEqual(mock.calls, [["streamPull", 10, inbound.inboundWindow]]);
  inbound.onStreamData(10, utf8("abcdef"));
  assert.deepEqual((await first).value, utf8("abcd"));
  assert.deepEqual((await rd.read(new Uint8Array(4))).value, utf8("ef"));
  const last = rd.read(new Uint8Array(4));
  inbound.onStreamEnd(10);
  assert.equal((await last).done, true);
  assert.equal(ops().filter((o) => o === "streamPull").length, 1, "credit is granted in large steps");
});

test("an inbound body is cancelled by its reader, and errors reach it", async () => {
  const a = incoming(12);
  await reader(a).cancel("enough");
  assert.deepEqual(mock.calls, [["streamCancel", 12, "enough"]]);
  const b = incoming(14);
  const rd = reader(b);
  const read = rd.read();
  inbound.onStreamError(14, 4, "");
  await assert.rejects(read, TypeError);
  await assert.rejects(rd.closed, TypeError);
});

test("when its event ends, a body is dead and says so", async () => {
  const e = event(77);
  const r = incoming(16, -1, e);
  endEventResources(e);
  await assert.rejects(r.text(), /different request/);
  assert.deepEqual(mock.calls, []);
});

test("cloning an inbound body reads it once for both", async () => {
  const a = incoming(18, 3);
  const b = a.clone();
  const both = Promise.all([a.text(), b.text()]);
  await new Promise((ok) => setImmediate(ok));
  assert.deepEqual(mock.calls.filter((c) => c[0] !== "eventHeaders"), [["streamPull", 18, inbound.inboundWindow]]);
  inbound.onStreamData(18, utf8("two"));
  inbound.onStreamEnd(18);
  assert.deepEqual(await both, ["two", "two"]);
});

test("an iterable is a body with the flag, and text without it", async () => {
  const { setConfig } = await import("../../bootstrap/modules.ts");
  const flags = (compatFlags: string[]): void => setConfig(JSON.stringify({ name: "", compatDate: "", compatFlags, dev: false, env: [] }));
  async function* later(): AsyncGenerator<unknown> {
    yield "h\u00e9";
    yield new Uint8Array([33, 34, 35]).subarray(0, 1);
    yield new Uint8Array([63]).buffer;
  }
  const own = { *[Symbol.iterator]() { yield "iterated"; }, toString: () => "text" };
  assert.equal(await new Response(["a", "b"]).text(), "a,b");
  flags(["fetch_iterable_type_support"]);
  try {
    const response = new Response(later());
    assert.equal(response.headers.get("content-type"), null);
    assert.equal(await response.text(), "h\u00e9!?");
    assert.equal(await new Response(["a", "b"]).text(), "ab");
    assert.equal(await new Response(new Set(["c", "d"])).text(), "cd");
    assert.equal(await new Response(new String("e")).text(), "e");
    assert.equal(await new Response(own).text(), "text");
    assert.equal(await new Response({}).text(), "[object Object]");
    assert.equal(await new Request("https://h/", { method: "POST", body: later() }).text(), "h\u00e9!?");
    for (const bad of [[1], [{}], [null]]) await assert.rejects(new Response(bad).text(), TypeError);
    let ended = false;
    const body = new Response((async function* () {
      try {
        for (;;) yield "x";
      } finally {
        ended = true;
      }
    })());
    const chunks = reader(body);
    await chunks.read();
    await chunks.cancel();
    assert.ok(ended);
  } finally {
    flags([]);
  }
});
