// The console (https://console.spec.whatwg.org/). Lines go to the log of the event that runs. Deviations: counters,
// timers and groups belong to the event, so that requests which share an isolate do not mix them up; times are those of
// the frozen clock; clear and the profiling methods do nothing, as there is no screen.

import { currentEvent, type EventState } from "../bootstrap/context.ts";
import { native } from "../bootstrap/native.ts";
import {
  append,
  ArrayIsArray,
  ArrayPrototypeIndexOf,
  ArrayPrototypeJoin,
  defineData,
  ErrorCaptureStackTrace,
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeHas,
  MapPrototypeSet,
  MathMax,
  NumberPrototypeToFixed,
  ObjectCreate,
  ObjectPrototype,
  prepend,
  ReflectOwnKeys,
  StringPrototypeIndexOf,
  StringPrototypePadEnd,
  StringPrototypeRepeat,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  SymbolToStringTag,
  WeakMap,
  WeakMapPrototypeGet,
  WeakMapPrototypeSet,
} from "../bootstrap/primordials.ts";
import { LogLevel } from "../bootstrap/wire.gen.ts";
import { isObject, toDOMString } from "../bootstrap/webidl.ts";
import { formatArguments, inspect, inspectItemsMax, ownProperty, stackOf } from "./inspect.ts";
import { writeLog } from "./log.ts";

interface ConsoleState {
  indent: string;
  counts: Map<string, number>;
  timers: Map<string, number>;
}

/** Groups nest no deeper than this on the page. */
const groupDepthMax = 32;
/** Labels that count and time remember at once, of one event. */
const labelsMax = 1000;

const globalScope = {};
const states = new WeakMap<object, ConsoleState>();

function stateOf(event: EventState | undefined): ConsoleState {
  const key = event ?? globalScope;
  let state = WeakMapPrototypeGet(states, key);
  if (state === undefined) WeakMapPrototypeSet(states, key, (state = { indent: "", counts: new Map(), timers: new Map() }));
  return state;
}

/** What formatArguments gives for strings without a format; it has much to load. */
function joinStrings(args: readonly unknown[]): string | undefined {
  let out = "";
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (typeof arg !== "string" || (i === 0 && args.length > 1 && StringPrototypeIndexOf(arg, "%") >= 0)) return undefined;
    out = i === 0 ? arg : `${out} ${arg}`;
  }
  return out;
}

function print(level: number, args: readonly unknown[]): void {
  const state = WeakMapPrototypeGet(states, currentEvent() ?? globalScope);
  let text = joinStrings(args) ?? formatArguments(args);
  if (state !== undefined && state.indent !== "") text = state.indent + StringPrototypeReplaceAll(text, "\n", `\n${state.indent}`);
  writeLog(level, text);
}

function labelOf(label: unknown): string {
  return label === undefined ? "default" : toDOMString(label);
}

function elapsed(state: ConsoleState, label: string): string | undefined {
  const start = MapPrototypeGet(state.timers, label);
  if (start === undefined) return undefined;
  const ms = native.monotonic() - start;
  return ms >= 1000 ? `${label}: ${NumberPrototypeToFixed(ms / 1000, 3)}s` : `${label}: ${NumberPrototypeToFixed(ms, 3)}ms`;
}

function remember(map: Map<string, number>, label: string, value: number): void {
  if (MapPrototypeGetSize(map) >= labelsMax && !MapPrototypeHas(map, label)) return;
  MapPrototypeSet(map, label, value);
}

function openGroup(data: readonly unknown[]): void {
  if (data.length > 0) print(LogLevel.log, data);
  const state = stateOf(currentEvent());
  if (state.indent.length < groupDepthMax * 2) state.indent += "  ";
}

function trace(data: readonly unknown[], below: unknown): void {
  const holder: { stack?: string } = {};
  ErrorCaptureStackTrace(holder, below);
  const stack = stackOf(holder) ?? "";
  const newline = StringPrototypeIndexOf(stack, "\n");
  const text = formatArguments(data);
  print(LogLevel.log, [`Trace${text === "" ? "" : `: ${text}`}${newline < 0 ? "" : StringPrototypeSlice(stack, newline)}`]);
}

