// The whole runtime layer on the stand-in for the host: what it does with events, from handlers.fetch to
// native.eventDone. Its globals replace Node's, so this file has a process of its own, as node --test gives it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { setTimeout: nodeTimeout } = globalThis;
await import("./main.ts");
const handlers = mock.handlers!;

/** Lets all microtasks run. */
const settle = (): Promise<void> => new Promise((resolve) => nodeTimeout(resolve, 0));

const init = (config: object = {}): void => handlers.init(JSON.stringify({ name: "w", compatDate: "2026-01-01", compatFlags: [], dev: false, env: [], ...config }));
const serve = (handler: unknown): void => {
  init({ env: [{ name: "TEXT", type: "text", value: "t" }, { name: "JSON", type: "json", value: { a: 1 } }] });
  handlers.start({ default: handler });
};
const request = (id: number, method = "GET", url = "https://example.com/a?b=c"): void => handlers.fetch(id, method, url, 0, 0);
const calls = (name: string): unknown[][] => mock.calls.filter((c) => c[0] === name).map((c) => c.slice(1));
/** [event, outcome, passThrough, message] of each ended event. */
const done = (): unknown[][] => calls("eventDone").map((c) => c.slice(0, 4));
const logs = (): unknown[] => calls("log").map((c) => c[2]);

beforeEach(() => mock.reset());

const ok = (): Response => new Response("ok");

test("a handler that returns a Response is answered at once", () => {
  serve({
    fetch(request: Request, env: Record<string, unknown>, ctx: object) {
      return new Response(`${request.method} ${request.url} ${env["TEXT"]} ${JSON.stringify(env["JSON"])} ${Object.prototype.toString.call(ctx)}`);
    },
  });
  request(5);
  const [event, status, , headers, body, stream] = calls("respond")[0]!;
  assert.deepEqual([event, status, headers, body, stream], [5, 200, "content-type\ntext/plain;charset=UTF-8\n", 'GET https://example.com/a?b=c t {"a":1} [object ExecutionContext]', 0]);
  assert.deepEqual(done(), [[5, 0, false, ""]]);
});

test("promises and thenables of a Response are awaited", async () => {
  serve({ fetch: async () => ok() });
  request(1);
  assert.deepEqual(done(), []);
  await settle();
  assert.deepEqual(done(), [[1, 0, false, ""]]);
  serve({ fetch: () => ({ then: (f: (r: unknown) => void) => f(ok()) }) });
  request(2);
  await settle();
  assert.deepEqual(done()[1], [2, 0, false, ""]);
});

test("the handler is called on its object and keeps its frame", async () => {
  let self: unknown;
  const handler = {
    async fetch(): Promise<Response> {
      self = this;
      await null;
      console.log("in");
      return ok();
    },
  };
  serve(handler);
  request(3);
  console.log("out");
  await settle();
  assert.equal(self, handler);
  assert.deepEqual(calls("log"), [[0, 2, "out"], [3, 2, "in"]]);
});

const failures: [string, () => unknown, RegExp][] = [
  ["throws", () => { throw new RangeError("bad"); }, /^RangeError: bad$/],
  ["rejects", async () => { throw new TypeError("worse"); }, /^TypeError: worse$/],
  ["throws a string", () => { throw "text"; }, /^text$/],
  ["throws an object", () => { throw { a: 1 }; }, /^\{ a: 1 \}$/],
  ["throws undefined", () => { throw undefined; }, /^undefined$/],
  ["returns no Response", () => "text", /^TypeError: Incorrect type for Promise: the Promise did not resolve to 'Response'\.$/],
  ["returns something like a Response", async () => Object.create(Response.prototype), /Incorrect type for Promise/],
  ["returns a used Response", async () => { const r = ok(); await r.text(); return r; }, /^TypeError: Body has already been used/],
  ["returns a network error", () => Response.error(), /Response\.error\(\)/],
];
for (const [name, fetch, message] of failures) {
  test(`a handler that ${name} ends its event as an exception`, async () => {
    serve({ fetch });
    request(9);
    await settle();
    assert.equal(calls("respond").length, 0);
    assert.equal(done().length, 1);
    const [event, outcome, passThrough, text] = done()[0]!;
    assert.deepEqual([event, outcome, passThrough], [9, 1, false]);
    assert.match(text as string, message);
  });
}

