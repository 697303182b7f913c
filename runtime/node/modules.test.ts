// The modules of Node.js against Node's own, which runs these tests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const real = (name: string): any => (globalThis as any).process.getBuiltinModule(name);
const host = real("process");
const realEvents = real("events");
const realPath = real("path").posix;
const realUrl = real("url");
const realUtil = real("util");

await import("../bootstrap/main.ts");
const handlers = mock.handlers!;
const init = (compatFlags: string[], env: object[] = []): void => handlers.init(JSON.stringify({ name: "w", compatDate: "2026-06-01", compatFlags, dev: false, env }));
init(["nodejs_compat", "nodejs_compat_populate_process_env"], [{ name: "A", type: "text", value: "a" }, { name: "J", type: "json", value: { x: [1] } }, { name: "KV", type: "unserved", value: "kv_namespaces" }]);
const builtin = (name: string): any => handlers.builtin(name);

test("which modules there are depends on the flags", () => {
  assert.equal(builtin("node:nothing"), undefined);
  init([]);
  assert.equal(builtin("node:path"), undefined);
  assert.equal(builtin("node:async_hooks"), undefined);
  init(["nodejs_als"]);
  assert.equal(builtin("node:path"), undefined);
  assert.equal(typeof builtin("node:async_hooks").AsyncLocalStorage, "function");
  init(["nodejs_compat", "nodejs_compat_populate_process_env"], [{ name: "A", type: "text", value: "a" }, { name: "J", type: "json", value: { x: [1] } }]);
});

test("every name of Node's own is there", () => {
  for (const name of ["assert", "buffer", "child_process", "crypto", "events", "fs", "fs/promises", "http", "net", "os", "path", "process", "stream", "stream/web", "url", "util", "zlib"]) {
    const ours = builtin(`node:${name}`);
    for (const key of Object.keys(real(name))) if (!key.startsWith("_")) assert.ok(key in ours, `${name}.${key}`);
    assert.ok(ours.default !== undefined, name);
  }
});

test("what is not available says so when it is used", () => {
  const fs = builtin("node:fs");
  const isMissing = (what: string) => (e: Error & { code?: string }) => e.code === "ERR_METHOD_NOT_IMPLEMENTED" && e.message === `${what} is not available yet.`;
  assert.throws(() => fs.readFileSync("x"), isMissing("node:fs.readFileSync"));
  assert.throws(() => fs.default.readFileSync("x"), isMissing("node:fs.readFileSync"));
  assert.throws(() => fs.promises.readFile("x"), isMissing("node:fs.promises.readFile"));
  assert.throws(() => new (builtin("node:net").Socket)(), isMissing("node:net.Socket"));
  assert.throws(() => builtin("node:assert").default(true), isMissing("node:assert"));
  class Extended extends builtin("node:stream").Transform {}
  assert.throws(() => new Extended(), isMissing("node:stream.Transform"));
  assert.equal(typeof builtin("node:stream").default.Readable, "function");
});

test("path", () => {
  const { posix } = builtin("node:path");
  const parts = ["a", "b.c", "..", ".", "", "/", "//", "a/", "/a", "a//b", "../x", ".hidden", "x.tar.gz", "a.", "..a", "/..", "é ü"];
  let seed = 1;
  const next = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const random = (): string => Array.from({ length: next(4) }, () => parts[next(parts.length)]).join(["", "/"][next(2)]);
  for (let i = 0; i < 4000; i++) {
    const a = random();
    const b = random();
    for (const f of ["normalize", "dirname", "basename", "extname", "isAbsolute"] as const) assert.equal(posix[f](a), realPath[f](a), `${f}(${JSON.stringify(a)})`);
    assert.equal(posix.basename(a, ".gz"), realPath.basename(a, ".gz"), `basename(${JSON.stringify(a)}, ".gz")`);
    assert.equal(posix.join(a, b), realPath.join(a, b), `join(${JSON.stringify([a, b])})`);
    assert.equal(posix.resolve("/root", a, b), realPath.resolve("/root", a, b), `resolve(${JSON.stringify([a, b])})`);
    assert.equal(posix.relative(`/${a}`, `/${b}`), realPath.relative(`/${a}`, `/${b}`), `relative(${JSON.stringify([a, b])})`);
    assert.deepEqual(posix.parse(a), realPath.parse(a), `parse(${JSON.stringify(a)})`);
    assert.equal(posix.format(posix.parse(a)), realPath.format(realPath.parse(a)), `format(${JSON.stringify(a)})`);
  }
  assert.throws(() => posix.join("a", 1), { code: "ERR_INVALID_ARG_TYPE", message: 'The "path" argument must be of type string. Received type number (1)' });
});

