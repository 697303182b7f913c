// URLPattern (https://urlpattern.spec.whatwg.org/), with compareComponent and generate, which are proposed for the standard.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { native } from "../../bootstrap/native.ts";
import { ArrayPrototypePush, defineData, StringPrototypeIncludes, TypeError } from "../../bootstrap/primordials.ts";
import { defineInterface, isObject, requireArguments, toDictionary, toEnum, toRecord, toUSVString, typeError } from "../../bootstrap/webidl.ts";
import {
  canonicalHash,
  canonicalHostname,
  canonicalIPv6Hostname,
  canonicalOpaquePathname,
  canonicalPassword,
  canonicalPathname,
  canonicalPort,
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
import { compileProtocol, matchesSpecialScheme, parseConstructorString } from "./constructor-string.ts";
import { type Components, type Init, members, newInit, processInit, toInit } from "./init.ts";
import { FIXED_TEXT, NONE, type Options, type Part, SEGMENT_WILDCARD } from "./parts.ts";

/** The components in the order of a URL. */
const names = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const;
type Name = (typeof names)[number];

type Pattern = { readonly [name in Name]: Component };

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
  const compiled = compileProtocol(protocol);
  return {
    protocol: compiled,
    username: new Component(username, canonicalUsername, plain),
    password: new Component(password, canonicalPassword, plain),
    hostname: new Component(hostname, isIPv6Pattern(hostname) ? canonicalIPv6Hostname : canonicalHostname, options(".", "", false)),
    port: new Component(port, (text) => canonicalPort(text, ""), plain),
    pathname: matchesSpecialScheme(compiled) ? new Component(pathname, canonicalPathname, options("/", "/", ignoreCase)) : new Component(pathname, canonicalOpaquePathname, cased),
    search: new Component(search, canonicalSearch, cased),
    hash: new Component(hash, canonicalHash, cased),
  };
}

/** The components that an input of test or exec has; undefined if it is no URL. */
function componentsOf(input: string | Init, baseURL: string | undefined): Components | undefined {
  if (typeof input !== "string") {
    const empty: Init = newInit();
    for (let i = 0; i < names.length; i++) empty[names[i]!] = "";
    try {
      return processInit(input, false, empty) as Components;
    } catch {
      return undefined;
    }
  }
  const r = native.urlParse(input, baseURL);
  if (r === undefined) return undefined;
  return { protocol: schemeOf(r), username: usernameOf(r), password: passwordOf(r), hostname: hostnameOf(r), port: portOf(r), pathname: pathnameOf(r), search: searchOf(r), hash: hashOf(r) };
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

function componentResult(component: Component, input: string, values: Groups): object {
  const groups = {};
  for (let i = 0; i < component.names.length; i++) defineData(groups, component.names[i]!, values[i], true, true, true);
  return { groups, input };
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
    const x = left.#pattern[name].parts;
    const y = right.#pattern[name].parts;
    for (let i = 0; i < x.length || i < y.length; i++) {
      const order = compareParts(x[i] ?? noPart, y[i] ?? noPart);
      if (order !== 0) return order < 0 ? -1 : 1;
    }
    return 0;
  }

  test(input: unknown = undefined, baseURL: unknown = undefined): boolean {
    const pattern = this.#pattern;
    const given = toInput(input);
    const url = componentsOf(given, toBase(given, baseURL));
    if (url === undefined) return false;
    for (let i = 0; i < names.length; i++) if (pattern[names[i]!].match(url[names[i]!]) === undefined) return false;
    return true;
  }

  exec(input: unknown = undefined, baseURL: unknown = undefined): object | null {
    const pattern = this.#pattern;
    const given = toInput(input);
    const base = toBase(given, baseURL);
    const url = componentsOf(given, base);
    if (url === undefined) return null;
    const results: { [name in Name]?: object } = {};
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const groups = pattern[name].match(url[name]);
      if (groups === undefined) return null;
      defineData(results, name, componentResult(pattern[name], url[name], groups), true, true, true);
    }
    const inputs = [shownInput(given)];
    if (base !== undefined) ArrayPrototypePush(inputs, base);
    const { hash, hostname, password, pathname, port, protocol, search, username } = results;
    return { hash, hostname, inputs, password, pathname, port, protocol, search, username };
  }

  generate(component: unknown, groups: unknown): string {
    const pattern = this.#pattern;
    const where = "URLPattern.generate";
    requireArguments(arguments.length, 2, where);
    const { encode, options, parts } = pattern[toEnum(component, names, where)];
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
    return this.#pattern.protocol.pattern;
  }
  get username(): string {
    return this.#pattern.username.pattern;
  }
  get password(): string {
    return this.#pattern.password.pattern;
  }
  get hostname(): string {
    return this.#pattern.hostname.pattern;
  }
  get port(): string {
    return this.#pattern.port.pattern;
  }
  get pathname(): string {
    return this.#pattern.pathname.pattern;
  }
  get search(): string {
    return this.#pattern.search.pattern;
  }
  get hash(): string {
    return this.#pattern.hash.pattern;
  }
  get hasRegExpGroups(): boolean {
    const pattern = this.#pattern;
    for (let i = 0; i < names.length; i++) if (pattern[names[i]!].hasRegexpGroups) return true;
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
