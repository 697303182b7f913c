// URLSearchParams (https://url.spec.whatwg.org/#interface-urlsearchparams). Parsing and serialising are the host's.
//
// The list is kept flat, name before value. A query that came from a URL is only parsed when somebody asks.

import { registerInspectable, toPairs } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { append, appendPair, ArrayPrototypeSort, ObjectPrototypePropertyIsEnumerable, ReflectOwnKeys, StringPrototypeCharCodeAt, StringPrototypeSlice, SymbolIterator } from "../bootstrap/primordials.ts";
import { defineInterface, isObject, iterate, requireArguments, toSequence, toUSVString, typeError } from "../bootstrap/webidl.ts";
import { defineIterable } from "./iterable.ts";

/** Tells the URL object that owns a URLSearchParams of its new query, without "?", "" for none. Set by url.ts. */
let updateOwner: (owner: object, query: string) => void = () => {};
export function onOwnerUpdate(update: (owner: object, query: string) => void): void {
  updateOwner = update;
}

/** A URLSearchParams tied to a URL object. query is without "?". */
export let createLinkedSearchParams: (owner: object, query: string) => URLSearchParams;
/** The URL's query has changed under a linked URLSearchParams. */
export let relinkSearchParams: (params: URLSearchParams, query: string) => void;
/** Brand check. */
export let isURLSearchParams: (v: unknown) => v is URLSearchParams;
/** The application/x-www-form-urlencoded serialisation. */
export let serializeSearchParams: (params: URLSearchParams) => string;
let pairsOf: (params: URLSearchParams) => string[];

export class URLSearchParams {
  #list: string[] | undefined;
  #raw = "";
  #owner: object | undefined;

  constructor(init: unknown = "") {
    if (isObject(init)) {
      const method = (init as { [k: symbol]: unknown })[SymbolIterator];
      if (method !== undefined && method !== null) this.#list = fromSequence(init, method);
      else this.#list = fromRecord(init);
      return;
    }
    const text = toUSVString(init);
    this.#raw = text.length > 0 && StringPrototypeCharCodeAt(text, 0) === 0x3f ? StringPrototypeSlice(text, 1) : text;
  }

  get size(): number {
    return this.#pairs().length / 2;
  }

  append(name: unknown, value: unknown): void {
    const list = this.#pairs();
    requireArguments(arguments.length, 2, "URLSearchParams.append");
    const n = toUSVString(name);
    const v = toUSVString(value);
    appendPair(list, n, v);
    this.#update(list);
  }

  delete(name: unknown, value: unknown = undefined): void {
    const list = this.#pairs();
    requireArguments(arguments.length, 1, "URLSearchParams.delete");
    const n = toUSVString(name);
    const v = value === undefined ? undefined : toUSVString(value);
    const kept: string[] = [];
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== n || (v !== undefined && list[i + 1] !== v)) appendPair(kept, list[i]!, list[i + 1]!);
    }
    this.#update(kept);
  }

  get(name: unknown): string | null {
    const list = this.#pairs();
    requireArguments(arguments.length, 1, "URLSearchParams.get");
    const n = toUSVString(name);
    for (let i = 0; i < list.length; i += 2) if (list[i] === n) return list[i + 1]!;
    return null;
  }

  getAll(name: unknown): string[] {
    const list = this.#pairs();
    requireArguments(arguments.length, 1, "URLSearchParams.getAll");
    const n = toUSVString(name);
    const out: string[] = [];
    for (let i = 0; i < list.length; i += 2) if (list[i] === n) append(out, list[i + 1]!);
    return out;
  }

  has(name: unknown, value: unknown = undefined): boolean {
    const list = this.#pairs();
    requireArguments(arguments.length, 1, "URLSearchParams.has");
    const n = toUSVString(name);
    const v = value === undefined ? undefined : toUSVString(value);
    for (let i = 0; i < list.length; i += 2) if (list[i] === n && (v === undefined || list[i + 1] === v)) return true;
    return false;
  }

  set(name: unknown, value: unknown): void {
    const list = this.#pairs();
    requireArguments(arguments.length, 2, "URLSearchParams.set");
    const n = toUSVString(name);
    const v = toUSVString(value);
    let first = 0;
    while (first < list.length && list[first] !== n) first += 2;
    if (first === list.length) {
      appendPair(list, n, v);
    } else {
      list[first + 1] = v;
      let to = first + 2;
      for (let i = to; i < list.length; i += 2) {
        if (list[i] === n) continue;
        list[to] = list[i]!;
        list[to + 1] = list[i + 1]!;
        to += 2;
      }
      list.length = to;
    }
    this.#update(list);
  }

  /** Stable, by UTF-16 code units of the names. */
  sort(): void {
    const list = this.#pairs();
    const pairs: { name: string; value: string }[] = [];
    for (let i = 0; i < list.length; i += 2) append(pairs, { name: list[i]!, value: list[i + 1]! });
    ArrayPrototypeSort(pairs, (x, y) => (x.name < y.name ? -1 : x.name > y.name ? 1 : 0));
    const sorted: string[] = [];
    for (let i = 0; i < pairs.length; i++) appendPair(sorted, pairs[i]!.name, pairs[i]!.value);
    this.#update(sorted);
  }

  toString(): string {
    return native.formEncode(this.#pairs());
  }

  #pairs(): string[] {
    let list = this.#list;
    if (list === undefined) {
      list = this.#raw === "" ? [] : native.formDecode(this.#raw);
      this.#list = list;
      this.#raw = "";
    }
    return list;
  }

  #update(list: string[]): void {
    this.#list = list;
    if (this.#owner !== undefined) updateOwner(this.#owner, native.formEncode(list));
  }

  static {
    createLinkedSearchParams = (owner, query) => {
      const params = new URLSearchParams();
      params.#owner = owner;
      params.#raw = query;
      return params;
    };
    relinkSearchParams = (params, query) => {
      params.#list = undefined;
      params.#raw = query;
    };
    isURLSearchParams = (v): v is URLSearchParams => isObject(v) && #list in v;
    serializeSearchParams = (params) => native.formEncode(params.#pairs());
    pairsOf = (params) => params.#pairs();
  }
}
defineInterface(URLSearchParams);
registerInspectable(URLSearchParams, [], (o) => (isURLSearchParams(o) ? toPairs(native.formDecode(serializeSearchParams(o))) : undefined));
defineIterable(URLSearchParams, (self) => pairsOf(self));

function fromSequence(init: object, method: unknown): string[] {
  const context = "URLSearchParams";
  if (typeof method !== "function") throw typeError(context, "Value is not iterable.");
  const rows = iterate(init, method, (item) => toSequence(item, toUSVString, context), context);
  const list: string[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (row.length !== 2) throw typeError(context, `Each pair must have 2 items, not ${row.length}.`);
    appendPair(list, row[0]!, row[1]!);
  }
  return list;
}

/** record<USVString, USVString>: keys that become equal by the conversion keep the first place and the last value. */
function fromRecord(init: object): string[] {
  const keys = ReflectOwnKeys(init);
  const list: string[] = [];
  let replaced = false; // a name had a lone surrogate: only then can two be equal
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (!ObjectPrototypePropertyIsEnumerable(init, key)) continue;
    const name = toUSVString(key);
    const value = toUSVString((init as { [k: PropertyKey]: unknown })[key]);
    if (name !== key) replaced = true;
    const at = replaced ? indexOfName(list, name) : -1;
    if (at >= 0) list[at + 1] = value;
    else appendPair(list, name, value);
  }
  return list;
}

function indexOfName(list: string[], name: string): number {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return i;
  return -1;
}
