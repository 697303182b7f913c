// Reading the records that the host makes of URLs (native.urlParse). Pure functions.

import { native, type UrlRecord } from "../bootstrap/native.ts";
import { StringPrototypeCharCodeAt, StringPrototypeSlice } from "../bootstrap/primordials.ts";

const none = 0xffffffff;

export function hostStart(r: UrlRecord): number {
  const start = r[3];
  return r[4] > start && StringPrototypeCharCodeAt(r[0], start) === 0x40 ? start + 1 : start;
}

/** The scheme with its colon. */
export function recordProtocol(r: UrlRecord): string {
  return StringPrototypeSlice(r[0], 0, r[1]);
}

export function recordHost(r: UrlRecord): string {
  const start = hostStart(r);
  return start === r[4] ? "" : StringPrototypeSlice(r[0], start, r[6]);
}

export function recordHasCredentials(r: UrlRecord): boolean {
  return r[1] + 2 < r[2] || r[3] > r[2];
}

/** "?query" as it stands in the href, "" for none. */
export function recordSearch(r: UrlRecord): string {
  if (r[7] === none) return "";
  return StringPrototypeSlice(r[0], r[7], r[8] === none ? undefined : r[8]);
}

export function recordOrigin(r: UrlRecord): string {
  const protocol = recordProtocol(r);
  if (protocol === "https:" || protocol === "http:" || protocol === "ws:" || protocol === "wss:" || protocol === "ftp:") return `${protocol}//${recordHost(r)}`;
  return native.urlOrigin(r[0]);
}

/** The href without its fragment. */
export function recordWithoutFragment(r: UrlRecord): string {
  return r[8] === none ? r[0] : StringPrototypeSlice(r[0], 0, r[8]);
}
