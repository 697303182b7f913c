// URLPattern (https://urlpattern.spec.whatwg.org/), with compareComponent and generate, which are proposed for the standard.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { native, type UrlRecord } from "../../bootstrap/native.ts";
import { defineData, StringPrototypeIncludes, TypeError } from "../../bootstrap/primordials.ts";
import { defineInterface, isObject, requireArguments, toDictionary, toEnum, toRecord, toUSVString, typeError } from "../../bootstrap/webidl.ts";
import {
  canonicalHash,
  canonicalHostname,
  canonicalIPv6Hostname,
  canonicalOpaquePathname,
  canonicalPassword,
  canonicalPathname,
  canonicalPort,
  canonicalProtocol,
  canonicalSearch,
  canonicalUsername,
  hashOf,
  hostnameOf,
  passwordOf,
  pathnameOf,
  portOf,
  schemeOf,
  searchOf,
  usernameOf,
} from "./canonical.ts";
import { Component, type Groups } from "./component.ts";
import { matchesSpecialScheme, parseConstructorString } from "./constructor-string.ts";
import { type Components, type Init, members, newInit, processInit, toInit } from "./init.ts";
import { type Encode, FIXED_TEXT, NONE, type Options, type Part, SEGMENT_WILDCARD } from "./parts.ts";

/** The components in the order of a URL. */
const names = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const;

/** One component for each name. */
type Pattern = readonly Component[];

const defaultPorts = { __proto__: null, https: "443", http: "80", ws: "80", wss: "443", ftp: "21" } as unknown as { [scheme: string]: string | undefined };

const context = "URLPattern";

/** (USVString or URLPatternInit) */
function toInput(v: unknown): string | Init {
  if (v === undefined || v === null) return newInit();
  return isObject(v) ? toInit(v) : toUSVString(v);
}

const options = (delimiter: string, prefix: string, ignoreCase: boolean): Options => ({ delimiter, prefix, ignoreCase });

/** "Hostname pattern is an IPv6 address". */
function isIPv6Pattern(hostname: string): boolean {
  return hostname.length >= 2 && (hostname[0] === "[" || ((hostname[0] === "{" || hostname[0] === "\\") && hostname[1] === "["));
}

/** "Create". */
function create(input: string | Init, baseURL: string | undefined, ignoreCase: boolean): Pattern {
  let init: Init;
  if (typeof input === "string") {
    init = parseConstructorString(input);
    if (baseURL === undefined && init.protocol === undefined) throw typeError(context, `"${input}" is relative and needs a base URL.`);
    if (baseURL !== undefined) init.baseURL = baseURL;
  } else {
    if (baseURL !== undefined) throw typeError(context, "A base URL can only be given with a string; put it into baseURL.");
    init = input;
  }
  const all = processInit(init, true, newInit());
  for (let i = 0; i < names.length; i++) all[names[i]!] ??= "*";
  const { protocol, username, password, hostname, pathname, search, hash } = all as Components;
  const port = defaultPorts[protocol] === all.port ? "" : all.port!;
  const plain = options("", "", false);
  const cased = ignoreCase ? options("", "", true) : plain;
  const compiled = compile(0, protocol, canonicalProtocol, plain);
  const segmented = matchesSpecialScheme(compiled);
  return [
    compiled,
    compile(1, username, canonicalUsername, plain),
    compile(2, password, canonicalPassword, plain),
    compile(3, hostname, isIPv6Pattern(hostname) ? canonicalIPv6Hostname : canonicalHostname, options(".", "", false)),
    compile(4, port, (text) => canonicalPort(text, ""), plain),
    segmented ? compile(5, pathname, canonicalPathname, options("/", "/", ignoreCase)) : new Component(pathname, canonicalOpaquePathname, cased),
    compile(6, search, canonicalSearch, cased),
    compile(7, hash, canonicalHash, cased),
  ];
}

/** The components for a lone "*", which is what most are; by place in names. */
const wildcards: (Component | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined];

