// Headers (https://fetch.spec.whatwg.org/#headers-class).
//
// A header list is a flat list, name before value, names in lower case. On the wire it is the same with an LF after each
// ("packed"), so an object made from packed text is not taken apart until it is touched, and packs itself for nothing
// while nobody has changed it.
//
// Deviations, as in Workers: no header is forbidden (guards "request", "request-no-cors" and "response" let everything
// pass; only "immutable" means something); names are kept in lower case; getAll("set-cookie") exists.

import { registerInspectable, toPairs } from "../bootstrap/interfaces.ts";
import {
  append,
  appendPair,
  copyList,
  ArrayPrototypeSort,
  ObjectPrototypePropertyIsEnumerable,
  ReflectOwnKeys,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeToLowerCase,
  SymbolIterator,
  TypeError,
  Uint8Array,
} from "../bootstrap/primordials.ts";
import { limits } from "../bootstrap/wire.gen.ts";
import { defineInterface, isObject, iterate, requireArguments, toByteString, toDOMString, toSequence, typeError } from "../bootstrap/webidl.ts";
import { defineIterable } from "./iterable.ts";

/** Per unit below 128: 0 not a token character, 1 token character, 2 upper-case letter. */
const tokenTable = new Uint8Array(128);
for (let c = 0x30; c <= 0x39; c++) tokenTable[c] = 1;
for (let c = 0x61; c <= 0x7a; c++) tokenTable[c] = 1;
for (let c = 0x41; c <= 0x5a; c++) tokenTable[c] = 2;
for (let i = 0; i < 15; i++) tokenTable["!#$%&'*+-.^_`|~".charCodeAt(i)] = 1;

/** RFC 9110 token. */
export function isToken(s: string): boolean {
  if (s.length === 0) return false;
  for (let i = 0; i < s.length; i++) {
    const c = StringPrototypeCharCodeAt(s, i);
    if (c > 127 || tokenTable[c] === 0) return false;
  }
  return true;
}

/** A header name in lower case, or a TypeError. */
function checkName(name: string): string {
  let upper = false;
  if (name.length === 0) throw new TypeError("Invalid header name: it is empty.");
  for (let i = 0; i < name.length; i++) {
    const c = StringPrototypeCharCodeAt(name, i);
    const kind = c > 127 ? 0 : tokenTable[c];
    if (kind === 0) throw new TypeError(`Invalid header name: ${name}`);
    if (kind === 2) upper = true;
  }
  return upper ? StringPrototypeToLowerCase(name) : name;
}

/** Normalises a header value (leading and trailing HTTP whitespace goes) or throws a TypeError. */
function checkValue(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isHttpSpace(StringPrototypeCharCodeAt(value, start))) start++;
  while (end > start && isHttpSpace(StringPrototypeCharCodeAt(value, end - 1))) end--;
  for (let i = start; i < end; i++) {
    const c = StringPrototypeCharCodeAt(value, i);
    if (c > 255) throw new TypeError("Invalid header value: it has a character over 255.");
    if (c === 10 || c === 13 || c === 0) throw new TypeError("Invalid header value: it has a line break or NUL.");
  }
  return start === 0 && end === value.length ? value : StringPrototypeSlice(value, start, end);
}

function isHttpSpace(c: number): boolean {
  return c === 32 || c === 9 || c === 10 || c === 13;
}

const toHeaderString = (v: unknown): string => toByteString(v, "Headers");

/** Headers over packed text, which is trusted to be well formed. */
export let createHeaders: (packed: string, immutable: boolean) => Headers;
/** A copy that may be changed. */
export let copyHeaders: (headers: Headers) => Headers;
export let isHeaders: (v: unknown) => v is Headers;
/** name LF value LF … Throws a TypeError if it is more than the wire carries. */
export let packHeaders: (headers: Headers) => string;
/** get() with a lower-case name known to be valid. */
export let getHeader: (headers: Headers, name: string) => string | null;
/** Adds a field whatever the guard, if there is none of that (lower-case) name. */
export let setDefaultHeader: (headers: Headers, name: string, value: string) => void;
export let makeHeadersImmutable: (headers: Headers) => void;
let sortedPairs: (headers: Headers) => string[];