test("url", () => {
  const url = builtin("node:url");
  for (const path of ["/a b", "/a%b", "/a\\b?c#d", "/é/", "/a\nb\tc"]) {
    assert.equal(url.pathToFileURL(path).href, realUrl.pathToFileURL(path).href);
    assert.equal(url.fileURLToPath(url.pathToFileURL(path)), path);
  }
  for (const bad of ["http://x/", "file://host/a", "file:///a%2Fb"]) assert.throws(() => url.fileURLToPath(bad), (e: { code?: string }) => {
    let code: unknown;
    try {
      realUrl.fileURLToPath(bad);
    } catch (e) {
      code = (e as { code: unknown }).code;
    }
    return e.code === code;
  });
  const given = "https://user:p%40ss@[::1]:8080/a/b?c=d#e";
  assert.deepEqual({ ...url.urlToHttpOptions(new url.URL(given)) }, { protocol: "https:", hostname: "::1", hash: "#e", search: "?c=d", pathname: "/a/b", path: "/a/b?c=d", href: given, port: 8080, auth: "user:p@ss" });
});

/** Runs a story with both classes; what they log must be equal. */
function same(story: (EventEmitter: any, log: (...v: unknown[]) => void) => void): void {
  const logs = [realEvents, builtin("node:events").default].map((EventEmitter) => {
    const log: unknown[] = [];
    try {
      story(EventEmitter, (...v) => void log.push(v));
    } catch (e) {
      log.push([(e as Error).name, (e as Error).message, (e as { code?: string }).code]);
    }
    return log;
  });
  assert.deepEqual(logs[1], logs[0]);
  assert.ok(logs[0]!.length > 0);
}

test("events: order, removal, once, errors", () => {
  same((E, log) => {
    const e = new E();
    e.on("newListener", (n: string, l: Function) => log("new", n, l.name));
    e.on("removeListener", (n: string, l: Function) => log("removed", n, l.name));
    function a(this: unknown, ...v: unknown[]): void {
      log("a", this === e, v);
    }
    function b(): void {
      log("b");
      e.removeListener("x", a);
      e.on("x", c);
    }
    function c(): void {
      log("c");
    }
    e.on("x", b);
    e.on("x", a);
    e.prependListener("x", c);
    e.once("x", a);
    e.prependOnceListener("y", c);
    log(e.listenerCount("x"), e.listeners("x").map((l: Function) => l.name), e.rawListeners("x").length, e.eventNames());
    log(e.emit("x", 1, 2), e.emit("x"), e.emit("y"), e.emit("y"), e.emit("none"));
    log(e.listenerCount("x", a), e.listenerCount("x", c), e._eventsCount);
    e.removeAllListeners("x");
    e.off("nothing", a);
    log(e.eventNames());
    e.removeAllListeners();
    log(e.eventNames());
  });
  same((E, log) => {
    const e = new E();
    e.on(E.errorMonitor, (x: Error) => log("monitor", x.message));
    try {
      e.emit("error", new TypeError("mine"));
    } catch (x) {
      log((x as Error).message);
    }
    e.emit("error", { not: "an error" });
  });
  same((E) => new E().on("x", 5));
  same((E) => new E().setMaxListeners(-1));
  same((E, log) => {
    function Old(this: object): void {
      E.call(this);
    }
    Object.setPrototypeOf(Old.prototype, E.prototype);
    const e = new (Old as any)();
    e.on("x", () => log("old"));
    e.emit("x");
    log(Object.keys(e).filter((k) => k !== "_maxListeners"), e instanceof E, E.defaultMaxListeners, e.getMaxListeners(), E.EventEmitter === E);
  });
});

