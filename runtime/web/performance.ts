// Performance (https://w3c.github.io/hr-time/), with the least of User Timing (https://w3c.github.io/user-timing/).
// Deviations, as on the Workers platform: timeOrigin is 0, so now() counts from the epoch and stands still while code
// runs; marks and measures are returned but not kept, since an isolate may live for weeks.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { currentEvent } from "../bootstrap/context.ts";
import { native } from "../bootstrap/native.ts";
import { ArrayPrototypeIncludes, ArrayPrototypePush, ArrayPrototypeShift, ArrayPrototypeSort } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, requireArguments, toDictionary, toDOMString, toDouble, typeError } from "../bootstrap/webidl.ts";
import { DOMException } from "./domexception.ts";
import { EventTarget } from "./events/target.ts";
import { structuredCloneValue } from "./structured-clone.ts";

const construct = {};

// Wall clock minus monotonic clock, fixed at the first look inside an event: now() never goes back afterwards.
let origin: number | undefined;

/** Monotonic ms since the epoch. */
export function performanceNow(): number {
  if (origin === undefined) {
    if (currentEvent() === undefined) return native.now();
    origin = native.now() - native.monotonic();
  }
  return origin + native.monotonic();
}

interface EntryParts {
  name: string;
  entryType: string;
  startTime: number;
  duration: number;
  detail: unknown;
}

let partsOf: (entry: PerformanceEntry) => EntryParts;

export class PerformanceEntry {
  #parts: EntryParts;
  static {
    partsOf = (entry) => entry.#parts;
  }
  constructor(key: unknown = undefined, parts: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#parts = parts as EntryParts;
  }
  get name(): string {
    return this.#parts.name;
  }
  get entryType(): string {
    return this.#parts.entryType;
  }
  get startTime(): number {
    return this.#parts.startTime;
  }
  get duration(): number {
    return this.#parts.duration;
  }
  toJSON(): object {
    const { name, entryType, startTime, duration } = this.#parts;
    return { name, entryType, startTime, duration };
  }
}
defineInterface(PerformanceEntry);
registerInspectable(PerformanceEntry, ["name", "entryType", "startTime", "duration"]);

/** A detail is cloned when the entry is made; null if there is none. */
function cloneDetail(detail: unknown): unknown {
  return detail === undefined || detail === null ? null : structuredCloneValue(detail);
}

function startOf(v: unknown, context: string): number {
  const t = toDouble(v, context);
  if (t < 0) throw typeError(context, "a time must not be negative.");
  return t;
}

export class PerformanceMark extends PerformanceEntry {
  #detail: unknown;
  constructor(markName: unknown, markOptions: unknown = undefined) {
    const context = "PerformanceMark constructor";
    requireArguments(arguments.length, 1, context);
    const name = toDOMString(markName);
    const options = toDictionary<{ detail: unknown; startTime: unknown }>(markOptions, context);
    const detail = options?.detail;
    const start = options?.startTime;
    const startTime = start === undefined ? performanceNow() : startOf(start, context);
    super(construct, { name, entryType: "mark", startTime, duration: 0 });
    this.#detail = cloneDetail(detail);
  }
  get detail(): unknown {
    return this.#detail;
  }
  override toJSON(): object {
    const { name, entryType, startTime, duration } = partsOf(this);
    return { name, entryType, startTime, duration, detail: this.#detail };
  }
}
defineInterface(PerformanceMark);
registerInspectable(PerformanceMark, ["detail"]);

export class PerformanceMeasure extends PerformanceEntry {
  #detail: unknown;
  constructor(key: unknown = undefined, parts: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    super(key, parts);
    this.#detail = (parts as EntryParts).detail;
  }
  get detail(): unknown {
    return this.#detail;
  }
  override toJSON(): object {
    const { name, entryType, startTime, duration } = partsOf(this);
    return { name, entryType, startTime, duration, detail: this.#detail };
  }
}
defineInterface(PerformanceMeasure);
registerInspectable(PerformanceMeasure, ["detail"]);

/** Entries that an isolate remembers; the oldest are dropped. */
export const entriesMax = 1000;

/** Kept in the order they were made, which is that of getEntries for equal start times. */
let entries: PerformanceEntry[] = [];

function keep<E extends PerformanceEntry>(entry: E): E {
  if (entries.length >= entriesMax) ArrayPrototypeShift(entries);
  ArrayPrototypePush(entries, entry);
  return entry;
}

function select(name: string | undefined, type: string | undefined): PerformanceEntry[] {
  const out: PerformanceEntry[] = [];
  for (let i = 0; i < entries.length; i++) {
    const e = entries[i]!;
    const parts = partsOf(e);
    if ((name === undefined || parts.name === name) && (type === undefined || parts.entryType === type)) ArrayPrototypePush(out, e);
  }
  return ArrayPrototypeSort(out, (a, b) => partsOf(a).startTime - partsOf(b).startTime);
}

function clearEntries(type: string, name: unknown): void {
  const wanted = name === undefined ? undefined : toDOMString(name);
  const rest: PerformanceEntry[] = [];
  for (let i = 0; i < entries.length; i++) {
    const e = entries[i]!;
    const parts = partsOf(e);
    if (parts.entryType !== type || (wanted !== undefined && parts.name !== wanted)) ArrayPrototypePush(rest, e);
  }
  entries = rest;
}

// Attributes of PerformanceTiming, which only a Window has.
const timingAttributes = [
  "connectEnd", "connectStart", "domComplete", "domContentLoadedEventEnd", "domContentLoadedEventStart", "domInteractive", "domLoading",
  "domainLookupEnd", "domainLookupStart", "fetchStart", "loadEventEnd", "loadEventStart", "navigationStart", "redirectEnd", "redirectStart",
  "requestStart", "responseEnd", "responseStart", "secureConnectionStart", "unloadEventEnd", "unloadEventStart",
];

/** A time given as a number or as the name of a mark (§3.1.3, "convert a mark to a timestamp"). */
function timeOf(mark: unknown, context: string): number {
  if (typeof mark === "number") return startOf(mark, context);
  const name = toDOMString(mark);
  if (ArrayPrototypeIncludes(timingAttributes, name)) throw typeError(context, `"${name}" is a time of a page, of which there is none.`);
  for (let i = entries.length - 1; i >= 0; i--) {
    const e = partsOf(entries[i]!);
    if (e.entryType === "mark" && e.name === name) return e.startTime;
  }
  throw new DOMException(`${context}: there is no mark named "${name}".`, "SyntaxError");
}

export class Performance extends EventTarget {
  #brand = true;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    super();
  }

