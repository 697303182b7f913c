import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../../testing/mock-native.ts";

const { AbortController } = await import("../abort.ts");
const { ReadableStream } = await import("../streams/readable.ts");
const { Blob } = await import("../blob.ts");
const { CallCode, decodeFetchCall, encodeFetchResult, Redirect } = await import("../../bootstrap/wire.gen.ts");
const { createAbortSignal } = await import("../abort.ts");
const { onCallResult } = await import("../../bootstrap/calls.ts");
const { fetch } = await import("./fetch.ts");
const { onStreamCancelled, onStreamCredit } = await import("./outbound.ts");
const { inlineBodyMax, sendBody } = await import("./send-body.ts");
const inbound = await import("./inbound.ts");
const { Request, requestFromEvent } = await import("./request.ts");
const { Response, responseParts } = await import("./response.ts");
const { endEventResources } = await import("./resources.ts");

const utf8 = (s: string): Uint8Array => new TextEncoder().encode(s);
const none = new Uint8Array(0);
const tick = (): Promise<void> => new Promise((ok) => setImmediate(ok));
type Call = [string, ...unknown[]];
const ops = (name: string): Call[] => mock.calls.filter((c) => c[0] === name);
const sentBytes = (): string => Buffer.concat(ops("streamWrite").map((c) => c[2] as Uint8Array)).toString();

let event: { id: number; ended: boolean };
let credit: number;
let ids = 0;

/** A test inside an event of its own; the frame does not survive from a hook into the test. */
const it = (name: string, fn: () => Promise<void>): unknown => test(name, () => (setUp(), fn()));

function setUp(): void {
  mock.reset();
  event = { id: ++ids, ended: false };
  credit = 262_144;
  let stream = 1001;
  let call = ids * 100;
  mock.native.streamOpen = (e) => (mock.calls.push(["streamOpen", e]), (stream += 2));
  mock.native.streamWrite = (s, b) => (mock.calls.push(["streamWrite", s, b.slice()]), (credit -= b.length));
  mock.native.call = (...args) => (mock.calls.push(["call", ...args]), ++call);
  mock.native.setAsyncFrame({ event, stores: undefined });
}

const lastCall = (): { id: number; slot: unknown; stream: unknown; args: ReturnType<typeof decodeFetchCall> } => {
  const c = ops("call").at(-1)!;
  return { id: ids * 100 + ops("call").length, slot: c[2], stream: c[4], args: decodeFetchCall(c[5] as Uint8Array) };
};
const answer = (id: number, status: number, headers = "", stream = 0, length = -1, more = {}): void =>
  onCallResult(id, CallCode.ok, "", stream, length, encodeFetchResult({ status, status_text: "T", url: "", redirected: false, headers, ...more }));

it("a fetch is a call on slot 0, and its result a Response", async () => {
  const promise = fetch("https://example.com/a?b#frag", { headers: { "X-A": "1" }, redirect: "manual" });
  const { args, id, slot, stream } = lastCall();
  assert.deepEqual([slot, stream], [0, 0]);
  assert.deepEqual(args, { method: "GET", url: "https://example.com/a?b", headers: "x-a\n1\naccept\n*/*\n", redirect: Redirect.manual, length: 0, raw: false });
  answer(id, 302, "location\n/x\nset-cookie\na\nset-cookie\nb\n", 8, 5);
  const response = await promise;
  assert.deepEqual([response.status, response.statusText, response.url, response.ok], [302, "T", "https://example.com/a?b", false]);
  assert.deepEqual(response.headers.getSetCookie(), ["a", "b"]);
  assert.throws(() => response.headers.delete("location"), TypeError);
  const text = response.text();
  inbound.onStreamCollected(8, "hello");
  assert.equal(await text, "hello");
});

it("global scope, bad input and failed calls", async () => {
  const rejects = (input: unknown, init?: unknown, expected: object | RegExp = TypeError) => assert.rejects(fetch(input, init), expected as never);
  await rejects("ftp://h/");
  await rejects("nope");
  await rejects("http://h:25/", undefined, /port 25/);
  await rejects("https://h/", { method: "GET", body: "x" });
  for (const [code, message, expected] of [[CallCode.network, "no route", /^TypeError: fetch failed: no route$/], [CallCode.limit, "", /^Error: Too many subrequests/]] as const) {
    const promise = fetch("https://h/");
    onCallResult(lastCall().id, code, message, 0, -1, none);
    await assert.rejects(promise, expected);
  }
  const redirected = fetch("https://h/", { redirect: "error" });
  answer(lastCall().id, 301);
  await assert.rejects(redirected, TypeError);
  mock.native.setAsyncFrame(undefined);
  await rejects("https://h/", undefined, /global scope/);
  await assert.rejects((fetch as () => Promise<unknown>)(), TypeError);
});