function compile(place: number, pattern: string, encode: Encode, settings: Options): Component {
  if (pattern !== "*") return new Component(pattern, encode, settings);
  return (wildcards[place] ??= new Component(pattern, encode, settings));
}

/** The components of a dictionary, in order; undefined if it is no URL. */
function componentsOf(input: Init): string[] | undefined {
  const empty = newInit();
  for (let i = 0; i < names.length; i++) empty[names[i]!] = "";
  try {
    const all = processInit(input, false, empty) as Components;
    return [all.protocol, all.username, all.password, all.hostname, all.port, all.pathname, all.search, all.hash];
  } catch {
    return undefined;
  }
}

/** The component of a parsed URL that names has at a place. */
function componentAt(r: UrlRecord, i: number): string {
  switch (i) {
    case 0:
      return schemeOf(r);
    case 1:
      return usernameOf(r);
    case 2:
      return passwordOf(r);
    case 3:
      return hostnameOf(r);
    case 4:
      return portOf(r);
    case 5:
      return pathnameOf(r);
    case 6:
      return searchOf(r);
    default:
      return hashOf(r);
  }
}

/** The input, a dictionary as a new object. */
function shownInput(input: string | Init): unknown {
  if (typeof input === "string") return input;
  const out = {};
  for (let i = 0; i < members.length; i++) {
    const value = input[members[i]!];
    if (value !== undefined) defineData(out, members[i]!, value, true, true, true);
  }
  return out;
}

/** Computed names make own properties whatever they are. */
function groupsOf(names: readonly string[], values: Groups): object {
  if (names.length === 0) return {};
  if (names.length === 1) return { [names[0]!]: values[1] };
  const groups = { [names[0]!]: values[1], [names[1]!]: values[2] };
  for (let i = 2; i < names.length; i++) defineData(groups, names[i]!, values[i + 1], true, true, true);
  return groups;
}

function placeOf(name: (typeof names)[number]): number {
  let place = 0;
  while (names[place] !== name) place++;
  return place;
}

/** What the part matches less of comes after. */
function compareParts(x: Part, y: Part): number {
  if (x.type !== y.type) return x.type - y.type;
  if (x.modifier !== y.modifier) return x.modifier - y.modifier;
  const of = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return of(x.prefix, y.prefix) || of(x.value, y.value) || of(x.suffix, y.suffix);
}

const noPart: Part = { type: FIXED_TEXT, value: "", modifier: NONE, name: "", prefix: "", suffix: "" };

export class URLPattern {
  readonly #pattern: Pattern;

  constructor(input: unknown = undefined, baseURLOrOptions: unknown = undefined, third: unknown = undefined) {
    const hasBase = arguments.length >= 3 || (baseURLOrOptions !== undefined && baseURLOrOptions !== null && !isObject(baseURLOrOptions));
    const pattern = toInput(input);
    const baseURL = hasBase ? toUSVString(baseURLOrOptions) : undefined;
    const dict = toDictionary<{ ignoreCase: unknown }>(hasBase ? third : baseURLOrOptions, context);
    this.#pattern = create(pattern, baseURL, !!dict?.ignoreCase);
  }