export class Headers {
  // At least one of the two is set; both while the list has not changed since it was unpacked or packed.
  #packed: string | undefined = "";
  #list: string[] | undefined;
  #sorted: string[] | undefined;
  #immutable = false;

  constructor(init: unknown = undefined) {
    if (init === undefined) return;
    if (!isObject(init)) throw typeError("Headers", "The initialiser is neither a record nor a sequence of pairs.");
    const method = (init as { [k: symbol]: unknown })[SymbolIterator];
    if (method === undefined || method === null) this.#fill(fromRecord(init));
    else if (method === ownIterator && #packed in init) this.#copy(init as Headers);
    else this.#fill(fromSequence(init, method));
  }

  append(name: unknown, value: unknown): void {
    const list = this.#all();
    requireArguments(arguments.length, 2, "Headers.append");
    const rawName = toDOMString(name);
    const rawValue = toDOMString(value);
    const n = checkName(rawName);
    const v = checkValue(rawValue);
    this.#change();
    appendPair(list, n, v);
  }

  delete(name: unknown): void {
    const list = this.#all();
    requireArguments(arguments.length, 1, "Headers.delete");
    const n = checkName(toDOMString(name));
    this.#change();
    const kept: string[] = [];
    for (let i = 0; i < list.length; i += 2) if (list[i] !== n) appendPair(kept, list[i]!, list[i + 1]!);
    this.#list = kept;
  }

  get(name: unknown): string | null {
    const list = this.#all();
    requireArguments(arguments.length, 1, "Headers.get");
    return combine(list, checkName(toDOMString(name)));
  }

  /** Workers: the values of a header that cannot be combined. Only for "set-cookie". */
  getAll(name: unknown): string[] {
    const list = this.#all();
    requireArguments(arguments.length, 1, "Headers.getAll");
    if (checkName(toDOMString(name)) !== "set-cookie") throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
    return cookies(list);
  }

  getSetCookie(): string[] {
    return cookies(this.#all());
  }

  has(name: unknown): boolean {
    const list = this.#all();
    requireArguments(arguments.length, 1, "Headers.has");
    return indexOf(list, checkName(toDOMString(name))) >= 0;
  }

  set(name: unknown, value: unknown): void {
    const list = this.#all();
    requireArguments(arguments.length, 2, "Headers.set");
    const rawName = toDOMString(name);
    const rawValue = toDOMString(value);
    const n = checkName(rawName);
    const v = checkValue(rawValue);
    this.#change();
    const at = indexOf(list, n);
    if (at < 0) {
      appendPair(list, n, v);
      return;
    }
    list[at + 1] = v;
    let kept = at + 2;
    for (let i = at + 2; i < list.length; i += 2) {
      if (list[i] === n) continue;
      list[kept] = list[i]!;
      list[kept + 1] = list[i + 1]!;
      kept += 2;
    }
    list.length = kept;
  }

  #all(): string[] {
    let list = this.#list;
    if (list === undefined) {
      const packed = this.#packed!;
      list = StringPrototypeSplit(packed, "\n");
      list.length--; // what comes after the last LF
      this.#list = list;
    }
    return list;
  }

  #change(): void {
    if (this.#immutable) throw new TypeError("Can't modify immutable headers.");
    this.#packed = undefined;
    this.#sorted = undefined;
  }

  #fill(list: string[]): void {
    for (let i = 0; i < list.length; i += 2) {
      list[i] = checkName(list[i]!);
      list[i + 1] = checkValue(list[i + 1]!);
    }
    this.#list = list;
    this.#packed = undefined;
  }

