// Which modules of Node.js there are, under nodejs_compat. A name that Node.js exports and the platform does not have yet is
// there all the same, so that a program which imports it but never comes to use it runs: calling it, or reading a property of
// it, throws an error with the code ERR_METHOD_NOT_IMPLEMENTED that names it.

import { hasCompatFlag } from "../bootstrap/modules.ts";
import { defineData, ObjectGetOwnPropertyDescriptor, Proxy, ReflectOwnKeys, StringPrototypeSlice, StringPrototypeSplit, StringPrototypeStartsWith } from "../bootstrap/primordials.ts";
import { atob, btoa } from "../web/base64.ts";
import { Blob, File } from "../web/blob.ts";
import { console } from "../web/console.ts";
import { crypto } from "../web/crypto.ts";
import { performance, PerformanceMark, PerformanceMeasure } from "../web/performance.ts";
import { PerformanceObserver, PerformanceObserverEntryList } from "../web/performance-observer.ts";
import { PerformanceEntry } from "../web/performance-timeline.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "../web/timers.ts";
import { asyncHooks } from "./async_hooks.ts";
import { notAvailable } from "./errors.ts";
import { addAbortListener, EventEmitter, getEventListeners, getMaxListeners, listenerCount, on, once, setMaxListeners } from "./events.ts";
import { nodeNames } from "./names.gen.ts";
import { posix } from "./path.ts";
import { nodeProcess, setBuiltinModules } from "./process.ts";
import { clearImmediate, promises as timerPromises, setImmediate } from "./timers.ts";
import { domainToASCII, fileURLToPath, pathToFileURL, URL, URLSearchParams, urlToHttpOptions } from "./url.ts";
import { callbackify, debuglog, deprecate, format, inherits, inspect, isArray, promisify, stripVTControlCharacters, TextDecoder, TextEncoder, toUSVString, types } from "./util.ts";

type Exports = { [name: string]: unknown };

/** What there is of a module; `default` if its default export is not the object of its exports. undefined: nothing. */
function provided(name: string): Exports | undefined {
  switch (name) {
    case "async_hooks":
      return asyncHooks();
    case "buffer":
      return { atob, Blob, btoa, File };
    case "console":
      return { ...(console as unknown as Exports) };
    case "crypto":
      return { webcrypto: crypto, subtle: crypto.subtle, randomUUID: () => crypto.randomUUID(), getRandomValues: (into: unknown) => (crypto.getRandomValues as (v: unknown) => unknown)(into) };
    case "events":
      return {
        default: EventEmitter,
        EventEmitter,
        addAbortListener,
        getEventListeners,
        getMaxListeners,
        listenerCount,
        on,
        once,
        setMaxListeners,
        errorMonitor: EventEmitter["errorMonitor"],
        captureRejectionSymbol: EventEmitter["captureRejectionSymbol"],
        captureRejections: false,
        defaultMaxListeners: 10,
        usingDomains: false,
      };
    case "path":
    case "path/posix":
      return { ...posix, posix: { ...posix } };
    case "perf_hooks":
      return { performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, PerformanceObserverEntryList };
    case "process":
      return { ...(nodeProcess() as Exports), default: nodeProcess() };
    case "stream/web":
      return webStreams();
    case "timers":
      return { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout, promises: timerPromises };
    case "timers/promises":
      return { ...timerPromises };
    case "url":
      return { domainToASCII, fileURLToPath, pathToFileURL, URL, URLSearchParams, urlToHttpOptions };
    case "util":
      return { callbackify, debug: debuglog, debuglog, deprecate, format, inherits, inspect, isArray, promisify, stripVTControlCharacters, TextDecoder, TextEncoder, toUSVString, types: { ...types } };
    case "util/types":
      return { ...types };
    default:
      return undefined;
  }
}

function webStreams(): Exports {
  const out: Exports = {};
  const names = StringPrototypeSplit(nodeNames["stream/web"]!, " ");
  for (let i = 0; i < names.length; i++) {
    const d = ObjectGetOwnPropertyDescriptor(globalThis, names[i]!);
    if (d !== undefined && "value" in d) out[names[i]!] = d.value;
  }
  return out;
}

/** Stands for a function or class that is not available: it can be imported, extended and tested for. */
function missingFunction(what: string, name: string): unknown {
  const f = function (): never {
    throw notAvailable(what);
  };
  defineData(f, "name", name, false, false, true);
  return f;
}

/** Stands for an object that is not available. */
function missingObject(what: string): unknown {
  return new Proxy(
    { __proto__: null },
    {
      __proto__: null,
      get(_target, property) {
        if (typeof property === "symbol" || property === "then" || property === "constructor") return undefined;
        throw notAvailable(`${what}.${property}`);
      },
    } as ProxyHandler<object>,
  );
}

const made: { [name: string]: Exports | undefined } = { __proto__: null as never };

/** The exports of "node:…"; undefined if Node.js has no such module, or the worker's flags allow none. */
export function nodeModule(specifier: string): Exports | undefined {
  const name = StringPrototypeStartsWith(specifier, "node:") ? StringPrototypeSlice(specifier, 5) : specifier;
  if (!hasCompatFlag("nodejs_compat")) return undefined;
  const listed = nodeNames[name];
  if (listed === undefined) return undefined;
  return (made[name] ??= assemble(name, listed));
}

function assemble(name: string, listed: string): Exports {
  const there = provided(name) ?? {};
  const exports: Exports = { __proto__: null as never };
  const keys = ReflectOwnKeys(there) as string[];
  for (let i = 0; i < keys.length; i++) exports[keys[i]!] = there[keys[i]!];
  const names = StringPrototypeSplit(listed, " ");
  for (let i = 0; i < names.length; i++) {
    const isObject = StringPrototypeStartsWith(names[i]!, ".");
    const key = isObject ? StringPrototypeSlice(names[i]!, 1) : names[i]!;
    if (!(key in exports)) exports[key] = isObject ? missingObject(`node:${name}.${key}`) : missingFunction(`node:${name}.${key}`, key);
  }
  if (!("default" in exports)) {
    const all: Exports = {};
    const own = ReflectOwnKeys(exports) as string[];
    for (let i = 0; i < own.length; i++) all[own[i]!] = exports[own[i]!];
    // Some modules are functions themselves, of the same name: assert(), and the class of node:stream.
    exports["default"] = name === "assert" || name === "assert/strict" || name === "stream" ? callable(name, all) : all;
  }
  return exports;
}

function callable(name: string, members: Exports): unknown {
  const f = missingFunction(`node:${name}`, name) as object;
  const keys = ReflectOwnKeys(members) as string[];
  for (let i = 0; i < keys.length; i++) if (keys[i] !== "name") defineData(f, keys[i]!, members[keys[i]!], true, true, true);
  return f;
}

setBuiltinModules((id) => nodeModule(id)?.["default"]);
