// What a worker is made of besides its own modules: its configuration, its environment, and the built-in modules it may
// import.

import type { WorkerConfig } from "./native.ts";
import { ArrayPrototypeIncludes, defineData, JSONParse, Map, MapPrototypeGet, MapPrototypeSet } from "./primordials.ts";

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
    const { name, value } = entries[i]!;
    defineData(target, name, value, true, true, true);
  }
}

/** Whether a compatibility flag is on. */
export function hasCompatFlag(name: string): boolean {
  return config !== undefined && ArrayPrototypeIncludes(config.compatFlags, name);
}

const builtins = new Map<string, Record<string, unknown>>();

/** Makes a module importable under these names. At snapshot time. */
export function registerBuiltin(names: readonly string[], exports: Record<string, unknown>): void {
  for (let i = 0; i < names.length; i++) MapPrototypeSet(builtins, names[i]!, exports);
}

/** handlers.builtin. */
export function builtin(specifier: string): Record<string, unknown> | undefined {
  return MapPrototypeGet(builtins, specifier);
}
