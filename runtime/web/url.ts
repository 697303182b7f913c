// URL (https://url.spec.whatwg.org/#url-class). The parser and the setters are the host's; an object holds the href and
// the offsets of its parts, and getters cut.
//
// Deviation: createObjectURL and revokeObjectURL are absent, as in Workers: an isolate has no blob URL store.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { native, type UrlRecord } from "../bootstrap/native.ts";
import { StringPrototypeCharCodeAt, StringPrototypeSlice, TypeError } from "../bootstrap/primordials.ts";
import { defineInterface, isObject, requireArguments, toUSVString } from "../bootstrap/webidl.ts";
import { hostStart, recordHost, recordOrigin, recordProtocol, recordSearch } from "./url-record.ts";
import { type URLSearchParams, createLinkedSearchParams, onOwnerUpdate, relinkSearchParams } from "./url-search-params.ts";

const none = 0xffffffff;
const noRecord = undefined as unknown as UrlRecord;
/** Makes the constructor leave its record alone; see URL.parse. */
const blank = {};

// Parts of native.urlSet.
const partHref = 0;
const partProtocol = 1;
const partUsername = 2;
const partPassword = 3;
const partHost = 4;
const partHostname = 5;
const partPort = 6;
const partPathname = 7;
const partSearch = 8;
const partHash = 9;

/** The record of a URL object. Brand check: throws a TypeError on anything else. */
export let urlRecordOf: (url: URL) => UrlRecord;
export let isURL: (v: unknown) => v is URL;

export class URL {
  #record: UrlRecord = noRecord;
  #params: URLSearchParams | undefined;

  constructor(url: unknown, base: unknown = undefined) {
    if (url === blank) return;
    requireArguments(arguments.length, 1, "URL");
    const input = toUSVString(url);
    const record = native.urlParse(input, base === undefined ? undefined : toUSVString(base));
    if (record === undefined) throw new TypeError(`Invalid URL: ${input}`);
    this.#record = record;
  }

  static canParse(url: unknown, base: unknown = undefined): boolean {
    requireArguments(arguments.length, 1, "URL.canParse");
    const input = toUSVString(url);
    return native.urlCanParse(input, base === undefined ? undefined : toUSVString(base));
  }

  static parse(url: unknown, base: unknown = undefined): URL | null {
    requireArguments(arguments.length, 1, "URL.parse");
    const input = toUSVString(url);
    const record = native.urlParse(input, base === undefined ? undefined : toUSVString(base));
    if (record === undefined) return null;
    const made = new URL(blank);
    made.#record = record;
    return made;
  }

  get href(): string {
    return this.#record[0];
  }
  set href(value: unknown) {
    const text = toUSVString(value);
    const record = native.urlSet(this.#record[0], partHref, text);
    if (record === undefined) throw new TypeError(`Invalid URL: ${text}`);
    this.#record = record;
    this.#relink();
  }

  get origin(): string {
    return recordOrigin(this.#record);
  }

  get protocol(): string {
    return recordProtocol(this.#record);
  }
  set protocol(value: unknown) {
    this.#set(partProtocol, toUSVString(value));
  }

  get username(): string {
    const r = this.#record;
    return r[1] + 2 < r[2] ? StringPrototypeSlice(r[0], r[1] + 2, r[2]) : "";
  }
  set username(value: unknown) {
    this.#set(partUsername, toUSVString(value));
  }

  get password(): string {
    const r = this.#record;
    return r[3] > r[2] ? StringPrototypeSlice(r[0], r[2] + 1, r[3]) : "";
  }
  set password(value: unknown) {
    this.#set(partPassword, toUSVString(value));
  }

  get host(): string {
    return recordHost(this.#record);
  }
  set host(value: unknown) {
    this.#set(partHost, toUSVString(value));
  }

  get hostname(): string {
    const r = this.#record;
    return StringPrototypeSlice(r[0], hostStart(r), r[4]);
  }
  set hostname(value: unknown) {
    this.#set(partHostname, toUSVString(value));
  }

  get port(): string {
    const r = this.#record;
    return r[5] === none ? "" : `${r[5]}`;
  }
  set port(value: unknown) {
    this.#set(partPort, toUSVString(value));
  }

  get pathname(): string {
    const r = this.#record;
    return StringPrototypeSlice(r[0], r[6], r[7] !== none ? r[7] : r[8] !== none ? r[8] : undefined);
  }
  set pathname(value: unknown) {
    this.#set(partPathname, toUSVString(value));
  }

  get search(): string {
    const search = recordSearch(this.#record);
    return search.length > 1 ? search : "";
  }
  set search(value: unknown) {
    this.#set(partSearch, toUSVString(value));
    this.#relink();
  }

  get searchParams(): URLSearchParams {
    let params = this.#params;
    if (params === undefined) {
      params = createLinkedSearchParams(this, StringPrototypeSlice(recordSearch(this.#record), 1));
      this.#params = params;
    }
    return params;
  }

  get hash(): string {
    const r = this.#record;
    if (r[8] === none || r[0].length - r[8] <= 1) return "";
    return StringPrototypeSlice(r[0], r[8]);
  }
  set hash(value: unknown) {
    this.#set(partHash, toUSVString(value));
  }

  toJSON(): string {
    return this.#record[0];
  }

  toString(): string {
    return this.#record[0];
  }

  #set(part: number, value: string): void {
    const record = native.urlSet(this.#record[0], part, value);
    if (record !== undefined) this.#record = record;
  }

  /** "Update" of the query object: a query that is serialised already, and not empty. */
  #setQuery(query: string): void {
    const r = this.#record;
    const end = r[7] !== none ? r[7] : r[8];
    const head = end === none ? r[0] : StringPrototypeSlice(r[0], 0, end);
    const hash = r[8] === none ? "" : StringPrototypeSlice(r[0], r[8]);
    this.#record = [`${head}?${query}${hash}`, r[1], r[2], r[3], r[4], r[5], r[6], head.length, hash === "" ? none : head.length + 1 + query.length];
  }

  #relink(): void {
    if (this.#params !== undefined) relinkSearchParams(this.#params, StringPrototypeSlice(recordSearch(this.#record), 1));
  }

  static {
    urlRecordOf = (url) => url.#record;
    isURL = (v): v is URL => isObject(v) && #record in v;
    onOwnerUpdate((url, query) => {
      if (query === "") (url as URL).#set(partSearch, query);
      else (url as URL).#setQuery(query);
    });
  }
}
defineInterface(URL);
registerInspectable(URL, ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"]);
