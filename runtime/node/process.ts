// process and node:process (https://nodejs.org/api/process.html), as far as a worker has a process: what programs ask to know
// where they are, its environment, and nextTick. It is an EventEmitter, but nothing emits on it: exceptions and rejections
// that nobody handles are events of the global scope.
//
// What is said of the version is what the Workers platform says, since programs decide by it.

import { currentFrame, runInFrame } from "../bootstrap/context.ts";
import { hasCompatFlag, variables } from "../bootstrap/modules.ts";
import { native } from "../bootstrap/native.ts";
import { ArrayIsArray, BigInt, defineData, JSONStringify, MathFloor, NumberIsInteger, ObjectCreate, ObjectDefineProperty, Proxy, ReflectOwnKeys, SymbolToStringTag, TypeError } from "../bootstrap/primordials.ts";
import { LogLevel } from "../bootstrap/wire.gen.ts";
import { writeLog } from "../web/log.ts";
import { queueMicrotask } from "../web/microtask.ts";
import { invalidArgType, notAvailable, outOfRange, requireFunction, requireString } from "./errors.ts";
import { EventEmitter } from "./events.ts";

/** The version of Node.js whose behaviour the platform says it has. */
const nodeVersion = "22.19.0";

/** Environment variables: whatever is assigned becomes a string, as in Node.js. */
function makeEnvironment(): object {
  const values: { [name: string]: string } = {};
  if (hasCompatFlag("nodejs_compat_populate_process_env")) {
    const all = variables();
    for (let i = 0; i < all.length; i++) defineData(values, all[i]!.name, all[i]!.type === "text" ? all[i]!.value : JSONStringify(all[i]!.value), true, true, true);
  }
  return new Proxy(values, {
    __proto__: null,
    set(target, name, value) {
      if (typeof name === "symbol" || typeof value === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
      defineData(target, name, `${value as unknown as string}`, true, true, true);
      return true;
    },
    defineProperty(target, name, descriptor) {
      if (!("value" in descriptor) || descriptor.configurable !== true || descriptor.writable !== true || descriptor.enumerable !== true) {
        throw invalidArgType("descriptor", "a configurable, writable and enumerable data descriptor", descriptor);
      }
      defineData(target, name, `${descriptor.value as string}`, true, true, true);
      return true;
    },
  } as ProxyHandler<{ [name: string]: string }>);
}

const nanosecondsOf = (): number => MathFloor(native.now() * 1e6);

/** When the process object was made, in ms of native.now(): what uptime counts from. */
let begun = 0;

function hrtime(time?: unknown): [number, number] {
  const now = nanosecondsOf();
  let seconds = MathFloor(now / 1e9);
  let nanoseconds = now % 1e9;
  if (time !== undefined) {
    if (!ArrayIsArray(time)) throw invalidArgType("time", "an instance of Array", time);
    if (time.length !== 2) throw outOfRange("time", "2", time.length);
    seconds -= time[0] as number;
    nanoseconds -= time[1] as number;
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += 1e9;
    }
  }
  return [seconds, nanoseconds];
}
hrtime.bigint = (): bigint => BigInt(nanosecondsOf());

const members = {
  title: "workerd",
  version: `v${nodeVersion}`,
  versions: { node: nodeVersion },
  arch: "x64",
  platform: "linux",
  release: { name: "node", lts: true },
  argv: ["workerd"],
  argv0: "workerd",
  execArgv: [],
  execPath: "",
  pid: 1,
  ppid: 0,
  exitCode: undefined,
  features: { inspector: false, debug: false, uv: false, ipv6: true, tls_alpn: true, tls_sni: true, tls_ocsp: true, tls: true, cached_builtins: true, require_module: false, typescript: false },
  hrtime,
  nextTick(callback: unknown, ...args: unknown[]): void {
    requireFunction(callback, "callback");
    const frame = currentFrame();
    queueMicrotask(() => void runInFrame(frame, callback as never, undefined, args));
  },
  cwd: (): string => "/bundle",
  umask: (_mask?: unknown): number => 0o022,
  uptime: (): number => (native.now() - begun) / 1000,
  emitWarning(warning: unknown, options?: unknown, code?: unknown): void {
    const type = typeof options === "string" ? options : ((options as { type?: unknown } | undefined)?.type ?? "Warning");
    const tag = typeof code === "string" ? code : (options as { code?: unknown } | undefined)?.code;
    const shown = typeof warning === "string" ? `${type as string}: ${warning}` : `${warning as string}`;
    writeLog(LogLevel.warn, tag === undefined ? shown : `[${tag as string}] ${shown}`);
  },
  exit(code: unknown = 0): never {
    throw new TypeError(`process.exit(${NumberIsInteger(code as number) ? (code as number) : ""}) was called: a worker has no process of its own to end.`);
  },
  getBuiltinModule(name: unknown): unknown {
    requireString(name, "id");
    return moduleOf(name);
  },
  memoryUsage: (): object => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
};

/** What process.getBuiltinModule finds; set by modules.ts, which knows them all. */
let moduleOf: (name: string) => unknown = () => undefined;
export function setBuiltinModules(find: (name: string) => unknown): void {
  moduleOf = find;
}

const missing = ["abort", "binding", "chdir", "dlopen", "kill", "loadEnvFile", "cpuUsage", "resourceUsage", "getActiveResourcesInfo", "setUncaughtExceptionCaptureCallback", "hasUncaughtExceptionCaptureCallback"];

let made: object | undefined;

/** The one process object of an isolate. */
export function nodeProcess(): object {
  if (made !== undefined) return made;
  begun = native.now();
  const prototype = ObjectCreate(EventEmitter.prototype);
  defineData(prototype, SymbolToStringTag, "process", false, false, true);
  const self = ObjectCreate(prototype) as object;
  const names = ReflectOwnKeys(members) as string[];
  for (let i = 0; i < names.length; i++) defineData(self, names[i]!, (members as never as { [name: string]: unknown })[names[i]!], true, true, true);
  for (let i = 0; i < missing.length; i++) {
    const name = missing[i]!;
    defineData(
      self,
      name,
      () => {
        throw notAvailable(`process.${name}`);
      },
      true,
      true,
      true,
    );
  }
  defineData(self, "env", makeEnvironment(), true, true, true);
  ObjectDefineProperty(self, "constructor", { __proto__: null, value: undefined, enumerable: false } as PropertyDescriptor);
  made = self;
  return self;
}
