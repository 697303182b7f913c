// AbortController and AbortSignal (https://dom.spec.whatwg.org/#aborting-ongoing-activities).

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { defineInterface, illegalConstructor, illegalInvocation, isObject, requireArguments, toSequence, toUnsignedLongLong, typeError } from "../bootstrap/webidl.ts";
import { append, WeakRef, WeakRefPrototypeDeref } from "../bootstrap/primordials.ts";
import { DOMException } from "./domexception.ts";
import { Event } from "./events/event.ts";
import { defineEventHandler, dispatchTrusted, EventTarget, isListenedTo, onListenersChanged, reportException, setSignalOps } from "./events/target.ts";
import { setInternalTimeout } from "./timers.ts";

// ---- signals

type Algorithm = () => void;

/**
 * A signal that AbortSignal.any made, as its sources know it. They hold it weakly while nobody would notice its abort, so
 * that a signal that lives as long as the isolate does not gather the dependents of every request, and strongly while
 * somebody listens.
 */
interface Dependent {
  readonly weak: WeakRef<AbortSignal>;
  strong: AbortSignal | undefined;
}

const construct = {}; // The constructor is illegal for everybody without it.

let make: () => AbortSignal;
/** True for AbortSignal objects only. */
export let isAbortSignal: (v: unknown) => v is AbortSignal;
/** "Signal abort": reason undefined stands for a new AbortError. */
export let signalAbort: (signal: AbortSignal, reason?: unknown) => void;
/** Runs fn once when signal aborts, before its event; not at all if it has aborted already. */
export let addAbortAlgorithm: (signal: AbortSignal, fn: Algorithm) => void;
export let removeAbortAlgorithm: (signal: AbortSignal, fn: Algorithm) => void;
export let isAborted: (signal: AbortSignal) => boolean;
/** What a signal was aborted with. */
export let abortReason: (signal: AbortSignal) => unknown;
/** "Create a dependent abort signal". */
export let createDependentAbortSignal: (sources: readonly AbortSignal[]) => AbortSignal;

/** A signal that nothing aborts but signalAbort. */
export const createAbortSignal = (): AbortSignal => make();