test("events: promises and iterators", async () => {
  const E = builtin("node:events").default;
  const e = new E();
  const got = E.once(e, "x");
  e.emit("x", 1, 2);
  assert.deepEqual(await got, [1, 2]);
  const failed = E.once(e, "x");
  e.emit("error", new Error("no"));
  await assert.rejects(failed, /no/);
  assert.deepEqual(e.eventNames(), []);
  const abort = new AbortController();
  const never = E.once(e, "x", { signal: abort.signal });
  abort.abort("why");
  await assert.rejects(never, { name: "AbortError", code: "ABORT_ERR", cause: "why" });
  const seen: unknown[] = [];
  e.emit("tick", 0);
  const loop = (async () => {
    for await (const [n] of E.on(e, "tick", { close: ["end"] })) seen.push(n);
  })();
  e.emit("tick", 1);
  e.emit("tick", 2);
  await Promise.resolve();
  e.emit("end");
  e.emit("tick", 3);
  await loop;
  assert.deepEqual(seen, [1, 2]);
  const target = new EventTarget();
  const fired = E.once(target, "ping");
  target.dispatchEvent(new Event("ping"));
  assert.equal((await fired)[0].type, "ping");
  const rejecting = new E({ captureRejections: true });
  const caught = E.once(rejecting, "error");
  rejecting.on("x", async () => {
    throw new Error("async");
  });
  rejecting.emit("x");
  assert.equal((await caught.catch((x: Error) => [x]))[0].message, "async");
});

test("util", async () => {
  const util = builtin("node:util");
  const read = (a: number, done: (e: Error | null, v?: number) => void): void => (a < 0 ? done(new Error("negative")) : done(null, a * 2));
  assert.equal(await util.promisify(read)(4), 8);
  await assert.rejects(util.promisify(read)(-1), /negative/);
  assert.equal(util.promisify.custom, realUtil.promisify.custom);
  const custom = Object.assign(() => {}, { [util.promisify.custom]: () => "custom" });
  assert.equal(util.promisify(custom)(), "custom");
  assert.deepEqual(await new Promise((done) => util.callbackify(async (x: number) => x + 1)(1, (...v: unknown[]) => done(v))), [null, 2]);
  assert.equal(util.format("%s=%d %j", "a", 1, { b: 2 }, "rest"), realUtil.format("%s=%d %j", "a", 1, { b: 2 }, "rest"));
  assert.equal(util.inspect({ a: [1, "x"], b: new Map([[1, 2]]) }), realUtil.inspect({ a: [1, "x"], b: new Map([[1, 2]]) }));
  assert.equal(util.stripVTControlCharacters("\u001b[31mred\u001b[0m"), "red");
  for (const v of [new Map(), new Date(), /x/, Promise.resolve(), new Uint8Array(1), new Proxy({}, {}), async () => {}, function* () {}, new Error(), new DataView(new ArrayBuffer(1)), Object(1), {}, 1, null]) {
    for (const name of Object.keys(util.types)) assert.equal(util.types[name](v), realUtil.types[name](v), `${name}(${realUtil.inspect(v)})`);
  }
  function Base(): void {}
  function Derived(): void {}
  util.inherits(Derived, Base);
  assert.ok(new (Derived as any)() instanceof Base);
  mock.reset();
  const old = util.deprecate(() => 7, "use something else", "DEP1");
  assert.equal(old() + old(), 14);
  assert.equal(mock.calls.filter(([name]) => name === "log").length, 1);
});

test("process", async () => {
  const process = builtin("node:process").default;
  assert.equal((globalThis as any).process, process);
  assert.equal(process.env.A, "a");
  assert.equal(process.env.J, '{"x":[1]}');
  assert.equal(process.env.KV, undefined);
  process.env["B"] = 5;
  assert.equal(process.env["B"], "5");
  assert.deepEqual(Object.keys(process.env), ["A", "J", "B"]);
  assert.ok(delete process.env["B"] && !("B" in process.env));
  const order: unknown[] = [];
  process.nextTick((...v: unknown[]) => order.push(v), 1, 2);
  order.push("now");
  await Promise.resolve();
  assert.deepEqual(order, ["now", [1, 2]]);
  assert.throws(() => process.exit(3), /process\.exit\(3\)/);
  assert.throws(() => process.kill(1), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
  assert.equal(Object.prototype.toString.call(process), "[object process]");
  process.once("x", (v: unknown) => order.push(v));
  assert.ok(process.emit("x", "event"));
  const [s, ns] = process.hrtime();
  assert.ok(Number.isInteger(s) && ns < 1e9 && typeof process.hrtime.bigint() === "bigint");
  assert.equal(process.getBuiltinModule("path"), builtin("node:path").default);
  (globalThis as any).process = "mine";
  assert.equal((globalThis as any).process, "mine");
  Object.defineProperty(globalThis, "process", { value: host, configurable: true, writable: true });
});