  now(): number {
    void this.#brand;
    return performanceNow();
  }
  get timeOrigin(): number {
    void this.#brand;
    return 0;
  }
  toJSON(): object {
    void this.#brand;
    return { timeOrigin: 0 };
  }

  mark(markName: unknown, markOptions: unknown = undefined): PerformanceMark {
    void this.#brand;
    requireArguments(arguments.length, 1, "Performance.mark");
    return keep(new PerformanceMark(markName, markOptions));
  }

  measure(measureName: unknown, startOrOptions: unknown = undefined, endMark: unknown = undefined): PerformanceMeasure {
    void this.#brand;
    const context = "Performance.measure";
    requireArguments(arguments.length, 1, context);
    const name = toDOMString(measureName);
    let start: unknown = startOrOptions;
    let end: unknown = endMark;
    let duration: unknown;
    let detail: unknown;
    if (typeof startOrOptions === "object" && startOrOptions !== null) {
      const o = startOrOptions as { detail?: unknown; duration?: unknown; end?: unknown; start?: unknown };
      ({ detail, duration, end, start } = o);
      const given = detail !== undefined || duration !== undefined || end !== undefined || start !== undefined;
      if (given && endMark !== undefined) throw typeError(context, "an end mark must not be given together with options.");
      if (given && start === undefined && end === undefined) throw typeError(context, "options need start or end.");
      if (start !== undefined && duration !== undefined && end !== undefined) throw typeError(context, "options must not have all of start, duration and end.");
      if (!given) end = endMark;
    }
    const length = duration === undefined ? undefined : startOf(duration, context);
    const endTime = end !== undefined ? timeOf(end, context) : start !== undefined && length !== undefined ? timeOf(start, context) + length : performanceNow();
    const startTime = start !== undefined ? timeOf(start, context) : length !== undefined ? endTime - length : 0;
    return keep(new PerformanceMeasure(construct, { name, entryType: "measure", startTime, duration: endTime - startTime, detail: cloneDetail(detail) }));
  }

  clearMarks(markName: unknown = undefined): void {
    void this.#brand;
    clearEntries("mark", markName);
  }
  clearMeasures(measureName: unknown = undefined): void {
    void this.#brand;
    clearEntries("measure", measureName);
  }
  getEntries(): PerformanceEntry[] {
    void this.#brand;
    return select(undefined, undefined);
  }
  getEntriesByType(type: unknown): PerformanceEntry[] {
    void this.#brand;
    requireArguments(arguments.length, 1, "Performance.getEntriesByType");
    return select(undefined, toDOMString(type));
  }
  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    void this.#brand;
    requireArguments(arguments.length, 1, "Performance.getEntriesByName");
    return select(toDOMString(name), type === undefined ? undefined : toDOMString(type));
  }
}
defineInterface(Performance);

export const performance: Performance = new Performance(construct);