test("the stack of an exception names the worker's code", () => {
  serve({ fetch: function myHandler() { throw new Error("x"); } });
  request(1);
  assert.match(calls("eventDone")[0]![4] as string, /^Error: x\n    at .*myHandler/);
});

test("passThroughOnException is told", () => {
  serve({ fetch(_r: unknown, _e: unknown, ctx: { passThroughOnException(): void }) { ctx.passThroughOnException(); throw new Error("x"); } });
  request(1);
  assert.deepEqual(done(), [[1, 1, true, "Error: x"]]);
});

test("waitUntil keeps the event until its promises are settled", async () => {
  const late = Promise.withResolvers<void>();
  serve({ fetch(_r: unknown, _e: unknown, ctx: { waitUntil(p: unknown): void }) { ctx.waitUntil(late.promise); ctx.waitUntil(1); return ok(); } });
  request(1);
  await settle();
  assert.equal(calls("respond").length, 1);
  assert.deepEqual(done(), []);
  late.resolve();
  await settle();
  assert.deepEqual(done(), [[1, 0, false, ""]]);
});

test("a rejected waitUntil is logged and makes the outcome an exception", async () => {
  serve({ fetch(_r: unknown, _e: unknown, ctx: { waitUntil(p: unknown): void }) { ctx.waitUntil(Promise.reject(new Error("late"))); return ok(); } });
  request(1);
  await settle();
  assert.deepEqual(done(), [[1, 1, false, "Error: late"]]);
  assert.match(logs()[0] as string, /^Uncaught \(in waitUntil\) Error: late\n/);
});

test("after an exception the client is answered while waitUntil goes on", async () => {
  const late = Promise.withResolvers<void>();
  serve({ fetch(_r: unknown, _e: unknown, ctx: { waitUntil(p: unknown): void }) { ctx.waitUntil(late.promise); throw new Error("x"); } });
  request(1);
  assert.equal(calls("respond")[0]![1], 500);
  assert.deepEqual(done(), []);
  late.resolve();
  await settle();
  assert.deepEqual(done(), [[1, 1, false, "Error: x"]]);
});

test("waitUntil needs its receiver, and works as an import", async () => {
  const { waitUntil } = handlers.builtin("cloudflare:workers") as { waitUntil(p: unknown): void };
  assert.throws(() => waitUntil(1), /global scope/);
  const late = Promise.withResolvers<void>();
  serve({
    fetch(_r: unknown, _e: unknown, ctx: { waitUntil(p: unknown): void }) {
      const free = ctx.waitUntil;
      assert.throws(() => free(1), { name: "TypeError", message: "Illegal invocation" });
      waitUntil(late.promise);
      return ok();
    },
  });
  request(1);
  await settle();
  assert.deepEqual(done(), []);
  late.resolve();
  await settle();
  assert.deepEqual(done(), [[1, 0, false, ""]]);
});

test("a body that is a stream keeps the event until it is sent", async () => {
  let controller!: ReadableStreamDefaultController;
  serve({ fetch: () => new Response(new ReadableStream({ start(c) { controller = c; } })) });
  request(1);
  await settle();
  assert.equal(calls("respond")[0]![5], 1);
  assert.deepEqual(done(), []);
  controller.enqueue(new Uint8Array([1]));
  controller.close();
  await settle();
  assert.deepEqual(done(), [[1, 0, false, ""]]);
});

test("a body that fails is logged and makes the outcome an exception", async () => {
  serve({ fetch: () => new Response(new ReadableStream({ pull() { throw new Error("broken"); } })) });
  request(1);
  await settle();
  assert.deepEqual(done(), [[1, 1, false, "Error: broken"]]);
  assert.match(logs()[0] as string, /^Uncaught \(in response body\) Error: broken\n/);
});

test("cancel ends a handler that cannot know of it at once", () => {
  serve({ fetch: () => new Promise(() => {}) });
  request(1);
  handlers.cancel(1, 0);
  assert.deepEqual(done(), [[1, 4, false, ""]]);
});

test("cancel aborts request.signal and lets the handler finish", async () => {
  serve({
    async fetch(request: Request) {
      await new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
    },
  });
  request(1);
  handlers.cancel(1, 0);
  assert.deepEqual(done(), []);
  await settle();
  assert.deepEqual(done(), [[1, 4, false, ""]]);
});

