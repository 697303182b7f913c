// Values as text, for the console and for the messages of thrown values that are not errors. The layout follows what
// people know from Node's util.inspect. Nothing of the worker's runs: getters are named instead of called, proxies are
// looked through, and what an object is comes from V8 (native.typeTag), not from what it says of itself. The one
// exception is the text of a stack, which V8 may ask Error.prepareStackTrace for.

import { interfaceOfPrototype } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import {
  append,
  appendPair,
  ArrayBufferPrototypeGetByteLength,
  ArrayIsArray,
  ArrayPrototypeIndexOf,
  ArrayPrototypeJoin,
  ArrayPrototypePop,
  BigIntPrototypeToString,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  DatePrototypeGetTime,
  DatePrototypeToISOString,
  ErrorGetStack,
  errorStackGetter,
  FunctionPrototypeCall,
  FunctionPrototypeToString,
  JSONStringify,
  Map,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeSet,
  MathMax,
  MathMin,
  NumberIsNaN,
  NumberParseFloat,
  NumberParseInt,
  NumberPrototypeToString,
  NumberPrototypeValueOf,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  ObjectIs,
  ObjectSetPrototypeOf,
  ReflectOwnKeys,
  RegExpGetFlags,
  RegExpPrototypeGetSource,
  RegExpPrototypeTest,
  SetPrototypeGetSize,
  StringPrototypeCharCodeAt,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypePadEnd,
  StringPrototypePadStart,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeValueOf,
  SymbolPrototypeToString,
  SymbolPrototypeValueOf,
  SymbolToStringTag,
  TypedArrayPrototypeGetLength,
  Uint8Array,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from "../bootstrap/primordials.ts";
import { domExceptionParts, isDOMException } from "./domexception.ts";
import { withoutPlatformFrames } from "./stack.ts";

/** How deep nested objects are shown before they become [Object]. */
export const inspectDepth = 4;
/** Elements of an array, map, set or typed array, and properties of an object, that are shown. */
export const inspectItemsMax = 100;
/** Characters of one string inside an object. */
export const inspectStringMax = 10_000;
/** Characters after which nothing more is looked at; the host cuts a line at log_text_max anyway. */
export const inspectTotalMax = 20_000;
const lineWidth = 76;

interface Inspection {
  depth: number;
  hidden: boolean;
  left: number;
  seen: object[];
  circular: Map<object, number> | undefined;
}

/** value as text; hidden shows properties that are not enumerable too. Never throws. */
export function inspect(value: unknown, depth: number = inspectDepth, hidden: boolean = false): string {
  const state: Inspection = { depth, hidden, left: inspectTotalMax, seen: [], circular: undefined };
  try {
    return formatValue(state, value, 0, true);
  } catch {
    return "[value that cannot be shown]";
  }
}

/** The descriptor of an own property, without what a worker may have put on Object.prototype. */
export function ownProperty(o: object, key: PropertyKey): PropertyDescriptor | undefined {
  const d = ObjectGetOwnPropertyDescriptor(o, key);
  if (d !== undefined) ObjectSetPrototypeOf(d, null);
  return d;
}

// ---- platform objects

function platformEntries(state: Inspection, value: object, depth: number): string[] | undefined {
  // The accessors throw for objects that only inherit from the prototype without being instances: brand enough.
  let prototype: object | null = ObjectGetPrototypeOf(value);
  for (let hops = 0; prototype !== null && hops < 8; hops++) {
    if (native.typeTag(prototype) === "Proxy") return undefined;
    const known = interfaceOfPrototype(prototype);
    if (known?.getters !== undefined) {
      try {
        const out: string[] = [];
        for (let k = 0; k < known.getters.length; k += 2) {
          append(out, `${known.getters[k] as string}: ${formatValue(state, FunctionPrototypeCall(known.getters[k + 1], value), depth + 1, true)}`);
        }
        const entries = known.entries?.(value);
        if (entries !== undefined) {
          for (let k = 0; k < entries.length && k < inspectItemsMax; k++) {
            append(out, `${quote(entries[k]![0])} => ${formatValue(state, entries[k]![1], depth + 1, true)}`);
          }
          if (entries.length > inspectItemsMax) append(out, more(entries.length - inspectItemsMax));
        }
        return out;
      } catch {
        return undefined;
      }
    }
    prototype = ObjectGetPrototypeOf(prototype);
  }
  return undefined;
}

// ---- primitives

function formatNumber(n: number): string {
  return ObjectIs(n, -0) ? "-0" : NumberPrototypeToString(n);
}

const unprintable = /[\x00-\x1f\x27\x5c\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** A string as a literal, in the quotes that need least escaping. */
export function quote(s: string): string {
  let q = "'";
  if (StringPrototypeIncludes(s, "'")) {
    if (!StringPrototypeIncludes(s, '"')) q = '"';
    else if (!StringPrototypeIncludes(s, "`") && !StringPrototypeIncludes(s, "${")) q = "`";
  }
  if (!RegExpPrototypeTest(unprintable, s)) return q + s + q;
  let out = "";
  let from = 0;
  for (let i = 0; i < s.length; i++) {
    const c = StringPrototypeCharCodeAt(s, i);
    let escape: string | undefined;
    if (c === 0x0a) escape = "\\n";
    else if (c === 0x0d) escape = "\\r";
    else if (c === 0x09) escape = "\\t";
    else if (c === 0x5c) escape = "\\\\";
    else if (c === 0x27) escape = q === "'" ? "\\'" : undefined;
    else if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) escape = `\\x${hex(c, 2)}`;
    else if (c >= 0xd800 && c <= 0xdfff) {
      const next = i + 1 < s.length ? StringPrototypeCharCodeAt(s, i + 1) : 0;
      if (c <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) i++;
      else escape = `\\u${hex(c, 4)}`;
    }
    if (escape === undefined) continue;
    out += StringPrototypeSlice(s, from, i) + escape;
    from = i + 1;
  }
  return q + out + StringPrototypeSlice(s, from) + q;
}

function hex(n: number, width: number): string {
  return StringPrototypePadStart(NumberPrototypeToString(n, 16), width, "0");
}

function formatPrimitive(v: unknown): string {
  switch (typeof v) {
    case "string": {
      if (v.length <= inspectStringMax) return quote(v);
      return `${quote(StringPrototypeSlice(v, 0, inspectStringMax))}... ${v.length - inspectStringMax} more characters`;
    }
    case "number":
      return formatNumber(v);
    case "bigint":
      return `${BigIntPrototypeToString(v)}n`;
    case "symbol":
      return SymbolPrototypeToString(v);
    case "boolean":
      return v ? "true" : "false";
    default:
      return v === null ? "null" : "undefined";
  }
}

// ---- objects

function more(n: number): string {
  return `... ${n} more item${n === 1 ? "" : "s"}`;
}

function formatValue(state: Inspection, value: unknown, depth: number, nested: boolean): string {
  if (typeof value !== "object" && typeof value !== "function") {
    const text = formatPrimitive(value);
    state.left -= text.length;
    return text;
  }
  if (value === null) return "null";
  if (state.left <= 0) return "...";
  let target: unknown = value;
  for (let hops = 0; ; hops++) {
    const parts = native.typeTag(target as object) === "Proxy" ? native.proxyParts(target as object) : undefined;
    if (parts === undefined) break;
    target = parts[0];
    if (target === null || target === undefined || hops === 64) return "<Revoked Proxy>";
  }
  const object = target as object;
  if (ArrayPrototypeIndexOf(state.seen, object) >= 0) {
    state.circular ??= new Map();
    let index = MapPrototypeGet(state.circular, object);
    if (index === undefined) MapPrototypeSet(state.circular, object, (index = MapPrototypeGetSize(state.circular) + 1));
    return `[Circular *${index}]`;
  }
  const text = formatObject(state, object, depth, nested);
  state.left -= MathMin(text.length, 32);
  const index = state.circular === undefined ? undefined : MapPrototypeGet(state.circular, object);
  return index === undefined ? text : `<ref *${index}> ${text}`;
}

/** A data property found without running anything: own or inherited, not through proxies. */
function dataProperty(o: object, key: PropertyKey): unknown {
  let at: object | null = o;
  for (let hops = 0; at !== null && hops < 64; hops++) {
    if (native.typeTag(at) === "Proxy") return undefined;
    const d = ownProperty(at, key);
    if (d !== undefined) return d.value;
    at = ObjectGetPrototypeOf(at);
  }
  return undefined;
}

/** "Name" or "Name [tag]" in front of the braces; "" for plain objects and arrays. */
function prefix(object: object, fallback: string, size: number | undefined): string {
  const sized = size === undefined ? "" : `(${size})`;
  const prototype = ObjectGetPrototypeOf(object);
  let name = prototype === null ? `[${fallback}${sized}: null prototype]` : `${className(object, prototype) ?? fallback}${sized}`;
  const tag = dataProperty(object, SymbolToStringTag);
  if (typeof tag === "string" && tag !== "" && !StringPrototypeStartsWith(name, tag)) name += ` [${tag}]`;
  return name;
}

function className(object: object, prototype: object): string | undefined {
  const c = dataProperty(prototype, "constructor");
  if (typeof c === "function" && native.typeTag(c) !== "Proxy") {
    const name = ownProperty(c, "name")?.value as unknown;
    if (typeof name === "string" && name !== "") return name;
  }
  const name = native.constructorName(object);
  return name === "" ? undefined : name;
}

function formatObject(state: Inspection, object: object, depth: number, nested: boolean): string {
  if (typeof object === "function") {
    const base = functionBase(object);
    const rest = properties(state, object, depth, false);
    return rest.length === 0 ? base : braces(base, rest, "{", "}");
  }
  const tag = native.typeTag(object);
  if (depth > state.depth) {
    if (ArrayIsArray(object)) return "[Array]";
    if (tag !== "NativeError" && tag !== "Date" && tag !== "RegExp" && tag !== "Boxed") return `[${prefix(object, tag, undefined)}]`;
  }
  append(state.seen, object);
  try {
    return formatTagged(state, object, tag, depth, nested);
  } finally {
    ArrayPrototypePop(state.seen);
  }
}

function formatTagged(state: Inspection, object: object, tag: string, depth: number, nested: boolean): string {
  if (ArrayIsArray(object)) {
    const items = arrayItems(state, object, depth);
    const name = prefix(object, "Array", object.length);
    return braces(StringPrototypeStartsWith(name, "Array(") && !StringPrototypeIncludes(name, " ") ? "" : name, items, "[", "]");
  }
  switch (tag) {
    case "Object": {
      const shown = platformEntries(state, object, depth);
      const rest = properties(state, object, depth, false);
      if (shown !== undefined) for (let i = 0; i < rest.length; i++) append(shown, rest[i]!);
      const name = prefix(object, "Object", undefined);
      return braces(name === "Object" ? "" : name, shown ?? rest, "{", "}");
    }
    case "Arguments":
      return braces("[Arguments]", arrayItems(state, object as unknown[], depth), "[", "]");
    case "Map":
      return braces(prefix(object, "Map", MapPrototypeGetSize(object as Map<unknown, unknown>)), collection(state, object, depth), "{", "}");
    case "Set":
      return braces(prefix(object, "Set", SetPrototypeGetSize(object as Set<unknown>)), collection(state, object, depth), "{", "}");
    case "MapIterator":
    case "SetIterator":
      return braces(`[${tag === "MapIterator" ? "Map" : "Set"} Iterator]`, collection(state, object, depth), "{", "}");
    case "WeakMap":
    case "WeakSet":
      return braces(prefix(object, tag, undefined), ["<items unknown>"], "{", "}");
    case "Promise":
      return braces(prefix(object, "Promise", undefined), promiseItems(state, object as Promise<unknown>, depth), "{", "}");
    case "NativeError":
      return formatError(state, object, depth, nested);
    case "Date": {
      const time = DatePrototypeGetTime(object as Date);
      return withRest(state, object, NumberIsNaN(time) ? "Invalid Date" : DatePrototypeToISOString(object as Date), depth);
    }
    case "RegExp":
      return withRest(state, object, `/${RegExpPrototypeGetSource(object as RegExp)}/${RegExpGetFlags(object as RegExp)}`, depth);
    case "Boxed":
      return withRest(state, object, boxed(object), depth);
    case "ArrayBuffer":
    case "SharedArrayBuffer":
      return braces(prefix(object, tag, undefined), bufferItems(object as ArrayBuffer), "{", "}");
    case "DataView":
      return braces(prefix(object, tag, undefined), [`byteLength: ${viewByteLength(object as DataView)}`, `byteOffset: ${viewByteOffset(object as DataView)}`, `buffer: ${formatValue(state, viewBuffer(object as DataView), depth + 1, true)}`], "{", "}");
    case "ModuleNamespace":
      return braces("[Module: null prototype]", properties(state, object, depth, false), "{", "}");
    case "Generator":
      return braces("Object [Generator]", properties(state, object, depth, false), "{", "}");
    case "External":
      return "[External]";
    case "WeakRef":
    case "WasmModule":
    case "WasmMemory":
      return braces(prefix(object, tag, undefined), properties(state, object, depth, false), "{", "}");
    default:
      return braces(prefix(object, tag, TypedArrayPrototypeGetLength(object as ArrayBufferView)), typedItems(state, object as Uint8Array), "[", "]");
  }
}

/** An object that is mostly one word: /x/g, or {/x/g} with its own properties. */
function withRest(state: Inspection, object: object, word: string, depth: number): string {
  const rest = properties(state, object, depth, StringPrototypeStartsWith(word, "[String"));
  return rest.length === 0 ? word : braces(word, rest, "{", "}");
}

function functionBase(f: object): string {
  const source = FunctionPrototypeToString(f);
  const nameValue = ownProperty(f, "name")?.value as unknown;
  const name = typeof nameValue === "string" ? nameValue : "";
  if (StringPrototypeStartsWith(source, "class") && (source[5] === " " || source[5] === "{" || source[5] === "\n")) {
    const parent = ObjectGetPrototypeOf(f);
    const parentName = typeof parent === "function" && native.typeTag(parent) !== "Proxy" ? (ownProperty(parent, "name")?.value as unknown) : "";
    return `[class ${name === "" ? "(anonymous)" : name}${typeof parentName === "string" && parentName !== "" ? ` extends ${parentName}` : ""}]`;
  }
  const tag = native.typeTag(f);
  const kind = tag === "AsyncFunction" || tag === "GeneratorFunction" ? tag : "Function";
  return name === "" ? `[${kind} (anonymous)]` : `[${kind}: ${name}]`;
}

function boxed(object: object): string {
  try {
    return `[Number: ${formatNumber(NumberPrototypeValueOf(object))}]`;
  } catch {}
  try {
    return `[String: ${formatPrimitive(StringPrototypeValueOf(object))}]`;
  } catch {}
  try {
    return `[Boolean: ${BooleanPrototypeValueOf(object)}]`;
  } catch {}
  try {
    return `[BigInt: ${BigIntPrototypeToString(BigIntPrototypeValueOf(object))}n]`;
  } catch {}
  return `[Symbol: ${SymbolPrototypeToString(SymbolPrototypeValueOf(object))}]`;
}

function bufferItems(buffer: ArrayBuffer): string[] {
  if (native.typeTag(buffer) === "ArrayBuffer" && native.isDetached(buffer)) return ["(detached)", "byteLength: 0"];
  const length = bufferLength(buffer);
  const out: string[] = [];
  if (length !== undefined) {
    const bytes = new Uint8Array(buffer, 0, MathMin(length, 50));
    let text = "";
    for (let i = 0; i < MathMin(length, 50); i++) text += (i === 0 ? "" : " ") + hex(bytes[i]!, 2);
    if (length > 50) text += ` ... ${length - 50} more byte${length === 51 ? "" : "s"}`;
    appendPair(out, `[Uint8Contents]: <${text}>`, `byteLength: ${length}`);
  }
  return out;
}

function bufferLength(buffer: ArrayBuffer): number | undefined {
  try {
    return ArrayBufferPrototypeGetByteLength(buffer);
  } catch {
    return undefined; // A SharedArrayBuffer.
  }
}

function typedItems(state: Inspection, array: Uint8Array): string[] {
  const length = TypedArrayPrototypeGetLength(array);
  const out: string[] = [];
  const shown = MathMin(length, inspectItemsMax);
  for (let i = 0; i < shown; i++) append(out, formatValue(state, array[i], 0, true));
  const grouped = columns(out);
  if (length > shown) append(grouped, more(length - shown));
  return grouped;
}

/** An array whose own non-index properties are not looked for beyond this length, since V8 would list every index. */
const sparseKeysMax = 10_000;

function arrayItems(state: Inspection, array: unknown[], depth: number): string[] {
  const out: string[] = [];
  const length = array.length;
  let i = 0;
  let simple = true;
  for (; i < length && out.length < inspectItemsMax && state.left > 0; i++) {
    const d = ownProperty(array, i);
    if (d === undefined) {
      let holes = 1;
      while (i + holes < length && holes < sparseKeysMax && ownProperty(array, i + holes) === undefined) holes++;
      if (holes === sparseKeysMax) holes = length - i; // Nobody counts further.
      append(out, `<${holes} empty item${holes === 1 ? "" : "s"}>`);
      i += holes - 1;
    } else {
      const text = propertyValue(state, d, depth);
      if (typeof d.value === "object" && d.value !== null) simple = false;
      append(out, text);
    }
  }
  const grouped = simple ? columns(out) : out;
  if (i < length) append(grouped, more(length - i));
  if (length <= sparseKeysMax) {
    const rest = properties(state, array, depth, true);
    for (let k = 0; k < rest.length; k++) append(grouped, rest[k]!);
  }
  return grouped;
}

function collection(state: Inspection, object: object, depth: number): string[] {
  const preview = native.previewEntries(object);
  const out: string[] = [];
  if (preview !== undefined) {
    const entries = preview[0];
    const keyed = preview[1];
    const step = keyed ? 2 : 1;
    let shown = 0;
    for (let i = 0; i < entries.length && shown < inspectItemsMax && state.left > 0; i += step, shown++) {
      const first = formatValue(state, entries[i], depth + 1, true);
      append(out, keyed ? `${first} => ${formatValue(state, entries[i + 1], depth + 1, true)}` : first);
    }
    const rest = entries.length / step - shown;
    if (rest > 0) append(out, more(rest));
  }
  const own = properties(state, object, depth, false);
  for (let i = 0; i < own.length; i++) append(out, own[i]!);
  return out;
}

function promiseItems(state: Inspection, promise: Promise<unknown>, depth: number): string[] {
  const settled = native.promiseState(promise);
  const out: string[] = [];
  if (settled[0] === 0) append(out, "<pending>");
  else {
    const text = formatValue(state, settled[1], depth + 1, true);
    append(out, settled[0] === 2 ? `<rejected> ${text}` : text);
  }
  const rest = properties(state, promise, depth, false);
  for (let i = 0; i < rest.length; i++) append(out, rest[i]!);
  return out;
}

/** The stack of an error, undefined if it is not the untouched one and not a plain string. */
export function stackOf(error: object): string | undefined {
  try {
    const d = ownProperty(error, "stack");
    if (d === undefined) return undefined;
    const stack = d.get === errorStackGetter ? ErrorGetStack(error) : (d.value as unknown);
    return typeof stack === "string" && stack !== "" ? withoutPlatformFrames(stack) : undefined;
  } catch {
    return undefined;
  }
}

/** Name and message of an error, from data properties or from what a DOMException is made of: nothing of the worker's runs. */
export function titleOf(error: object): string {
  let name = dataProperty(error, "name");
  let message = dataProperty(error, "message");
  if (isDOMException(error)) ({ name, message } = domExceptionParts(error));
  return `${typeof name === "string" && name !== "" ? name : "Error"}${typeof message === "string" && message !== "" ? `: ${message}` : ""}`;
}

function formatError(state: Inspection, error: object, depth: number, nested: boolean): string {
  const title = titleOf(error);
  let base = stackOf(error) ?? "";
  if (isDOMException(error)) {
    // The stack was taken before the exception had its name.
    const frames = StringPrototypeIndexOf(base, "\n    at ");
    base = frames < 0 ? "" : title + StringPrototypeSlice(base, frames);
  }
  if (base === "") base = `[${title}]`;
  else if (!StringPrototypeIncludes(base, "\n")) base = `[${base}]`; // A stack without frames.
  if (nested && depth > 0) base = indent(base);
  state.left -= base.length;
  const rest: string[] = [];
  const keys = ownKeys(error);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (key === "stack" || key === "message") continue;
    const d = ownProperty(error, key);
    if (d === undefined || (d.enumerable !== true && key !== "cause" && key !== "errors")) continue;
    if (key === "name" && typeof d.value === "string" && StringPrototypeIncludes(base, d.value)) continue;
    const text = propertyValue(state, d, depth);
    append(rest, d.enumerable === true ? `${keyText(key)}: ${text}` : `[${key as string}]: ${text}`);
  }
  return rest.length === 0 ? base : `${base} {\n  ${ArrayPrototypeJoin(indentAll(rest), ",\n  ")}\n}`;
}