it("upload bodies are streams with a known length", async () => {
  const promise = fetch("https://h/", { method: "POST", body: "héllo" });
  assert.deepEqual([lastCall().stream, lastCall().args.length], [1003, 6]);
  assert.equal(ops("streamWrite").length, 0, "nothing is sent before the call names the stream");
  await tick();
  assert.equal(sentBytes(), "héllo");
  assert.deepEqual(mock.calls.at(-1), ["streamEnd", 1003]);
  answer(lastCall().id, 204);
  assert.equal((await promise).body, null);
});

it("an upload that fails fails the fetch, and cancels the call", async () => {
  const body = new ReadableStream({ pull(c: { enqueue(v: unknown): void }) { c.enqueue("text"); } });
  const promise = fetch("https://h/", { method: "POST", body });
  await assert.rejects(promise, TypeError);
  assert.equal(ops("callAbort").length, 1);
  assert.equal(ops("streamReset").length, 1);
});

it("abort: before, during and after the response", async () => {
  let cancelled: unknown;
  const body = new ReadableStream({ cancel(r: unknown) { cancelled = r; } });
  const before = fetch("https://h/", { method: "POST", body, signal: AbortSignalAborted("early") });
  assert.equal(cancelled, "early", "the body is cancelled at once");
  await assert.rejects(before, (e) => e === "early");
  assert.equal(ops("call").length, 0);

  const c = new AbortController();
  const during = fetch("https://h/", { signal: c.signal });
  c.abort("mid");
  await assert.rejects(during, (e) => e === "mid");
  assert.equal(ops("callAbort").length, 1);
  answer(lastCall().id, 200, "", 20);
  assert.deepEqual(mock.calls.at(-1), ["streamCancel", 20, "not wanted"]);

  const d = new AbortController();
  const after = fetch("https://h/", { signal: d.signal });
  answer(lastCall().id, 200, "", 22);
  const reading = (await after).text();
  d.abort("late");
  await assert.rejects(reading, (e) => e === "late");
  assert.deepEqual(mock.calls.at(-1), ["streamCancel", 22, "aborted"]);
});

function AbortSignalAborted(reason: unknown): unknown {
  const c = new AbortController();
  c.abort(reason);
  return c.signal;
}

it("cache modes become headers, integrity is checked, data: URLs need no network", async () => {
  void fetch("https://h/", { cache: "no-store" });
  assert.match(lastCall().args.headers, /pragma\nno-cache\ncache-control\nno-cache\n/);

  const digest = Buffer.from(mock.native.digest("SHA-256", utf8("ok"))!).toString("base64");
  for (const [integrity, fine] of [[`sha256-${digest}`, true], ["sha256-AAAA", false]] as const) {
    const promise = fetch("https://h/", { integrity });
    answer(lastCall().id, 200, "", 30);
    await tick();
    inbound.onStreamCollected(30, utf8("ok").buffer as ArrayBuffer);
    if (fine) assert.equal(await (await promise).text(), "ok");
    else await assert.rejects(promise, /integrity/);
  }

  const before = ops("call").length;
  const data = await fetch("data:text/plain;charset=utf-8;base64,aMOp#x");
  assert.deepEqual([data.status, data.headers.get("content-type"), await data.text()], [200, "text/plain;charset=utf-8", "hé"]);
  await assert.rejects(fetch("data:nocomma"), TypeError);
  assert.equal(ops("call").length, before);
});

// ---- bodies of responses

