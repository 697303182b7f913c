// The entries of the Performance Timeline (https://w3c.github.io/performance-timeline/), and those that are kept.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { append, ArrayPrototypeSort } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor } from "../bootstrap/webidl.ts";

/** What lets the constructors of entries through. */
export const entryKey = {};

export interface EntryParts {
  name: string;
  entryType: string;
  startTime: number;
  duration: number;
}

export let partsOf: (entry: PerformanceEntry) => EntryParts;
let idOf: (entry: PerformanceEntry) => number;
export let setId: (entry: PerformanceEntry, id: number) => void;
export let entryToObject: (entry: PerformanceEntry) => { [key: string]: unknown };

export class PerformanceEntry {
  #parts: EntryParts;
  /** 0 until the entry is in the timeline. */
  #id = 0;
  static {
    partsOf = (entry) => entry.#parts;
    idOf = (entry) => entry.#id;
    setId = (entry, id) => {
      entry.#id = id;
    };
    entryToObject = (entry) => {
      const { name, entryType, startTime, duration } = entry.#parts;
      return { id: entry.#id, name, entryType, startTime, duration, navigationId: 0 };
    };
  }
  constructor(key: unknown = undefined, parts: unknown = undefined) {
    if (key !== entryKey) illegalConstructor();
    this.#parts = parts as EntryParts;
  }
  get id(): number {
    return this.#id;
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
  /** There are no navigations here. */
  get navigationId(): number {
    void this.#id;
    return 0;
  }
  toJSON(): object {
    return entryToObject(this);
  }
}
defineInterface(PerformanceEntry);
registerInspectable(PerformanceEntry, ["name", "entryType", "startTime", "duration"]);

/** Entries of each type that an isolate remembers; the oldest are dropped. */
export const entriesMax = 1000;

export interface Buffer {
  entries: PerformanceEntry[];
  /** Entries that were dropped because there were too many. */
  dropped: number;
}
export const marks: Buffer = { entries: [], dropped: 0 };
export const measures: Buffer = { entries: [], dropped: 0 };
export function bufferOf(type: string): Buffer | undefined {
  return type === "mark" ? marks : type === "measure" ? measures : undefined;
}
export const bufferedEntries = (type: string): readonly PerformanceEntry[] => bufferOf(type)?.entries ?? [];
export const droppedEntries = (type: string): number => bufferOf(type)?.dropped ?? 0;

/** "Filter buffer by name and type": in the order of startTime, undefined for all. */
export function selectEntries(lists: readonly (readonly PerformanceEntry[])[], name: string | undefined, type: string | undefined): PerformanceEntry[] {
  const out: PerformanceEntry[] = [];
  for (let l = 0; l < lists.length; l++) {
    const list = lists[l]!;
    for (let i = 0; i < list.length; i++) {
      const e = list[i]!;
      const parts = partsOf(e);
      if ((name === undefined || parts.name === name) && (type === undefined || parts.entryType === type)) append(out, e);
    }
  }
  return ArrayPrototypeSort(out, byStart);
}
const byStart = (a: PerformanceEntry, b: PerformanceEntry): number => partsOf(a).startTime - partsOf(b).startTime || idOf(a) - idOf(b);