test("a handler that ignores its signal is cut after a while", () => {
  serve({ fetch: (request: Request) => (request.signal.addEventListener("abort", () => {}), new Promise(() => {})) });
  request(1);
  handlers.cancel(1, 0);
  mock.advance(4999);
  assert.deepEqual(done(), []);
  mock.advance(1);
  assert.deepEqual(done(), [[1, 4, false, ""]]);
});

test("cancel waits for waitUntil", async () => {
  const late = Promise.withResolvers<void>();
  serve({ fetch(_r: unknown, _e: unknown, ctx: { waitUntil(p: unknown): void }) { ctx.waitUntil(late.promise); return new Promise(() => {}); } });
  request(1);
  handlers.cancel(1, 0);
  assert.deepEqual(done(), []);
  late.resolve();
  await settle();
  assert.deepEqual(done(), [[1, 4, false, ""]]);
});

test("an event whose time is over ends at once, whatever it waits for", async () => {
  serve({ fetch(_r: unknown, _e: unknown, ctx: { waitUntil(p: unknown): void }) { ctx.waitUntil(new Promise(() => {})); return ok(); } });
  request(1);
  await settle();
  handlers.cancel(1, 2);
  assert.deepEqual(done(), [[1, 4, false, ""]]);
  assert.equal(logs()[0], "waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled.");
});

test("cancel of a response on its way cancels its stream", async () => {
  let reason: unknown;
  serve({ fetch: () => new Response(new ReadableStream({ cancel(r) { reason = r; } })) });
  request(1);
  await settle();
  handlers.cancel(1, 0);
  await settle();
  assert.match(String(reason), /disconnected/);
  assert.deepEqual(done(), [[1, 4, false, ""]]);
});

test("a killed event is forgotten", async () => {
  let fired = false;
  const late = Promise.withResolvers<Response>();
  serve({ fetch: () => (setTimeout(() => (fired = true), 1), late.promise) });
  request(1);
  handlers.eventKilled(1);
  mock.advance(5);
  late.resolve(ok());
  await settle();
  assert.deepEqual([fired, done(), calls("respond")], [false, [], []]);
});

test("timers end with their event", () => {
  let fired = false;
  serve({ fetch: () => (setTimeout(() => (fired = true), 1), ok()) });
  request(1);
  mock.advance(5);
  assert.equal(fired, false);
});

// ---- what a worker can be

test("a class that extends WorkerEntrypoint", async () => {
  const { WorkerEntrypoint, env } = handlers.builtin("cloudflare:workers") as { WorkerEntrypoint: new () => { env: { TEXT: string }; ctx: object }; env: object };
  serve(
    class extends WorkerEntrypoint {
      async fetch(request: Request): Promise<Response> {
        assert.equal(this.env, env);
        return new Response(`${this.env.TEXT} ${request.url} ${typeof this.ctx}`);
      }
    },
  );
  request(1);
  await settle();
  assert.equal(calls("respond")[0]![4], "t https://example.com/a?b=c object");
});

test("default exports that cannot be used are refused at the start", () => {
  init();
  assert.throws(() => handlers.start({}), { name: "TypeError", message: /no default export/ });
  assert.throws(() => handlers.start({ default: 1 }), TypeError);
  assert.throws(() => handlers.start({ default: function () {} }), /WorkerEntrypoint/);
  assert.throws(() => handlers.start(undefined), /addEventListener/);
});

test("a missing fetch is named at the call", () => {
  serve({ scheduled() {} });
  request(1);
  assert.deepEqual(done(), [[1, 1, false, "TypeError: Handler does not export a fetch() function."]]);
});

test("what does not exist yet says so when it is used", () => {
  const { DurableObject, WorkflowEntrypoint } = handlers.builtin("cloudflare:workers") as Record<string, new () => object>;
  assert.throws(() => new (class extends DurableObject! {})(), /Durable Objects are not supported yet/);
  assert.throws(() => new (class extends WorkflowEntrypoint! {})(), /Workflows are not supported yet/);
  assert.equal(handlers.builtin("node:fs"), undefined);
});

