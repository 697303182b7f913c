// Performance (https://w3c.github.io/hr-time/) with User Timing (https://w3c.github.io/user-timing/).
// Deviations, as on the Workers platform: timeOrigin is 0, so now() counts from the epoch and stands still while code
// runs; the timeline is that of the isolate, which may live for weeks, so only the latest entries are kept.

import { currentEvent } from "../bootstrap/context.ts";
import { registerInspectable } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { append, ArrayPrototypeIncludes, ArrayPrototypeShift, defineData } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, requireArguments, toDictionary, toDOMString, toDouble, typeError } from "../bootstrap/webidl.ts";
import { DOMException } from "./domexception.ts";
import { EventTarget } from "./events/target.ts";
import { isObserved, observe } from "./performance-observer.ts";
import { type Buffer, bufferOf, entriesMax, entryKey, entryToObject, marks, measures, partsOf, PerformanceEntry, selectEntries, setId } from "./performance-timeline.ts";
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
    super(entryKey, { name, entryType: "mark", startTime, duration: 0 });
    this.#detail = cloneDetail(detail);
  }
  get detail(): unknown {
    return this.#detail;
  }
  override toJSON(): object {
    const detail = this.#detail;
    const json = entryToObject(this);
    defineData(json, "detail", detail, true, true, true);
    return json;
  }
}
defineInterface(PerformanceMark);
registerInspectable(PerformanceMark, ["detail"]);

export class PerformanceMeasure extends PerformanceEntry {
  #detail: unknown;
  constructor(key: unknown = undefined, parts: unknown = undefined, detail: unknown = undefined) {
    if (key !== entryKey) illegalConstructor();
    super(key, parts);
    this.#detail = detail;
  }
  get detail(): unknown {
    return this.#detail;
  }
  override toJSON(): object {
    const detail = this.#detail;
    const json = entryToObject(this);
    defineData(json, "detail", detail, true, true, true);
    return json;
  }
}
defineInterface(PerformanceMeasure);
registerInspectable(PerformanceMeasure, ["detail"]);

let lastId = 0;

/** "Queue a PerformanceEntry". */
function queueEntry<E extends PerformanceEntry>(entry: E): E {
  setId(entry, ++lastId);
  const { entryType } = partsOf(entry);
  if (isObserved()) observe(entry, entryType);
  const buffer = bufferOf(entryType)!;
  if (buffer.entries.length >= entriesMax) {
    ArrayPrototypeShift(buffer.entries);
    buffer.dropped++;
  }
  append(buffer.entries, entry);
  return entry;
}

function clear(buffer: Buffer, name: unknown): void {
  const wanted = name === undefined ? undefined : toDOMString(name);
  const rest: PerformanceEntry[] = [];
  if (wanted !== undefined) {
    for (let i = 0; i < buffer.entries.length; i++) if (partsOf(buffer.entries[i]!).name !== wanted) append(rest, buffer.entries[i]!);
  }
  buffer.entries = rest;
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
  for (let i = marks.entries.length - 1; i >= 0; i--) {
    const e = partsOf(marks.entries[i]!);
    if (e.name === name) return e.startTime;
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
    return queueEntry(new PerformanceMark(markName, markOptions));
  }

  measure(measureName: unknown, startOrOptions: unknown = undefined, endMark: unknown = undefined): PerformanceMeasure {
    void this.#brand;
    const context = "Performance.measure";
    requireArguments(arguments.length, 1, context);
    const name = toDOMString(measureName);
    let start: unknown;
    let end: unknown = endMark === undefined ? undefined : toDOMString(endMark);
    let duration: unknown;
    let detail: unknown;
    if (typeof startOrOptions === "object" && startOrOptions !== null) {
      const o = startOrOptions as { detail?: unknown; duration?: unknown; end?: unknown; start?: unknown };
      const given = { __proto__: null, detail: o.detail, duration: o.duration, end: o.end, start: o.start };
      if (given.detail !== undefined || given.duration !== undefined || given.end !== undefined || given.start !== undefined) {
        if (end !== undefined) throw typeError(context, "an end mark must not be given together with options.");
        if (given.start === undefined && given.end === undefined) throw typeError(context, "options need start or end.");
        if (given.start !== undefined && given.duration !== undefined && given.end !== undefined) throw typeError(context, "options must not have all of start, duration and end.");
        ({ detail, duration, end, start } = given);
      }
    } else if (startOrOptions !== undefined && startOrOptions !== null) start = toDOMString(startOrOptions);
    const length = duration === undefined ? undefined : startOf(duration, context);
    const endTime = end !== undefined ? timeOf(end, context) : start !== undefined && length !== undefined ? timeOf(start, context) + length : performanceNow();
    const startTime = start !== undefined ? timeOf(start, context) : length !== undefined ? endTime - length : 0;
    return queueEntry(new PerformanceMeasure(entryKey, { name, entryType: "measure", startTime, duration: endTime - startTime }, cloneDetail(detail)));
  }

  clearMarks(markName: unknown = undefined): void {
    void this.#brand;
    clear(marks, markName);
  }
  clearMeasures(measureName: unknown = undefined): void {
    void this.#brand;
    clear(measures, measureName);
  }
  getEntries(): PerformanceEntry[] {
    void this.#brand;
    return selectEntries([marks.entries, measures.entries], undefined, undefined);
  }
  getEntriesByType(type: unknown): PerformanceEntry[] {
    void this.#brand;
    requireArguments(arguments.length, 1, "Performance.getEntriesByType");
    return selectEntries([marks.entries, measures.entries], undefined, toDOMString(type));
  }
  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    void this.#brand;
    requireArguments(arguments.length, 1, "Performance.getEntriesByName");
    return selectEntries([marks.entries, measures.entries], toDOMString(name), type === undefined ? undefined : toDOMString(type));
  }
}
defineInterface(Performance);

export const performance: Performance = new Performance(construct);
