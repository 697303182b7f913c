// navigator, Cloudflare and scheduler.wait's arguments.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const { navigator, Navigator } = await import("./navigator.ts");
const { scheduler } = await import("./scheduler.ts");
const { cloudflare } = await import("../cloudflare/global.ts");
const { compatNames } = await import("../cloudflare/compat-names.gen.ts");
const { setConfig } = await import("../bootstrap/modules.ts");
const { runInFrame } = await import("../bootstrap/context.ts");
const { ReadableStream } = await import("./streams/readable.ts");

type Any = any;

test("navigator is that of the original platform", () => {
  assert.deepEqual([navigator.userAgent, navigator.hardwareConcurrency, navigator.language, navigator.platform], ["Cloudflare-Workers", 1, "en", ""]);
  assert.deepEqual(navigator.languages, ["en"]);
  assert.equal(navigator.languages, navigator.languages);
  assert.ok(Object.isFrozen(navigator.languages));
  assert.throws(() => new Navigator(), { name: "TypeError", message: "Illegal constructor" });
});

test("sendBeacon takes only what it can send", () => {
  const send = (...args: unknown[]) => (navigator.sendBeacon as Any).apply(navigator, args);
  assert.throws(() => send(), TypeError);
  assert.throws(() => send("/relative"), { name: "TypeError", message: "Navigator.sendBeacon: Invalid URL: /relative" });
  assert.throws(() => send("ftp://h/"), TypeError);
  assert.throws(() => send("http://h/", new ReadableStream()), TypeError);
});

test("Cloudflare.compatibilityFlags has every flag, and whether it is on", () => {
  const names = compatNames.trim().split(" ");
  const bits = names.map((name) => name === "nodejs_als" || name === names[0]);
  let text = "#";
  for (let i = 0; i < bits.length; i += 4) text += ((bits[i] ? 8 : 0) | (bits[i + 1] ? 4 : 0) | (bits[i + 2] ? 2 : 0) | (bits[i + 3] ? 1 : 0)).toString(16);
  setConfig(JSON.stringify({ name: "", compatDate: "", compatFlags: ["nodejs_als", text], dev: false, env: [] }));
  const flags = cloudflare.compatibilityFlags;
  assert.equal(flags, cloudflare.compatibilityFlags);
  assert.ok(Object.isFrozen(flags) && names.length > 150);
  assert.deepEqual(Object.keys(flags), names);
  assert.deepEqual(names.filter((name) => flags[name]), names.filter((_, i) => bits[i]));
});

test("scheduler.wait takes any number", async () => {
  const wait = (...args: unknown[]) => (scheduler.wait as Any).apply(scheduler, args);
  await assert.rejects(wait(), TypeError);
  await assert.rejects(wait(1n), TypeError);
  await assert.rejects(wait(1, 5), TypeError);
  const started: number[] = [];
  mock.native.timerStart = (_event: number, _id: number, delay: number) => void started.push(delay);
  const frame = { event: { id: 1, ended: false }, stores: undefined };
  for (const delay of [-1, "x", NaN, 7.5, Infinity]) void runInFrame(frame, wait as never, undefined, [delay]);
  assert.deepEqual(started.map((delay) => Math.min(delay, 0x7fffffff)), [0, 0, 0, 7.5, 0x7fffffff]);
});