// ---- console.table

interface Row {
  index: string;
  cells: Map<string, string>;
  value: string | undefined;
}

/** Own enumerable data properties, at most inspectItemsMax, with nothing called. */
function cellsOf(o: object): [string, unknown][] {
  const out: [string, unknown][] = [];
  if (native.typeTag(o) === "Proxy") return out;
  const keys = ReflectOwnKeys(o);
  for (let i = 0; i < keys.length && out.length < inspectItemsMax; i++) {
    const key = keys[i]!;
    if (typeof key !== "string") continue;
    const d = ownProperty(o, key);
    if (d?.enumerable === true) append(out, [key, d.get === undefined && d.set === undefined ? d.value : "[Getter]"]);
  }
  return out;
}

function table(data: unknown, filter: unknown): string | undefined {
  if (!isObject(data) || typeof data === "function") return undefined;
  const rows: Row[] = [];
  const columns: string[] = [];
  let wanted: string[] | undefined;
  if (ArrayIsArray(filter)) {
    wanted = [];
    for (let i = 0; i < filter.length; i++) append(wanted, toDOMString(filter[i]));
  }
  const preview = native.previewEntries(data);
  const entries: [string, unknown][] = [];
  if (preview === undefined) {
    const cells = cellsOf(data);
    for (let i = 0; i < cells.length; i++) append(entries, cells[i]!);
  } else {
    const step = preview[1] ? 2 : 1;
    for (let i = 0; i < preview[0].length && entries.length < inspectItemsMax; i += step) {
      append(entries, [preview[1] ? inspect(preview[0][i], 0) : `${i}`, preview[0][preview[1] ? i + 1 : i]]);
    }
  }
  let values = false;
  for (let i = 0; i < entries.length; i++) {
    const index = entries[i]![0];
    const value = entries[i]![1];
    const row: Row = { index, cells: new Map(), value: undefined };
    if (isObject(value) && typeof value !== "function") {
      const cells = cellsOf(value);
      for (let k = 0; k < cells.length; k++) {
        const name = cells[k]![0];
        if (wanted !== undefined && ArrayPrototypeIndexOf(wanted, name) < 0) continue;
        if (ArrayPrototypeIndexOf(columns, name) < 0) append(columns, name);
        MapPrototypeSet(row.cells, name, oneLine(cells[k]![1]));
      }
    } else {
      row.value = oneLine(value);
      values = true;
    }
    append(rows, row);
  }
  const heads = ["(index)"];
  for (let i = 0; i < columns.length; i++) append(heads, columns[i]!);
  if (values) append(heads, "Values");
  const lines: string[][] = [heads];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const line = [row.index];
    for (let k = 0; k < columns.length; k++) append(line, MapPrototypeGet(row.cells, columns[k]!) ?? "");
    if (values) append(line, row.value ?? "");
    append(lines, line);
  }
  return draw(lines);
}

function oneLine(v: unknown): string {
  return StringPrototypeReplaceAll(inspect(v, 0), "\n", " ");
}

function draw(lines: string[][]): string {
  const widths: number[] = [];
  const head = lines[0]!;
  for (let c = 0; c < head.length; c++) {
    let width = 0;
    for (let r = 0; r < lines.length; r++) width = MathMax(width, lines[r]![c]!.length);
    append(widths, width + 2);
  }
  const rule = (left: string, middle: string, right: string): string => {
    const bars: string[] = [];
    for (let c = 0; c < widths.length; c++) append(bars, StringPrototypeRepeat("\u2500", widths[c]!));
    return left + ArrayPrototypeJoin(bars, middle) + right;
  };
  const out = [rule("\u250c", "\u252c", "\u2510")];
  for (let r = 0; r < lines.length; r++) {
    const cells: string[] = [];
    for (let c = 0; c < widths.length; c++) append(cells, StringPrototypePadEnd(` ${lines[r]![c]!}`, widths[c]!));
    append(out, `\u2502${ArrayPrototypeJoin(cells, "\u2502")}\u2502`);
    if (r === 0) append(out, rule("\u251c", "\u253c", "\u2524"));
  }
  append(out, rule("\u2514", "\u2534", "\u2518"));
  return ArrayPrototypeJoin(out, "\n");
}

