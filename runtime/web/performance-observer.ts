// PerformanceObserver (https://w3c.github.io/performance-timeline/#the-performanceobserver-interface) over marks and
// measures. Deviation: an observer that an event has made sees the entries of that event and goes with it; one that was
// made in global scope sees all of them, each in the event that made the entry.

import { currentEvent, type EventState } from "../bootstrap/context.ts";
import { reportException } from "../bootstrap/errors.ts";
import { append, ArrayPrototypeIncludes, FunctionPrototypeCall, ObjectFreeze } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, requireArguments, toCallback, toDictionary, toDOMString, toSequence, typeError } from "../bootstrap/webidl.ts";
import { DOMException } from "./domexception.ts";
import { addResource } from "./fetch/resources.ts";
import { bufferedEntries, droppedEntries, entriesMax, type PerformanceEntry, selectEntries } from "./performance-timeline.ts";
import { queueTask } from "./tasks.ts";

const construct = {};
const supported: readonly string[] = ObjectFreeze(["mark", "measure"]);

export class PerformanceObserverEntryList {
  readonly #entries: readonly PerformanceEntry[];

  constructor(key: unknown = undefined, entries: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#entries = entries as readonly PerformanceEntry[];
  }
  getEntries(): PerformanceEntry[] {
    return selectEntries([this.#entries], undefined, undefined);
  }
  getEntriesByType(type: unknown): PerformanceEntry[] {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, "PerformanceObserverEntryList.getEntriesByType");
    return selectEntries([entries], undefined, toDOMString(type));
  }
  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, "PerformanceObserverEntryList.getEntriesByName");
    return selectEntries([entries], toDOMString(name), type === undefined ? undefined : toDOMString(type));
  }
}
defineInterface(PerformanceObserverEntryList);

/** The registered observers, in the order of their first observe(). */
let first: Registration | undefined;
let last: Registration | undefined;

/** An observer as the timeline knows it. */
class Registration {
  readonly observer: PerformanceObserver;
  readonly callback: unknown;
  /** Undefined for one of global scope. */
  readonly event: EventState | undefined;
  /** Entry types that are observed. */
  types: string[] = [];
  buffer: PerformanceEntry[] = [];
  /** Entries that found the buffer full. */
  dropped = 0;
  /** The first callback after observe() is told how many entries it has missed. */
  requiresDropped = false;
  registered = false;
  /** A task that will call back is queued, and for which event. */
  queued: EventState | true | undefined;
  next: Registration | undefined;

  constructor(observer: PerformanceObserver, callback: unknown, event: EventState | undefined) {
    this.observer = observer;
    this.callback = callback;
    this.event = event;
  }

  register(): void {
    if (this.registered) return;
    this.registered = true;
    this.next = undefined;
    if (last === undefined) first = this;
    else last.next = this;
    last = this;
    if (this.event !== undefined) addResource(this.event, { eventEnded: () => this.unregister() });
  }

  unregister(): void {
    this.buffer = [];
    this.types = [];
    if (!this.registered) return;
    this.registered = false;
    let before: Registration | undefined;
    for (let r = first; r !== this && r !== undefined; r = r.next) before = r;
    if (before === undefined) first = this.next;
    else before.next = this.next;
    if (last === this) last = before;
  }

  add(entry: PerformanceEntry): void {
    if (this.buffer.length >= entriesMax) this.dropped++;
    else append(this.buffer, entry);
    this.schedule();
  }

  schedule(): void {
    const { queued } = this;
    if (queued !== undefined && (queued === true || !queued.ended)) return;
    this.queued = currentEvent() ?? true;
    queueTask(() => this.#callBack());
  }

  take(): PerformanceEntry[] {
    const entries = this.buffer;
    this.buffer = [];
    return entries;
  }

  #callBack(): void {
    this.queued = undefined;
    if (!this.registered || this.buffer.length === 0) return;
    const options: { droppedEntriesCount?: number } = {};
    if (this.requiresDropped) {
      this.requiresDropped = false;
      let dropped = this.dropped;
      for (let i = 0; i < this.types.length; i++) dropped += droppedEntries(this.types[i]!);
      options.droppedEntriesCount = dropped;
    }
    try {
      FunctionPrototypeCall(this.callback, this.observer, new PerformanceObserverEntryList(construct, this.take()), this.observer, options);
    } catch (e) {
      reportException(e);
    }
  }
}

/** Whether there is any observer. */
export const isObserved = (): boolean => first !== undefined;

/** Gives a new entry to the observers that want it. */
export function observe(entry: PerformanceEntry, type: string): void {
  const event = currentEvent();
  for (let r = first; r !== undefined; r = r.next) {
    if ((r.event === undefined || r.event === event) && ArrayPrototypeIncludes(r.types, type)) r.add(entry);
  }
}

export class PerformanceObserver {
  readonly #registration: Registration;
  #mode: "" | "single" | "multiple" = "";

  constructor(callback: unknown) {
    const context = "PerformanceObserver constructor";
    requireArguments(arguments.length, 1, context);
    this.#registration = new Registration(this, toCallback(callback, context), currentEvent());
  }

  static get supportedEntryTypes(): readonly string[] {
    return supported;
  }

  observe(options: unknown = undefined): void {
    const r = this.#registration;
    const context = "PerformanceObserver.observe";
    const d = toDictionary<{ buffered: unknown; entryTypes: unknown; type: unknown }>(options, context);
    const buffered = !!d?.buffered;
    const given = d?.entryTypes;
    const entryTypes = given === undefined ? undefined : toSequence(given, toDOMString, `${context}: entryTypes`);
    const one = d?.type;
    const type = one === undefined ? undefined : toDOMString(one);
    if (entryTypes === undefined && type === undefined) throw typeError(context, "options need entryTypes or type.");
    if (entryTypes !== undefined && type !== undefined) throw typeError(context, "options must not have both of entryTypes and type.");
    const mode = entryTypes === undefined ? "single" : "multiple";
    if (this.#mode !== "" && this.#mode !== mode) {
      throw new DOMException(`${context}: the observer was told to observe by ${this.#mode === "single" ? "type" : "entryTypes"} before.`, "InvalidModificationError");
    }
    this.#mode = mode;
    r.requiresDropped = true;
    if (entryTypes !== undefined) {
      const types: string[] = [];
      for (let i = 0; i < supported.length; i++) if (ArrayPrototypeIncludes(entryTypes, supported[i]!)) append(types, supported[i]!);
      if (types.length === 0) return;
      r.types = types;
      r.register();
      return;
    }
    if (!ArrayPrototypeIncludes(supported, type!)) return;
    if (!ArrayPrototypeIncludes(r.types, type!)) append(r.types, type!);
    r.register();
    if (!buffered) return;
    const past = bufferedEntries(type!);
    for (let i = 0; i < past.length; i++) append(r.buffer, past[i]!);
    if (past.length > 0) r.schedule();
  }

  disconnect(): void {
    this.#registration.unregister();
    this.#mode = "";
  }

  takeRecords(): PerformanceEntry[] {
    return this.#registration.take();
  }
}
defineInterface(PerformanceObserver);
