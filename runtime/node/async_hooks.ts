// The part of node:async_hooks that the Workers platform has: AsyncLocalStorage and AsyncResource
// (https://nodejs.org/api/async_context.html). Values live in the async frame, which V8 carries along with promises.
// Deviation: async ids are plain counters, as there are no hooks that could see them: what createHook makes is never called.

import { type AsyncFrame, currentFrame, runInFrame } from "../bootstrap/context.ts";
import { native } from "../bootstrap/native.ts";
import { defineData, FunctionPrototypeApply, Map, MapPrototypeDelete, MapPrototypeForEach, MapPrototypeGet, MapPrototypeGetSize, MapPrototypeHas, MapPrototypeSet, TypeError } from "../bootstrap/primordials.ts";
import { isObject, toCallback } from "../bootstrap/webidl.ts";

type AnyFunction = (...args: never[]) => unknown;

/** The current frame with one store set, or taken out. */
function frameWith(storage: object, set: boolean, value: unknown): AsyncFrame {
  const frame = currentFrame();
  const stores = new Map<object, unknown>();
  const before = frame?.stores;
  if (before !== undefined) MapPrototypeForEach(before as Map<object, unknown>, (v, k) => void MapPrototypeSet(stores, k, v));
  if (set) MapPrototypeSet(stores, storage, value);
  else MapPrototypeDelete(stores, storage);
  return { event: frame?.event, stores: MapPrototypeGetSize(stores) === 0 ? undefined : stores };
}

export class AsyncLocalStorage {
  #name: string;
  #default: unknown;

  constructor(options: unknown = undefined) {
    const { name, defaultValue } = (isObject(options) ? options : {}) as { name?: unknown; defaultValue?: unknown };
    this.#name = name === undefined ? "" : `${name as string}`;
    this.#default = defaultValue;
  }

  /** The function that calls fn in the context of this call of bind. */
  static bind(fn: unknown): AnyFunction {
    return bindTo(currentFrame(), toCallback<AnyFunction>(fn, "AsyncLocalStorage.bind"));
  }

  /** A function (fn, ...args) that calls fn in the context of this call of snapshot. */
  static snapshot(): (fn: AnyFunction, ...args: unknown[]) => unknown {
    const frame = currentFrame();
    return function (this: unknown, fn: AnyFunction, ...args: unknown[]): unknown {
      return runInFrame(frame, toCallback<AnyFunction>(fn, "AsyncLocalStorage.snapshot"), this, args);
    };
  }

  get name(): string {
    return this.#name;
  }

  getStore(): unknown {
    const stores = currentFrame()?.stores as Map<object, unknown> | undefined;
    if (stores === undefined || !MapPrototypeHas(stores, this)) return this.#default;
    return MapPrototypeGet(stores, this);
  }

  run(store: unknown, callback: unknown, ...args: unknown[]): unknown {
    void this.#default;
    const fn = toCallback<AnyFunction>(callback, "AsyncLocalStorage.run");
    return runInFrame(frameWith(this, true, store), fn, undefined, args);
  }

  exit(callback: unknown, ...args: unknown[]): unknown {
    void this.#default;
    const fn = toCallback<AnyFunction>(callback, "AsyncLocalStorage.exit");
    return runInFrame(frameWith(this, true, undefined), fn, undefined, args);
  }

  enterWith(store: unknown): void {
    void this.#default;
    native.setAsyncFrame(frameWith(this, true, store));
  }

  disable(): void {
    void this.#default;
    native.setAsyncFrame(frameWith(this, false, undefined));
  }
}

function bindTo(frame: AsyncFrame | undefined, fn: AnyFunction): AnyFunction {
  const bound = function (this: unknown, ...args: unknown[]): unknown {
    return runInFrame(frame, fn, this, args);
  };
  defineData(bound, "length", fn.length, false, false, true);
  return bound;
}

let lastAsyncId = 1;

export class AsyncResource {
  #frame: AsyncFrame | undefined;
  #asyncId: number;
  #triggerAsyncId: number;

  constructor(type: unknown, options: unknown = undefined) {
    if (typeof type !== "string") throw new TypeError('The "type" argument must be of type string.');
    const trigger = typeof options === "number" ? options : isObject(options) ? (options as { triggerAsyncId?: unknown }).triggerAsyncId : undefined;
    this.#frame = currentFrame();
    this.#asyncId = ++lastAsyncId;
    this.#triggerAsyncId = typeof trigger === "number" ? trigger : 1;
  }

  static bind(fn: unknown, type: unknown = undefined, thisArg: unknown = undefined): AnyFunction {
    const callback = toCallback<AnyFunction>(fn, "AsyncResource.bind");
    const resource = new AsyncResource(typeof type === "string" ? type : callback.name === "" ? "bound-anonymous-fn" : callback.name);
    return resource.bind(callback, thisArg);
  }

  asyncId(): number {
    return this.#asyncId;
  }
  triggerAsyncId(): number {
    return this.#triggerAsyncId;
  }
  emitDestroy(): this {
    void this.#asyncId;
    return this;
  }

  bind(fn: unknown, thisArg: unknown = undefined): AnyFunction {
    const callback = toCallback<AnyFunction>(fn, "AsyncResource.bind");
    if (thisArg === undefined) return bindTo(this.#frame, callback);
    return bindTo(this.#frame, (...args: unknown[]) => FunctionPrototypeApply(callback, thisArg, args));
  }

  runInAsyncScope(fn: unknown, thisArg: unknown = undefined, ...args: unknown[]): unknown {
    return runInFrame(this.#frame, toCallback<AnyFunction>(fn, "AsyncResource.runInAsyncScope"), thisArg, args);
  }
}

/** The exports of the module. */
export function asyncHooks(): Record<string, unknown> {
  const all: Record<string, unknown> = {
    AsyncLocalStorage,
    AsyncResource,
    asyncWrapProviders: { NONE: 0 },
    createHook(): object {
      return {
        enable(): unknown {
          return this;
        },
        disable(): unknown {
          return this;
        },
      };
    },
    executionAsyncId: () => 0,
    executionAsyncResource: () => ({}),
    triggerAsyncId: () => 0,
  };
  return { ...all, default: all };
}