// ---- the namespace object

const methods = {
  assert(condition: unknown = false, ...data: unknown[]): void {
    if (condition) return;
    if (data.length > 0 && typeof data[0] === "string") data[0] = `Assertion failed: ${data[0]}`;
    else prepend<unknown>(data, "Assertion failed");
    print(LogLevel.error, data);
  },
  clear(): void {},
  debug(...data: unknown[]): void {
    print(LogLevel.debug, data);
  },
  error(...data: unknown[]): void {
    print(LogLevel.error, data);
  },
  info(...data: unknown[]): void {
    print(LogLevel.info, data);
  },
  log(...data: unknown[]): void {
    print(LogLevel.log, data);
  },
  table(tabularData: unknown = undefined, properties: unknown = undefined): void {
    print(LogLevel.log, [table(tabularData, properties) ?? tabularData]);
  },
  trace(...data: unknown[]): void {
    trace(data, methods.trace);
  },
  warn(...data: unknown[]): void {
    print(LogLevel.warn, data);
  },
  dir(item: unknown = undefined): void {
    print(LogLevel.log, [typeof item === "string" ? inspect(item) : item]);
  },
  dirxml(...data: unknown[]): void {
    print(LogLevel.log, data);
  },
  count(label: unknown = undefined): void {
    const state = stateOf(currentEvent());
    const name = labelOf(label);
    const count = (MapPrototypeGet(state.counts, name) ?? 0) + 1;
    remember(state.counts, name, count);
    print(LogLevel.info, [`${name}: ${count}`]);
  },
  countReset(label: unknown = undefined): void {
    const name = labelOf(label);
    if (!MapPrototypeDelete(stateOf(currentEvent()).counts, name)) print(LogLevel.warn, [`Count for '${name}' does not exist`]);
  },
  group(...data: unknown[]): void {
    openGroup(data);
  },
  groupCollapsed(...data: unknown[]): void {
    openGroup(data);
  },
  groupEnd(): void {
    const state = stateOf(currentEvent());
    state.indent = StringPrototypeSlice(state.indent, 2);
  },
  time(label: unknown = undefined): void {
    const state = stateOf(currentEvent());
    const name = labelOf(label);
    if (MapPrototypeGet(state.timers, name) !== undefined) print(LogLevel.warn, [`Timer '${name}' already exists`]);
    else remember(state.timers, name, native.monotonic());
  },
  timeLog(label: unknown = undefined, ...data: unknown[]): void {
    const name = labelOf(label);
    const text = elapsed(stateOf(currentEvent()), name);
    if (text === undefined) print(LogLevel.warn, [`Timer '${name}' does not exist`]);
    else print(LogLevel.info, [data.length === 0 ? text : `${text} ${formatArguments(data)}`]);
  },
  timeEnd(label: unknown = undefined): void {
    const state = stateOf(currentEvent());
    const name = labelOf(label);
    const text = elapsed(state, name);
    if (text === undefined) return print(LogLevel.warn, [`Timer '${name}' does not exist`]);
    MapPrototypeDelete(state.timers, name);
    print(LogLevel.info, [text]);
  },
  timeStamp(): void {},
  profile(): void {},
  profileEnd(): void {},
};

/** A namespace object (https://console.spec.whatwg.org/#console-namespace): its prototype is an empty object of its own. */
export const console: typeof methods = ObjectCreate(ObjectCreate(ObjectPrototype)) as typeof methods;

const names = ReflectOwnKeys(methods) as (keyof typeof methods)[];
for (let i = 0; i < names.length; i++) {
  defineData(console, names[i]!, methods[names[i]!], true, true, true);
}
defineData(console, SymbolToStringTag, "console", false, false, true);