  static compareComponent(component: unknown, left: unknown, right: unknown): number {
    requireArguments(arguments.length, 3, "URLPattern.compareComponent");
    const name = toEnum(component, names, "URLPattern.compareComponent");
    if (!isObject(left) || !(#pattern in left) || !isObject(right) || !(#pattern in right)) throw typeError("URLPattern.compareComponent", "Value is not a URLPattern.");
    const place = placeOf(name);
    const x = left.#pattern[place]!.parts;
    const y = right.#pattern[place]!.parts;
    for (let i = 0; i < x.length || i < y.length; i++) {
      const order = compareParts(i < x.length ? x[i]! : noPart, i < y.length ? y[i]! : noPart);
      if (order !== 0) return order < 0 ? -1 : 1;
    }
    return 0;
  }

  test(input: unknown = undefined, baseURL: unknown = undefined): boolean {
    const pattern = this.#pattern;
    const given = toInput(input);
    const base = toBase(given, baseURL);
    const url = typeof given === "string" ? native.urlParse(given, base) : componentsOf(given);
    if (url === undefined) return false;
    for (let i = 0; i < names.length; i++) {
      const component = pattern[i]!;
      if (component.any) continue;
      if (component.match(typeof given === "string" ? componentAt(url as UrlRecord, i) : (url as string[])[i]!) === undefined) return false;
    }
    return true;
  }

  exec(input: unknown = undefined, baseURL: unknown = undefined): object | null {
    const pattern = this.#pattern;
    const given = toInput(input);
    const base = toBase(given, baseURL);
    const url = typeof given === "string" ? native.urlParse(given, base) : componentsOf(given);
    if (url === undefined) return null;
    const results: unknown[] = [undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined];
    for (let i = 0; i < names.length; i++) {
      const component = pattern[i]!;
      const value = typeof given === "string" ? componentAt(url as UrlRecord, i) : (url as string[])[i]!;
      const groups = component.match(value);
      if (groups === undefined) return null;
      results[i] = { groups: groupsOf(component.names, groups), input: value };
    }
    return {
      hash: results[7],
      hostname: results[3],
      inputs: base === undefined ? [shownInput(given)] : [given, base],
      password: results[2],
      pathname: results[5],
      port: results[4],
      protocol: results[0],
      search: results[6],
      username: results[1],
    };
  }

  generate(component: unknown, groups: unknown): string {
    const pattern = this.#pattern;
    const where = "URLPattern.generate";
    requireArguments(arguments.length, 2, where);
    const { encode, options, parts } = pattern[placeOf(toEnum(component, names, where))]!;
    if (!isObject(groups)) throw typeError(where, "groups is not an object.");
    const given = toRecord(groups, toUSVString, toUSVString);
    let out = "";
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (part.modifier !== NONE || (part.type !== FIXED_TEXT && part.type !== SEGMENT_WILDCARD)) throw typeError(where, "The component has a part that can match in several ways.");
      if (part.type === FIXED_TEXT) {
        out += part.value;
        continue;
      }
      let value: string | undefined;
      for (let j = 0; j < given.length; j++) if (given[j]![0] === part.name) value = given[j]![1];
      if (value === undefined) throw typeError(where, `There is no value for the group "${part.name}".`);
      const encoded = encode(value);
      if (encoded === "" || (options.delimiter !== "" && StringPrototypeIncludes(encoded, options.delimiter))) throw typeError(where, `"${value}" is not what the group "${part.name}" matches.`);
      out += part.prefix + encoded + part.suffix;
    }
    return out;
  }

  get protocol(): string {
    return this.#pattern[0]!.pattern;
  }
  get username(): string {
    return this.#pattern[1]!.pattern;
  }
  get password(): string {
    return this.#pattern[2]!.pattern;
  }
  get hostname(): string {
    return this.#pattern[3]!.pattern;
  }
  get port(): string {
    return this.#pattern[4]!.pattern;
  }
  get pathname(): string {
    return this.#pattern[5]!.pattern;
  }
  get search(): string {
    return this.#pattern[6]!.pattern;
  }
  get hash(): string {
    return this.#pattern[7]!.pattern;
  }
  get hasRegExpGroups(): boolean {
    const pattern = this.#pattern;
    for (let i = 0; i < names.length; i++) if (pattern[i]!.hasRegexpGroups) return true;
    return false;
  }
}
defineInterface(URLPattern);
registerInspectable(URLPattern, ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash", "hasRegExpGroups"]);

function toBase(input: string | Init, baseURL: unknown): string | undefined {
  if (baseURL === undefined) return undefined;
  const base = toUSVString(baseURL);
  if (typeof input !== "string") throw new TypeError("URLPattern: A base URL can only be given with a string; put it into baseURL.");
  return base;
}
