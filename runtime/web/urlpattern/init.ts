// URLPatternInit dictionaries (https://urlpattern.spec.whatwg.org/#canon-processing-for-init).

import { native } from "../../bootstrap/native.ts";
import { StringPrototypeEndsWith, StringPrototypeLastIndexOf, StringPrototypeSlice, StringPrototypeStartsWith, TypeError } from "../../bootstrap/primordials.ts";
import { toUSVString } from "../../bootstrap/webidl.ts";
import {
  canonicalHash,
  canonicalHostname,
  canonicalOpaquePathname,
  canonicalPassword,
  canonicalPathname,
  canonicalPort,
  canonicalProtocol,
  canonicalSearch,
  canonicalUsername,
  hashOf,
  hasOpaquePath,
  hostnameOf,
  passwordOf,
  pathnameOf,
  portOf,
  schemeOf,
  searchOf,
  usernameOf,
} from "./canonical.ts";
import { escapePattern } from "./escape.ts";

/** The dictionary's members in the order in which they are read and shown. */
export const members = ["baseURL", "hash", "hostname", "password", "pathname", "port", "protocol", "search", "username"] as const;
export type Init = { [name in (typeof members)[number]]?: string };

/** The components of a URL, all of them known. */
export interface Components {
  protocol: string;
  username: string;
  password: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
}

export const newInit = (): Init => ({ __proto__: null }) as unknown as Init;

/** Reads a dictionary of a worker's. */
export function toInit(v: object): Init {
  const init = newInit();
  for (let i = 0; i < members.length; i++) {
    const value = (v as { [name: string]: unknown })[members[i]!];
    if (value !== undefined) init[members[i]!] = toUSVString(value);
  }
  return init;
}

export function isSpecialScheme(scheme: string): boolean {
  return scheme === "https" || scheme === "http" || scheme === "ws" || scheme === "wss" || scheme === "ftp" || scheme === "file";
}

function isAbsolutePathname(path: string, pattern: boolean): boolean {
  if (StringPrototypeStartsWith(path, "/")) return true;
  return pattern && (StringPrototypeStartsWith(path, "\\/") || StringPrototypeStartsWith(path, "{/"));
}

/**
 * "Process a URLPatternInit". pattern: the members are patterns, which are only taken apart; else they are parts of a URL and
 * made canonical. Throws a TypeError.
 */
export function processInit(init: Init, pattern: boolean, result: Init): Init {
  const { protocol, username, password, hostname, port, pathname, search, hash } = init;
  const base = init.baseURL === undefined ? undefined : native.urlParse(init.baseURL, undefined);
  if (init.baseURL !== undefined) {
    if (base === undefined) throw new TypeError(`URLPattern: "${init.baseURL}" is not a valid base URL.`);
    // A member takes from the base what is less specific than anything that is given.
    const inherited = (text: string): string => (pattern ? escapePattern(text) : text);
    const noHost = protocol === undefined && hostname === undefined;
    const noPort = noHost && port === undefined;
    const noPath = noPort && pathname === undefined;
    const noSearch = noPath && search === undefined;
    if (protocol === undefined) result.protocol = inherited(schemeOf(base));
    if (!pattern && noPort && username === undefined) {
      result.username = usernameOf(base);
      if (password === undefined) result.password = passwordOf(base);
    }
    if (noHost) result.hostname = inherited(hostnameOf(base));
    if (noPort) result.port = portOf(base);
    if (noPath) result.pathname = inherited(pathnameOf(base));
    if (noSearch) result.search = inherited(searchOf(base));
    if (noSearch && hash === undefined) result.hash = inherited(hashOf(base));
  }
  if (protocol !== undefined) {
    const stripped = StringPrototypeEndsWith(protocol, ":") ? StringPrototypeSlice(protocol, 0, -1) : protocol;
    result.protocol = pattern ? stripped : canonicalProtocol(stripped);
  }
  if (username !== undefined) result.username = pattern ? username : canonicalUsername(username);
  if (password !== undefined) result.password = pattern ? password : canonicalPassword(password);
  if (hostname !== undefined) result.hostname = pattern ? hostname : canonicalHostname(hostname);
  const scheme = result.protocol ?? "";
  if (port !== undefined) result.port = pattern ? port : canonicalPort(port, scheme);
  if (pathname !== undefined) {
    let path = pathname;
    if (base !== undefined && !hasOpaquePath(base) && !isAbsolutePathname(path, pattern)) {
      const basePath = pattern ? escapePattern(pathnameOf(base)) : pathnameOf(base);
      const slash = StringPrototypeLastIndexOf(basePath, "/");
      if (slash >= 0) path = StringPrototypeSlice(basePath, 0, slash + 1) + path;
    }
    if (!pattern) path = scheme === "" || isSpecialScheme(scheme) ? canonicalPathname(path) : canonicalOpaquePathname(path);
    result.pathname = path;
  }
  if (search !== undefined) {
    const stripped = StringPrototypeStartsWith(search, "?") ? StringPrototypeSlice(search, 1) : search;
    result.search = pattern ? stripped : canonicalSearch(stripped);
  }
  if (hash !== undefined) {
    const stripped = StringPrototypeStartsWith(hash, "#") ? StringPrototypeSlice(hash, 1) : hash;
    result.hash = pattern ? stripped : canonicalHash(stripped);
  }
  return result;
}