it("small bodies go along, inbound ones are spliced", async () => {
  const send = (r: InstanceType<typeof Response>) => sendBody(event, responseParts(r).body);
  assert.deepEqual(send(new Response(null)), { inline: null, stream: 0, length: 0, outbound: undefined, done: undefined });
  assert.deepEqual(send(new Response("é")), { inline: "é", stream: 0, length: 2, outbound: undefined, done: undefined });
  assert.deepEqual(send(new Response(new Blob(["a", "b"]))).inline, utf8("ab"));
  const request = requestFromEvent(event, "POST", "https://h/", 40, 7, () => createAbortSignal());
  const through = send(new Response(request.body));
  assert.deepEqual([through.stream, through.length, through.done], [40, 7, undefined]);
  assert.equal(request.bodyUsed, true);
  const promise = fetch(new Request("https://h/", requestFromEvent(event, "PUT", "https://h/", 42, 3, () => createAbortSignal())));
  assert.equal(lastCall().stream, 42);
  answer(lastCall().id, 200, "", 44, 9);
  assert.equal(send(await promise).stream, 44);
  assert.throws(() => send(new Response(request.body)), TypeError);
  const used = new Response("x");
  void used.text();
  assert.throws(() => send(used), TypeError);
});

it("large and streamed bodies are pumped as credit comes", async () => {
  const big = new Uint8Array(inlineBodyMax + 1);
  const sent = sendBody(event, responseParts(new Response(big)).body);
  assert.equal(sent.length, inlineBodyMax + 1);
  await tick();
  assert.deepEqual(ops("streamWrite").map((c) => (c[2] as Uint8Array).length), [65_536, 65_536, 65_536, 65_536]);
  credit = 1_000_000;
  onStreamCredit(sent.stream, credit);
  await sent.done;
  assert.equal(ops("streamWrite").reduce((n, c) => n + (c[2] as Uint8Array).length, 0), inlineBodyMax + 1);
  assert.equal(ops("streamEnd").length, 1);
});

it("a chunk that waits for credit is a copy", async () => {
  const chunk = new Uint8Array(70_000).fill(1);
  let given = 0;
  const stream = new ReadableStream({ pull(c: { enqueue(v: unknown): void; close(): void }) { if (given++ === 0) c.enqueue(chunk); else c.close(); } });
  credit = 10;
  const sent = sendBody(event, responseParts(new Response(stream)).body);
  await tick();
  assert.equal(ops("streamWrite").length, 1);
  chunk.fill(2);
  credit = 1_000_000;
  onStreamCredit(sent.stream, credit);
  await sent.done;
  assert.ok(ops("streamWrite").every((c) => (c[2] as Uint8Array).every((b) => b === 1)));
});

it("pull runs in the frame of the event that sends", async () => {
  const seen: unknown[] = [];
  const stream = new ReadableStream({ pull(c: { enqueue(v: unknown): void }) { seen.push(mock.native.getAsyncFrame()); c.enqueue(utf8("x")); } }, { highWaterMark: 0 });
  const frame = mock.native.getAsyncFrame();
  credit = 1;
  const sent = sendBody(event, responseParts(new Response(stream)).body);
  await tick();
  mock.native.setAsyncFrame(undefined);
  credit = 1;
  onStreamCredit(sent.stream, 1);
  await tick();
  assert.ok(seen.length >= 2);
  assert.ok(seen.every((f) => f === frame));
});

it("a source that fails resets the stream; a reader that leaves cancels the source", async () => {
  const failing = sendBody(event, responseParts(new Response(new ReadableStream({ pull() { throw new RangeError("mine"); } }))).body);
  await assert.rejects(failing.done!, RangeError);
  assert.equal(ops("streamReset").length, 1);

  let reason: unknown;
  const endless = new ReadableStream({ pull(c: { enqueue(v: unknown): void }) { c.enqueue(utf8("x")); }, cancel(r: unknown) { reason = r; } });
  credit = 5;
  const sent = sendBody(event, responseParts(new Response(endless)).body);
  await tick();
  onStreamCancelled(sent.stream, "client left");
  await sent.done;
  assert.match(String(reason), /client left/);
});

it("when the event ends nothing is called any more", async () => {
  const stuck = sendBody(event, responseParts(new Response(new ReadableStream())).body);
  void fetch("https://h/");
  await tick();
  endEventResources(event);
  mock.calls = [];
  onStreamCancelled(stuck.stream, "");
  onStreamCredit(stuck.stream, 5);
  answer(lastCallId(), 200);
  assert.deepEqual(mock.calls, []);
});

function lastCallId(): number {
  return ids * 100 + 1;
}
