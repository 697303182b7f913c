// Canonical forms of the components of URLs (https://urlpattern.spec.whatwg.org/#canon-encoding-callbacks), by way of the
// host's URL parser. All throw a TypeError for what cannot be such a component.

import { native, type UrlRecord } from "../../bootstrap/native.ts";
import { StringPrototypeCharCodeAt, StringPrototypeSlice, TypeError } from "../../bootstrap/primordials.ts";
import { hostStart, recordSearch } from "../url-record.ts";
import { characterAt } from "./tokens.ts";

const none = 0xffffffff;

// Parts of native.urlSet.
const partUsername = 2;
const partPassword = 3;
const partHostname = 5;
const partPort = 6;
const partPathname = 7;
const partSearch = 8;
const partHash = 9;

const dummy = "https://dummy.invalid/";

function set(href: string, part: number, value: string, what: string): UrlRecord {
  const record = native.urlSet(href, part, value);
  if (record === undefined) throw new TypeError(`URLPattern: "${value}" is not a ${what}.`);
  return record;
}

// ---- parts of records

export const schemeOf = (r: UrlRecord): string => StringPrototypeSlice(r[0], 0, r[1] - 1);
export const usernameOf = (r: UrlRecord): string => (r[1] + 2 < r[2] ? StringPrototypeSlice(r[0], r[1] + 2, r[2]) : "");
export const passwordOf = (r: UrlRecord): string => (r[3] > r[2] ? StringPrototypeSlice(r[0], r[2] + 1, r[3]) : "");
export const hostnameOf = (r: UrlRecord): string => StringPrototypeSlice(r[0], hostStart(r), r[4]);
export const portOf = (r: UrlRecord): string => (r[5] === none ? "" : `${r[5]}`);
export const pathnameOf = (r: UrlRecord): string => StringPrototypeSlice(r[0], r[6], r[7] !== none ? r[7] : r[8] !== none ? r[8] : undefined);
export const searchOf = (r: UrlRecord): string => StringPrototypeSlice(recordSearch(r), 1);
export const hashOf = (r: UrlRecord): string => (r[8] === none ? "" : StringPrototypeSlice(r[0], r[8] + 1));
/** Whether its path cannot have segments. */
export const hasOpaquePath = (r: UrlRecord): boolean => r[0][r[6]] !== "/" && r[0][r[1]] !== "/";

// ---- canonical forms

export function canonicalProtocol(value: string): string {
  if (value === "") return value;
  const record = native.urlParse(`${value}://dummy.invalid/`, undefined);
  if (record === undefined) throw new TypeError(`URLPattern: "${value}" is not a protocol.`);
  return schemeOf(record);
}

export function canonicalUsername(value: string): string {
  return value === "" ? value : usernameOf(set(dummy, partUsername, value, "username"));
}

export function canonicalPassword(value: string): string {
  return value === "" ? value : passwordOf(set(dummy, partPassword, value, "password"));
}

export function canonicalHostname(value: string): string {
  return value === "" ? value : hostnameOf(set(dummy, partHostname, value, "hostname"));
}

/** Of a pattern: pieces of an address in brackets. */
export function canonicalIPv6Hostname(value: string): string {
  let out = "";
  for (let i = 0; i < value.length; i++) {
    const c = StringPrototypeCharCodeAt(value, i);
    const digit = c >= 0x30 && c <= 0x39;
    const lower = c >= 0x61 && c <= 0x66;
    const upper = c >= 0x41 && c <= 0x46;
    if (!digit && !lower && !upper && c !== 0x5b && c !== 0x5d && c !== 0x3a) throw new TypeError(`URLPattern: "${value}" is not part of an IPv6 address.`);
    out += upper ? "abcdef"[c - 0x41]! : value[i]!;
  }
  return out;
}

/** protocol: "" if unknown; its default port becomes "". */
export function canonicalPort(value: string, protocol: string): string {
  if (value === "") return value;
  // A file URL has no default port, and the parser's setter gives it none at all.
  const base = native.urlParse(`${protocol === "" || protocol === "file" ? "unknown" : protocol}://dummy.invalid/`, undefined);
  if (base === undefined) throw new TypeError(`URLPattern: "${protocol}" is not a protocol.`);
  return portOf(set(base[0], partPort, value, "port"));
}

export function canonicalPathname(value: string): string {
  if (value === "") return value;
  const absolute = value[0] === "/";
  // A piece of a path must not be taken for a segment of its own, such as "..".
  const path = pathnameOf(set(dummy, partPathname, absolute ? value : `/-${value}`, "pathname"));
  return absolute ? path : StringPrototypeSlice(path, 2);
}

const hex = "0123456789ABCDEF";

/** The "opaque path state" of the URL parser: all but printable ASCII is percent-encoded, and "?" and "#" end the path. */
export function canonicalOpaquePathname(value: string): string {
  let out = "";
  for (let i = 0; i < value.length; ) {
    const character = characterAt(value, i);
    const c = StringPrototypeCharCodeAt(character, 0);
    i += character.length;
    if (c === 0x3f || c === 0x23) break;
    if (c === 0x09 || c === 0x0a || c === 0x0d) continue;
    if (c === 0x20) {
      const next = StringPrototypeSlice(value, i, i + 1);
      out += next === "?" || next === "#" ? "%20" : " ";
    } else if (c > 0x20 && c <= 0x7e) {
      out += character;
    } else {
      const bytes = native.utf8Encode(character);
      for (let j = 0; j < bytes.length; j++) out += `%${hex[bytes[j]! >> 4]!}${hex[bytes[j]! & 15]!}`;
    }
  }
  return out;
}

export function canonicalSearch(value: string): string {
  return value === "" ? value : searchOf(set(dummy, partSearch, `?${value}`, "search"));
}

export function canonicalHash(value: string): string {
  return value === "" ? value : hashOf(set(dummy, partHash, `#${value}`, "hash"));
}