function ownKeys(o: object): (string | symbol)[] {
  return ReflectOwnKeys(o) as (string | symbol)[];
}

const identifier = /^[A-Za-z_$][\w$]*$/;
function keyText(key: string | symbol): string {
  if (typeof key === "symbol") return `[${SymbolPrototypeToString(key)}]`;
  return RegExpPrototypeTest(identifier, key) ? key : quote(key);
}

const index = /^(?:0|[1-9][0-9]{0,9})$/;

function properties(state: Inspection, object: object, depth: number, skipIndexes: boolean): string[] {
  const out: string[] = [];
  const keys = ownKeys(object);
  let left = 0;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (skipIndexes && typeof key === "string" && (key === "length" || RegExpPrototypeTest(index, key))) continue;
    let d: PropertyDescriptor | undefined;
    try {
      d = ownProperty(object, key);
    } catch {
      append(out, `${keyText(key)}: <uninitialized>`); // A binding of a module that is being evaluated.
      continue;
    }
    if (d === undefined || (d.enumerable !== true && !state.hidden)) continue;
    if (out.length >= inspectItemsMax || state.left <= 0) {
      left++;
      continue;
    }
    const text = propertyValue(state, d, depth);
    const name = keyText(key);
    state.left -= name.length;
    append(out, d.enumerable === true ? `${name}: ${text}` : `[${name}]: ${text}`);
  }
  if (left > 0) append(out, more(left));
  return out;
}