  #copy(from: Headers): void {
    this.#packed = from.#packed;
    this.#list = from.#packed === undefined ? copyList(from.#list!) : undefined;
  }

  static {
    createHeaders = (packed, immutable) => {
      const made = new Headers();
      made.#packed = packed;
      made.#immutable = immutable;
      return made;
    };
    copyHeaders = (headers) => {
      const made = new Headers();
      made.#copy(headers);
      return made;
    };
    isHeaders = (v): v is Headers => isObject(v) && #packed in v;
    packHeaders = (headers) => {
      let packed = headers.#packed;
      if (packed === undefined) {
        const list = headers.#list!;
        packed = "";
        for (let i = 0; i < list.length; i += 2) packed += `${list[i]!}\n${list[i + 1]!}\n`;
        if (packed.length > limits.headers_max) throw new TypeError(`The headers are ${packed.length} bytes long; at most ${limits.headers_max} can be sent.`);
        headers.#packed = packed;
      }
      return packed;
    };
    getHeader = (headers, name) => combine(headers.#all(), name);
    setDefaultHeader = (headers, name, value) => {
      const list = headers.#all();
      if (indexOf(list, name) >= 0) return;
      headers.#packed = undefined;
      headers.#sorted = undefined;
      appendPair(list, name, value);
    };
    makeHeadersImmutable = (headers) => {
      headers.#immutable = true;
    };
    sortedPairs = (headers) => (headers.#sorted ??= sortAndCombine(headers.#all()));
  }
}
defineInterface(Headers);
registerInspectable(Headers, [], (o) => (isHeaders(o) ? toPairs(StringPrototypeSplit(packHeaders(o), "\n")) : undefined));
defineIterable(Headers, (self) => sortedPairs(self));
const ownIterator = (Headers.prototype as unknown as { [k: symbol]: unknown })[SymbolIterator];

function indexOf(list: string[], name: string): number {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return i;
  return -1;
}

function combine(list: string[], name: string): string | null {
  let out: string | null = null;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) out = out === null ? list[i + 1]! : `${out}, ${list[i + 1]!}`;
  }
  return out;
}

function cookies(list: string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < list.length; i += 2) if (list[i] === "set-cookie") append(out, list[i + 1]!);
  return out;
}

/** Sort and combine (§2.2.2): by name; values of a name joined, except those of set-cookie. */
function sortAndCombine(list: string[]): string[] {
  const pairs: { name: string; value: string; at: number }[] = [];
  for (let i = 0; i < list.length; i += 2) append(pairs, { name: list[i]!, value: list[i + 1]!, at: i });
  ArrayPrototypeSort(pairs, (x, y) => (x.name < y.name ? -1 : x.name > y.name ? 1 : x.at - y.at));
  const out: string[] = [];
  for (let i = 0; i < pairs.length; i++) {
    const { name, value } = pairs[i]!;
    const last = out.length - 2;
    if (last >= 0 && out[last] === name && name !== "set-cookie") out[last + 1] = `${out[last + 1]!}, ${value}`;
    else appendPair(out, name, value);
  }
  return out;
}

function fromSequence(init: object, method: unknown): string[] {
  if (typeof method !== "function") throw typeError("Headers", "Value is not iterable.");
  const rows = iterate(init, method, (item) => toSequence(item, toHeaderString, "Headers"), "Headers");
  const list: string[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (row.length !== 2) throw typeError("Headers", `Each pair must have 2 items, not ${row.length}.`);
    appendPair(list, row[0]!, row[1]!);
  }
  return list;
}

/** record<ByteString, ByteString>. */
function fromRecord(init: object): string[] {
  const keys = ReflectOwnKeys(init);
  const list: string[] = [];
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (!ObjectPrototypePropertyIsEnumerable(init, key)) continue;
    const name = toHeaderString(key);
    appendPair(list, name, toHeaderString((init as { [k: PropertyKey]: unknown })[key]));
  }
  return list;
}