test("service-worker syntax", async () => {
  init({ script: true, env: [{ name: "GREETING", type: "text", value: "hi" }] });
  let late: unknown;
  const listener = (event: any): void => {
    event.respondWith(new Response(`${(globalThis as any).GREETING} ${event.request.url} ${event.type}`));
    assert.throws(() => event.respondWith(ok()), { name: "InvalidStateError" });
    event.waitUntil(Promise.resolve().then(() => {
      try {
        event.respondWith(ok());
      } catch (e) {
        late = e;
      }
    }));
  };
  addEventListener("fetch", listener);
  handlers.start(undefined);
  request(1);
  await settle();
  assert.equal(calls("respond")[0]![4], "hi https://example.com/a?b=c fetch");
  assert.equal((late as Error).name, "InvalidStateError");
  removeEventListener("fetch", listener);
  request(2);
  await settle();
  assert.deepEqual(done()[1], [2, 1, false, "TypeError: No listener of the fetch event called event.respondWith()."]);
  assert.throws(() => new FetchEvent("fetch", {}), TypeError);
});

// ---- exceptions without a caller

test("errors of listeners go to the log, or to the error listener", () => {
  dispatchEvent(new Event("x"));
  const throwing = (): never => { throw new Error("in listener"); };
  addEventListener("x", throwing, { once: true });
  dispatchEvent(new Event("x"));
  assert.match(logs()[0] as string, /^Uncaught Error: in listener\n/);
  let seen: any;
  addEventListener("error", (e) => { seen = e; e.preventDefault(); }, { once: true });
  reportError("mine");
  assert.deepEqual([seen.error, seen.message, logs().length], ["mine", "Uncaught mine", 1]);
  let read = false;
  const error = new RangeError("r");
  Object.defineProperty(error, "code", { enumerable: true, get: () => (read = true) });
  addEventListener("error", (e) => { seen = e; e.preventDefault(); }, { once: true });
  reportError(error);
  assert.deepEqual([seen.message, seen.error === error, read], ["Uncaught RangeError: r", true, false]);
  assert.match(seen.filename, /main\.test\.ts$/);
  assert.ok(seen.lineno > 0 && seen.colno > 0);
});

test("a rejection that nobody handles is logged, one that is handled late enough is not", async () => {
  serve({
    async fetch() {
      void Promise.resolve();
      return ok();
    },
  });
  // V8's notices come from the host: the stand-in has none, so they are made here.
  const handled = Promise.reject(new Error("handled"));
  handled.catch(() => {});
  handlers.promiseReject(0, handled, new Error("handled"));
  await null;
  handlers.promiseReject(1, handled, undefined);
  const lost = Promise.reject(new Error("lost"));
  lost.catch(() => {});
  handlers.promiseReject(0, lost, new Error("lost"));
  handlers.rejectionsDue();
  assert.equal(logs().length, 1);
  assert.match(logs()[0] as string, /^Uncaught \(in promise\) Error: lost\n/);
});

test("a listener that is told of one rejection may handle another", () => {
  const told: unknown[] = [];
  const [a, b] = [Promise.reject("a"), Promise.reject("b")];
  const note = (e: any): void => {
    told.push(e.reason);
    e.preventDefault();
    handlers.promiseReject(1, b, undefined);
  };
  addEventListener("unhandledrejection", note);
  for (const p of [a, b]) p.catch(() => {});
  handlers.promiseReject(0, a, "a");
  handlers.promiseReject(0, b, "b");
  handlers.rejectionsDue();
  removeEventListener("unhandledrejection", note);
  assert.deepEqual([told, logs()], [["a"], []]);
});

test("unhandledrejection can be prevented, and rejectionhandled follows", async () => {
  const seen: [string, unknown, unknown][] = [];
  const note = (e: any): void => {
    seen.push([e.type, e.promise, e.reason]);
    e.preventDefault();
  };
  addEventListener("unhandledrejection", note, { once: true });
  addEventListener("rejectionhandled", note, { once: true });
  const lost = Promise.reject("r");
  lost.catch(() => {});
  handlers.promiseReject(0, lost, "r");
  handlers.rejectionsDue();
  handlers.promiseReject(1, lost, undefined);
  await settle();
  assert.deepEqual([seen.map((s) => [s[0], s[1] === lost]), logs()], [[["unhandledrejection", true], ["rejectionhandled", true]], []]);
});