const abortError = (): DOMException => new DOMException("The operation was aborted", "AbortError");

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #algorithms: Algorithm[] | undefined;
  // Of a signal that others depend on.
  #dependents: Dependent[] | undefined;
  #compactAt = 16;
  // Of a dependent signal.
  #sources: WeakRef<AbortSignal>[] | undefined;
  #self: Dependent | undefined;
  #ownAlgorithms = 0;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    super();
  }

  static abort(reason: unknown = undefined): AbortSignal {
    const signal = make();
    signal.#aborted = true;
    signal.#reason = reason === undefined ? abortError() : reason;
    return signal;
  }

  static timeout(milliseconds: unknown): AbortSignal {
    const context = "AbortSignal.timeout";
    requireArguments(arguments.length, 1, context);
    const ms = toUnsignedLongLong(milliseconds, context, { enforceRange: true });
    const signal = make();
    setInternalTimeout(() => signalAbort(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms);
    return signal;
  }

  static any(signals: unknown): AbortSignal {
    const context = "AbortSignal.any";
    requireArguments(arguments.length, 1, context);
    const list = toSequence<AbortSignal>(
      signals,
      (v) => {
        if (!isAbortSignal(v)) throw typeError(context, "An item is not an AbortSignal.");
        return v;
      },
      context,
    );
    return createDependentAbortSignal(list);
  }

  get aborted(): boolean {
    return this.#aborted;
  }
  get reason(): unknown {
    return this.#reason;
  }
  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  #addDependent(dependent: Dependent): void {
    const list = (this.#dependents ??= []);
    if (list.length >= this.#compactAt) {
      let kept = 0;
      for (let i = 0; i < list.length; i++) if (WeakRefPrototypeDeref(list[i]!.weak) !== undefined) list[kept++] = list[i]!;
      list.length = kept;
      this.#compactAt = kept < 8 ? 16 : kept * 2;
    }
    append(list, dependent);
  }

  #runAbortSteps(): void {
    const algorithms = this.#algorithms;
    this.#algorithms = undefined;
    if (algorithms !== undefined) {
      for (let i = 0; i < algorithms.length; i++) {
        try {
          algorithms[i]!();
        } catch (error) {
          reportException(error, this);
        }
      }
    }
    if (isListenedTo(this, "abort")) dispatchTrusted(this, new Event("abort"));
  }

  /** Strong while the abort would be seen, weak otherwise. */
  #updateStrength(listened: boolean): void {
    const self = this.#self;
    if (self !== undefined) self.strong = !this.#aborted && (listened || this.#ownAlgorithms > 0) ? this : undefined;
  }

  static {
    make = () => new AbortSignal(construct);
    isAbortSignal = (v): v is AbortSignal => isObject(v) && #aborted in v;
    signalAbort = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? abortError() : reason;
      const toAbort: AbortSignal[] = [];
      const dependents = signal.#dependents;
      signal.#dependents = undefined;
      if (dependents !== undefined) {
        for (let i = 0; i < dependents.length; i++) {
          const dependent = WeakRefPrototypeDeref(dependents[i]!.weak);
          dependents[i]!.strong = undefined;
          if (dependent === undefined || dependent.#aborted) continue;
          dependent.#aborted = true;
          dependent.#reason = signal.#reason;
          append(toAbort, dependent);
        }
      }
      signal.#runAbortSteps();
      for (let i = 0; i < toAbort.length; i++) toAbort[i]!.#runAbortSteps();
    };
    isAborted = (signal) => signal.#aborted;
    abortReason = (signal) => signal.#reason;
    addAbortAlgorithm = (signal, fn) => {
      if (signal.#aborted) return;
      append((signal.#algorithms ??= []), fn);
      signal.#ownAlgorithms++;
      if (signal.#self !== undefined) signal.#updateStrength(isListenedTo(signal, "abort"));
    };
    removeAbortAlgorithm = (signal, fn) => {
      const list = signal.#algorithms;
      if (list === undefined) return;
      for (let i = 0; i < list.length; i++) {
        if (list[i] !== fn) continue;
        for (let j = i + 1; j < list.length; j++) list[j - 1] = list[j]!;
        list.length--;
        signal.#ownAlgorithms--;
        if (signal.#self !== undefined) signal.#updateStrength(isListenedTo(signal, "abort"));
        return;
      }
    };
    createDependentAbortSignal = (sources) => {
      const result = make();
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i]!;
        if (source.#aborted) {
          result.#aborted = true;
          result.#reason = source.#reason;
          return result;
        }
      }
      const self: Dependent = { weak: new WeakRef(result), strong: undefined };
      result.#self = self;
      const roots: WeakRef<AbortSignal>[] = [];
      result.#sources = roots;
      const adopt = (root: AbortSignal): void => {
        for (let i = 0; i < roots.length; i++) if (WeakRefPrototypeDeref(roots[i]!) === root) return;
        append(roots, new WeakRef(root));
        root.#addDependent(self);
      };
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i]!;
        const inner = source.#sources;
        if (inner === undefined) adopt(source);
        else {
          for (let j = 0; j < inner.length; j++) {
            const root = WeakRefPrototypeDeref(inner[j]!);
            if (root !== undefined) adopt(root);
          }
        }
      }
      onListenersChanged(result, (type, any) => {
        if (type === "abort") result.#updateStrength(any);
      });
      return result;
    };
    setSignalOps({
      is: isAbortSignal,
      aborted: (v) => (v as AbortSignal).#aborted,
      add(v, fn) {
        addAbortAlgorithm(v as AbortSignal, fn);
        return () => removeAbortAlgorithm(v as AbortSignal, fn);
      },
    });
  }
}
defineInterface(AbortSignal);
registerInspectable(AbortSignal, ["aborted", "reason"]);
defineEventHandler(AbortSignal, "abort");

export class AbortController {
  readonly #signal = make();

  get signal(): AbortSignal {
    if (!(#signal in this)) illegalInvocation();
    return this.#signal;
  }
  abort(reason: unknown = undefined): void {
    if (!(#signal in this)) illegalInvocation();
    signalAbort(this.#signal, reason);
  }
}
defineInterface(AbortController);
