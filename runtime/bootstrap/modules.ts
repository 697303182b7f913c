// What a worker is made of besides its own modules: its configuration, its environment, and the built-in modules it may
// import.

import type { EnvEntry, WorkerConfig } from "./native.ts";
import { append, ArrayPrototypeIncludes, defineData, JSONParse, StringPrototypeSlice } from "./primordials.ts";
import { unserved } from "./unserved.ts";

let config: WorkerConfig | undefined;

/** Bindings by name: the env of every handler, the same object each time. Filled by setConfig. */
export const env: { [name: string]: unknown } = {};

/** handlers.init: text is a WorkerConfig. */
export function setConfig(text: string): void {
  config = JSONParse(text) as WorkerConfig;
  defineEnvironment(env);
  if (config.script === true) defineEnvironment(globalThis);
}

/** Defines every binding as a property of target, over what is there. */
export function defineEnvironment(target: object): void {
  const entries = config?.env ?? [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    defineData(target, entry.name, entry.type === "unserved" ? unserved(entry.name, entry.value) : entry.value, true, true, true);
  }
}

/** The text and JSON variables, in the order of the project file. */
export function variables(): readonly EnvEntry[] {
  const out: EnvEntry[] = [];
  const entries = config?.env ?? [];
  for (let i = 0; i < entries.length; i++) if (entries[i]!.type !== "unserved") append(out, entries[i]!);
  return out;
}

/** Whether a compatibility flag is on, by name, by date or by implication. Only the flags that internal/compat lists as honoured are known here. */
export function hasCompatFlag(name: string): boolean {
  return config !== undefined && ArrayPrototypeIncludes(config.compatFlags, name);
}

/** All compatibility flags: a bit for each name of cloudflare/compat-names.gen.ts, in hexadecimal digits. */
export function compatBits(): string {
  const all = config?.compatFlags ?? [];
  for (let i = 0; i < all.length; i++) if (all[i]![0] === "#") return StringPrototypeSlice(all[i]!, 1);
  return "";
}

/** What makes the exports of a built-in module, and what it has made. */
interface Builtin {
  readonly make: () => Record<string, unknown>;
  exports: Record<string, unknown> | undefined;
}
const builtins: { [specifier: string]: Builtin | undefined } = { __proto__: null as never };

/** Makes a module importable under these names. At snapshot time. */
export function registerBuiltin(names: readonly string[], make: () => Record<string, unknown>): void {
  const entry = { make, exports: undefined };
  for (let i = 0; i < names.length; i++) builtins[names[i]!] = entry;
}

/** handlers.builtin. */
export function builtin(specifier: string): Record<string, unknown> | undefined {
  const entry = builtins[specifier];
  return entry === undefined ? undefined : (entry.exports ??= entry.make());
}
