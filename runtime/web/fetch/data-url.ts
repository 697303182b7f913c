// The data: URL processor (https://fetch.spec.whatwg.org/#data-url-processor).

import { native } from "../../bootstrap/native.ts";
import { NumberParseInt, StringFromCharCode, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeStartsWith, StringPrototypeToLowerCase } from "../../bootstrap/primordials.ts";
import { parseMimeType, serializeMimeType } from "../mime.ts";

export interface DataUrl {
  /** Serialised MIME type. */
  type: string;
  body: Uint8Array;
}

/** href: a serialised data: URL without its fragment. undefined is failure. */
export function processDataUrl(href: string): DataUrl | undefined {
  const comma = StringPrototypeIndexOf(href, ",");
  if (comma < 0) return undefined;
  let type = trimSpace(StringPrototypeSlice(href, 5, comma));
  let body = percentDecode(StringPrototypeSlice(href, comma + 1));
  const bare = stripBase64(type);
  if (bare !== undefined) {
    const decoded = native.atob(body);
    if (decoded === undefined) return undefined;
    body = decoded;
    type = bare;
  }
  if (StringPrototypeStartsWith(type, ";")) type = `text/plain${type}`;
  const mime = parseMimeType(type);
  return { type: mime === undefined ? "text/plain;charset=US-ASCII" : serializeMimeType(mime), body: native.latin1Encode(body) };
}

/** The type without its ending ";base64" (any number of spaces before "base64"), undefined if it has none. */
function stripBase64(type: string): string | undefined {
  const at = type.length - 6;
  if (at < 1 || StringPrototypeToLowerCase(StringPrototypeSlice(type, at)) !== "base64") return undefined;
  let end = at;
  while (end > 0 && type[end - 1] === " ") end--;
  return end > 0 && type[end - 1] === ";" ? StringPrototypeSlice(type, 0, end - 1) : undefined;
}

function trimSpace(s: string): string {
  let start = 0;
  let end = s.length;
  while (start < end && isSpace(StringPrototypeCharCodeAt(s, start))) start++;
  while (end > start && isSpace(StringPrototypeCharCodeAt(s, end - 1))) end--;
  return StringPrototypeSlice(s, start, end);
}

function isSpace(c: number): boolean {
  return c === 32 || c === 9 || c === 10 || c === 12 || c === 13;
}

/** Percent-decodes an ASCII string into a string whose units are bytes. */
function percentDecode(s: string): string {
  let at = StringPrototypeIndexOf(s, "%");
  if (at < 0) return s;
  let out = "";
  let start = 0;
  while (at >= 0) {
    if (isHex(s, at + 1) && isHex(s, at + 2)) {
      out += StringPrototypeSlice(s, start, at) + StringFromCharCode(NumberParseInt(StringPrototypeSlice(s, at + 1, at + 3), 16));
      start = at + 3;
      at = StringPrototypeIndexOf(s, "%", start);
    } else at = StringPrototypeIndexOf(s, "%", at + 1);
  }
  return out + StringPrototypeSlice(s, start);
}

function isHex(s: string, at: number): boolean {
  if (at >= s.length) return false;
  const c = StringPrototypeCharCodeAt(s, at) | 0x20;
  const raw = StringPrototypeCharCodeAt(s, at);
  return (raw >= 0x30 && raw <= 0x39) || (c >= 0x61 && c <= 0x66);
}