function propertyValue(state: Inspection, d: PropertyDescriptor, depth: number): string {
  if (d.get !== undefined) return d.set === undefined ? "[Getter]" : "[Getter/Setter]";
  if (d.set !== undefined) return "[Setter]";
  return formatValue(state, d.value, depth + 1, true);
}

// ---- layout

function indent(text: string): string {
  return StringPrototypeReplaceAll(text, "\n", "\n  ");
}

function indentAll(entries: string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < entries.length; i++) append(out, indent(entries[i]!));
  return out;
}

/** On one line if it fits, else an entry a line. */
function braces(name: string, entries: string[], open: string, close: string): string {
  const start = name === "" ? open : `${name} ${open}`;
  if (entries.length === 0) return start + close;
  let width = start.length + entries.length;
  let multiline = false;
  for (let i = 0; i < entries.length; i++) {
    width += entries[i]!.length;
    if (StringPrototypeIncludes(entries[i]!, "\n")) multiline = true;
  }
  if (!multiline && width <= lineWidth) return `${start} ${ArrayPrototypeJoin(entries, ", ")} ${close}`;
  return `${start}\n  ${ArrayPrototypeJoin(indentAll(entries), ",\n  ")}\n${close}`;
}

/** Puts many short entries side by side in columns. */
function columns(entries: string[]): string[] {
  if (entries.length <= 6) return entries;
  let widest = 0;
  let total = 0;
  let numeric = true;
  for (let i = 0; i < entries.length; i++) {
    const e = entries[i]!;
    widest = MathMax(widest, e.length);
    total += e.length + 2;
    if (numeric && !RegExpPrototypeTest(/^-?[0-9.e+n]+$/, e)) numeric = false;
    if (StringPrototypeIncludes(e, "\n")) return entries;
  }
  if (total <= lineWidth || widest > 16) return entries;
  const perLine = MathMax(1, MathMin(16, (lineWidth / (widest + 2)) | 0));
  const lines: string[] = [];
  for (let i = 0; i < entries.length; i += perLine) {
    let line = "";
    const end = MathMin(i + perLine, entries.length);
    for (let k = i; k < end; k++) {
      const last = k === end - 1;
      const cell = last ? entries[k]! : `${entries[k]!}, `;
      line += numeric ? StringPrototypePadStart(cell, last ? widest : widest + 2) : last ? cell : StringPrototypePadEnd(cell, widest + 2);
    }
    append(lines, line);
  }
  return lines;
}

