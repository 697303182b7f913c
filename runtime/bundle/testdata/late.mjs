// Evaluates a bundle in a realm of its own, serves one request, then breaks everything in that realm that a worker can
// reach, and loads every lazy group. Prints what happened as JSON. Run by lazy_test.go: node late.mjs BUNDLE
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { mock } from "../../testing/mock-native.ts";

const report = { groups: [], loadedBySmallWorker: [], cut: 0, touched: [], failed: [] };
let context = vm.createContext({});
let realm = vm.runInContext("globalThis", context);

let source = readFileSync(process.argv[2], "utf8");
report.groups = [...source.matchAll(/^function load\$(\w+)\(/gm)].map((match) => match[1]);
// The test looks inside: which groups are there, and their loaders.
const inside = report.groups.map((name) => `${name}: { load: load$${name}, loaded: () => lazy$${name} !== undefined }`);
source = source.replace("built$ = true;\n", `built$ = true;\n__native.inside({ ${inside.join(", ")} });\n`);

let groups;
let make;
const native = {
  ...mock.native,
  inside(all) {
    groups = all;
  },
  setMaker(f) {
    make = f;
  },
  defineLazy(target, name, enumerable) {
    const define = (value) => void Reflect.defineProperty(target, name, { value, writable: true, enumerable, configurable: true });
    Object.defineProperty(target, name, { get: () => (define(make(name)), target[name]), set: define, enumerable, configurable: true });
  },
};
vm.runInContext(source, context)(native);
let { handlers } = mock;

// ---- a small worker
mock.reset(); // The layer rehearses a request while the snapshot is made.
const config = JSON.stringify({ name: "w", compatDate: "2026-01-01", compatFlags: ["nodejs_compat"], dev: false, env: [] });
handlers.init(config);
const worker = vm.runInContext('({ fetch: (r) => new Response("hi " + r.url + r.headers.get("host"), { headers: { a: "b" } }) })', context);
handlers.start({ default: worker });
handlers.fetch(2, "GET", "http://x/", 0, 0);
handlers.eventKilled(2);
handlers.timer(1);
handlers.streamData(4, new Uint8Array(1));
handlers.streamCancelled(1, "");
if (mock.calls.filter((call) => call[0] === "respond").length !== 1) report.failed.push("the small worker did not answer");
for (const name of report.groups) if (groups[name].loaded()) report.loadedBySmallWorker.push(name);

// ---- one that runs out of stack while a group is loaded, again and again, and then uses it
for (const name of report.groups) groups[name].shallow = (depth) => {
  try {
    groups[name].shallow(depth + 1);
  } catch {
    // Here and a little less deep: each time the group gets further.
    if (groups[name].loaded()) return;
    try {
      groups[name].load();
    } catch (e) {
      report.cut++;
      throw e;
    }
  }
};
for (const name of report.groups) groups[name].shallow(0);
vm.runInContext(
  `{
    const c = new AbortController();
    let heard = 0;
    const target = new EventTarget();
    target.addEventListener("x", () => heard++, { signal: c.signal });
    target.dispatchEvent(new Event("x"));
    c.abort();
    target.dispatchEvent(new Event("x"));
    if (heard !== 1) throw new Error("events and signals do not know each other");
    const form = new FormData();
    form.append("a", new File(["b"], "f"));
    if (form.get("a").size !== 1 || new Blob([form.get("a"), "c"]).size !== 2) throw new Error("forms and blobs do not know each other");
    if (!(new Response(new ReadableStream()).body instanceof ReadableStream)) throw new Error("bodies and streams do not know each other");
    if (new TransformStream().readable.pipeThrough(new TransformStream()).locked) throw new Error("the parts of streams do not know each other");
  }`,
  context,
);

// ---- a hostile one, in a fresh realm
context = vm.createContext({});
realm = vm.runInContext("globalThis", context);
mock.handlers = undefined;
vm.runInContext(source, context)(native);
({ handlers } = mock);
handlers.init(config);
const broken = new Set([Object.prototype, Function.prototype]); // Not those of this realm, which some of V8's functions have.
function breakMembers(path, o) {
  if ((typeof o !== "object" && typeof o !== "function") || o === null || broken.has(o)) return;
  broken.add(o);
  const members = [];
  for (const key of Reflect.ownKeys(o)) {
    const d = Reflect.getOwnPropertyDescriptor(o, key);
    const at = `${path}.${String(key)}`;
    if ("value" in d) members.push([at, d.value]);
    else members.push([at, d.get]);
    if (!d.configurable && !d.writable) continue;
    const trap = function () {
      report.touched.push(at);
      throw new Error(`${at} was touched`);
    };
    if ("value" in d && typeof d.value !== "function") continue;
    if (d.configurable) Reflect.defineProperty(o, key, "value" in d ? { value: trap, writable: true, enumerable: d.enumerable, configurable: true } : { get: trap, set: trap, enumerable: d.enumerable, configurable: true });
    else o[key] = trap;
  }
  for (const [at, value] of members) breakMembers(at, value);
  breakMembers(`${path}.__proto__`, Reflect.getPrototypeOf(o));
}
const intrinsics = vm.runInContext(
  `({ __proto__: null, Object, Function, Array, String, Number, Boolean, Symbol, BigInt, RegExp, Date, Map, Set, WeakMap, WeakSet, WeakRef, Promise,
     ArrayBuffer, DataView, Uint8Array, Error, TypeError, RangeError, EvalError, Math, JSON, Reflect, Proxy, Intl, Iterator,
     iterators: [[][Symbol.iterator](), new Map().entries(), new Set().values(), ""[Symbol.iterator](), (function* () {})(), (async function* () {})()] })`,
  context,
);
for (const key of Reflect.ownKeys(intrinsics)) breakMembers(key, intrinsics[key]);
for (const name of ["Object", "Array", "String", "Map", "Set", "WeakMap", "Symbol", "Reflect", "Promise", "Error", "TypeError", "Uint8Array", "Math", "JSON"]) delete realm[name];
// What property descriptors and dictionaries would inherit.
for (const name of ["get", "set", "value", "writable", "enumerable", "configurable", "cause", "name", "bubbles", "cancelable"]) {
  Reflect.defineProperty(Reflect.getPrototypeOf(intrinsics.iterators[0] && vm.runInContext("({})", context)), name, {
    get() {
      report.touched.push(`Object.prototype.${name}`);
      return undefined;
    },
    configurable: true,
  });
}
for (const name of report.groups) {
  try {
    groups[name].load();
  } catch (e) {
    report.failed.push(`${name}: ${e?.message ?? e}`);
  }
}
for (const specifier of ["cloudflare:workers", "node:async_hooks", "node:util", "node:events", "node:process", "node:path", "node:fs"]) {
  try {
    if (handlers.builtin(specifier) === undefined) report.failed.push(`${specifier} is not there`);
  } catch (e) {
    report.failed.push(`${specifier}: ${e?.message ?? e}`);
  }
}
process.stdout.write(JSON.stringify(report));
