// What workers can see of the platform, against a golden list: every global of ours, and every property reachable from it
// by constructors, prototypes and static members, with its flags. A change of the list is a change of the API.
// SKERRY_UPDATE_GOLDEN=1 writes the list anew.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";

const before = new Map<string, unknown>();
for (const name of Object.getOwnPropertyNames(globalThis)) {
  const d = Object.getOwnPropertyDescriptor(globalThis, name)!;
  before.set(name, "value" in d ? d.value : d.get);
}
await import("./main.ts");

const golden = new URL("./globals.golden.txt", import.meta.url);

// Prototypes that are the language's own, and what hangs on them, are V8's business.
const intrinsic = new Set<unknown>([Object.prototype, Function.prototype, Error.prototype, Array.prototype, Object.getPrototypeOf(async function* () {}.prototype), Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype)), Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())), globalThis]);
for (const name of ["Object", "Function", "Error", "Array", "Symbol", "Promise", "Date", "Atomics", "WebAssembly", "Intl"]) intrinsic.add((globalThis as never)[name]);

function flags(d: PropertyDescriptor): string {
  return `${d.writable === true ? "w" : "-"}${d.enumerable === true ? "e" : "-"}${d.configurable === true ? "c" : "-"}`;
}

function describe(v: unknown): string {
  if (typeof v === "function") return `function ${v.name}/${v.length}`;
  if (typeof v === "object" && v !== null) return Object.prototype.toString.call(v);
  return `${typeof v} ${String(v)}`;
}

const globals = Object.getOwnPropertyNames(globalThis)
  .filter((name) => {
    const d = Object.getOwnPropertyDescriptor(globalThis, name)!;
    return !Object.is("value" in d ? d.value : d.get, before.get(name)) && name !== "Date" && name !== "Temporal";
  })
  .sort();

// Where a thing is listed: an interface under its name, whatever else leads to it.
const home = new Map<unknown, string>();
for (const name of globals) {
  const v = Object.getOwnPropertyDescriptor(globalThis, name)!.value as { prototype?: object } | undefined;
  if (typeof v !== "function") continue;
  home.set(v, name);
  if (v.prototype !== undefined) home.set(v.prototype, `${name}.prototype`);
}

const lines: string[] = [];
const seen = new Set<unknown>();

function walk(path: string, o: object): void {
  if (intrinsic.has(o) || seen.has(o) || (home.has(o) && home.get(o) !== path)) return;
  seen.add(o);
  const prototype = Object.getPrototypeOf(o) as object | null;
  if (prototype !== null && !intrinsic.has(prototype) && typeof o === "object") lines.push(`${path} inherits ${Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)?.value ?? "an object"}`);
  for (const key of Reflect.ownKeys(o)) {
    const d = Object.getOwnPropertyDescriptor(o, key)!;
    const at = typeof key === "symbol" ? `${path}[${key.description}]` : `${path}.${key}`;
    if (typeof o === "function" && (key === "length" || key === "name")) continue;
    if (d.get !== undefined || d.set !== undefined) {
      lines.push(`${at} ${flags(d)} ${d.get === undefined ? "" : "get "}${d.set === undefined ? "" : "set"}`.trimEnd());
      if (d.get !== undefined) walk(`${at}.get`, d.get);
      continue;
    }
    if (key !== "constructor") lines.push(`${at} ${flags(d)} ${describe(d.value)}`);
    if ((typeof d.value === "object" && d.value !== null) || typeof d.value === "function") walk(at, d.value as object);
  }
  if (prototype !== null) walk(`${path}.__proto__`, prototype);
}

for (const name of globals) {
  const d = Object.getOwnPropertyDescriptor(globalThis, name)!;
  lines.push("value" in d ? `${name} ${flags(d)} ${describe(d.value)}` : `${name} ${flags(d)} accessor`);
  if ((typeof d.value === "object" && d.value !== null) || typeof d.value === "function") walk(name, d.value as object);
}
walk("globalThis.__proto__", Object.getPrototypeOf(globalThis) as object);

test("the globals are those of the golden list", () => {
  const text = `${lines.join("\n")}\n`;
  if (process.env["SKERRY_UPDATE_GOLDEN"] === "1") writeFileSync(golden, text);
  assert.equal(text, readFileSync(golden, "utf8"));
});

test("names of functions are those they are found under", () => {
  for (const name of globals) {
    const v = (globalThis as never as Record<string, unknown>)[name];
    if (typeof v === "function") assert.equal(v.name, name);
  }
});

test("operations are no constructors", () => {
  for (const name of globals) {
    const v = (globalThis as never as Record<string, Function>)[name]!;
    if (typeof v === "function" && /^[a-z]/.test(name)) assert.ok(!("prototype" in v), name);
  }
});

test("nothing of the host can be reached", () => {
  assert.ok(!seen.has(mock.native));
  for (const key of Reflect.ownKeys(mock.native)) assert.ok(!seen.has((mock.native as never)[key]), String(key));
  for (const key of Reflect.ownKeys(mock.handlers!)) assert.ok(!seen.has((mock.handlers as never)[key]), String(key));
});

test("interfaces say what they are", () => {
  for (const name of globals) {
    const v = (globalThis as never as Record<string, { prototype?: object }>)[name];
    if (typeof v !== "function" || v.prototype === undefined || !/^[A-Z]/.test(name)) continue;
    assert.equal(Object.getOwnPropertyDescriptor(v.prototype, Symbol.toStringTag)?.value, name);
    assert.equal(Object.getOwnPropertyDescriptor(v, "prototype")!.writable, false);
  }
});