// ---- console format strings (https://console.spec.whatwg.org/#formatter)

/** The arguments of a console method as one text. Strings at the top level stand as they are. */
export function formatArguments(args: readonly unknown[]): string {
  let out = "";
  let next = 0;
  if (args.length > 1 && typeof args[0] === "string") {
    const format = args[0];
    next = 1;
    let from = 0;
    for (let at = StringPrototypeIndexOf(format, "%"); at >= 0 && at + 1 < format.length; at = StringPrototypeIndexOf(format, "%", at)) {
      const kind = format[at + 1]!;
      let text: string | undefined;
      if (kind === "%") text = "%";
      else if (next < args.length) {
        text = formatSpecifier(kind, args[next]);
        if (text !== undefined) next++;
      }
      if (text === undefined) {
        at++;
        continue;
      }
      out += StringPrototypeSlice(format, from, at) + text;
      at += 2;
      from = at;
    }
    out += StringPrototypeSlice(format, from);
  } else if (args.length > 0) {
    out = topLevel(args[0]);
    next = 1;
  }
  for (; next < args.length; next++) out += ` ${topLevel(args[next])}`;
  return out;
}

function topLevel(v: unknown): string {
  return typeof v === "string" ? v : inspect(v);
}

function formatSpecifier(kind: string, v: unknown): string | undefined {
  switch (kind) {
    case "s":
      if (typeof v === "string") return v;
      return inspect(v, 0);
    case "d":
      if (typeof v === "bigint") return formatPrimitive(v);
      return formatNumber(typeof v === "object" || typeof v === "function" || typeof v === "symbol" ? NaN : +(v as number));
    case "i":
      if (typeof v === "bigint") return formatPrimitive(v);
      return formatNumber(typeof v === "string" || typeof v === "number" ? NumberParseInt(v as string) : NaN);
    case "f":
      return formatNumber(typeof v === "string" || typeof v === "number" ? NumberParseFloat(v as string) : NaN);
    case "j":
      try {
        return JSONStringify(v) ?? "undefined";
      } catch {
        return "[value that is not JSON]";
      }
    case "o":
      return inspect(v, inspectDepth, true);
    case "O":
      return inspect(v);
    case "c":
      return "";
    default:
      return undefined;
  }
}
