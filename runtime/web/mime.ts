// MIME types (https://mimesniff.spec.whatwg.org/#parsing-a-mime-type) and "extract a MIME type" of Fetch (§2.2.2).

import { append, appendPair, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeToLowerCase } from "../bootstrap/primordials.ts";
import { isToken } from "./headers.ts";

export interface MimeType {
  /** Lower case. */
  type: string;
  subtype: string;
  /** Flat, name before value; names in lower case, each once. */
  parameters: string[];
}

function isSpace(c: number): boolean {
  return c === 32 || c === 9 || c === 10 || c === 13;
}

function trim(s: string, start: number, end: number, leading: boolean): string {
  if (leading) while (start < end && isSpace(StringPrototypeCharCodeAt(s, start))) start++;
  while (end > start && isSpace(StringPrototypeCharCodeAt(s, end - 1))) end--;
  return StringPrototypeSlice(s, start, end);
}

/** HTTP quoted-string code points: TAB, 0x20–0x7e, 0x80–0xff. */
function isQuotable(s: string): boolean {
  for (let i = 0; i < s.length; i++) {
    const c = StringPrototypeCharCodeAt(s, i);
    if (c !== 9 && (c < 0x20 || c > 0xff || c === 0x7f)) return false;
  }
  return true;
}

/** "Parse a MIME type": undefined is failure. */
export function parseMimeType(input: string): MimeType | undefined {
  const s = trim(input, 0, input.length, true);
  const slash = StringPrototypeIndexOf(s, "/");
  if (slash <= 0) return undefined;
  const type = StringPrototypeSlice(s, 0, slash);
  if (!isToken(type)) return undefined;
  let at = StringPrototypeIndexOf(s, ";", slash + 1);
  if (at < 0) at = s.length;
  const subtype = trim(s, slash + 1, at, false);
  if (!isToken(subtype)) return undefined;
  const mime: MimeType = { type: StringPrototypeToLowerCase(type), subtype: StringPrototypeToLowerCase(subtype), parameters: [] };
  while (at < s.length) {
    at++; // the ";"
    while (at < s.length && isSpace(StringPrototypeCharCodeAt(s, at))) at++;
    const nameStart = at;
    while (at < s.length && s[at] !== ";" && s[at] !== "=") at++;
    const name = StringPrototypeToLowerCase(StringPrototypeSlice(s, nameStart, at));
    if (at >= s.length) break;
    if (s[at] === ";") continue;
    at++; // the "="
    if (at >= s.length) break;
    let value: string;
    if (s[at] === '"') {
      const quoted = collectQuoted(s, at);
      value = quoted.value;
      at = StringPrototypeIndexOf(s, ";", quoted.end);
      if (at < 0) at = s.length;
    } else {
      let end = StringPrototypeIndexOf(s, ";", at);
      if (end < 0) end = s.length;
      value = trim(s, at, end, false);
      at = end;
      if (value === "") continue;
    }
    if (isToken(name) && isQuotable(value) && mimeParameter(mime, name) === undefined) appendPair(mime.parameters, name, value);
  }
  return mime;
}

/** Collect an HTTP quoted string, extracted; at is the opening quote. */
function collectQuoted(s: string, at: number): { value: string; end: number } {
  let value = "";
  let i = at + 1;
  for (;;) {
    const start = i;
    while (i < s.length && s[i] !== '"' && s[i] !== "\\") i++;
    value += StringPrototypeSlice(s, start, i);
    if (i >= s.length) return { value, end: i };
    const mark = s[i];
    i++;
    if (mark === '"') return { value, end: i };
    if (i >= s.length) return { value: `${value}\\`, end: i };
    value += s[i]!;
    i++;
  }
}

export function mimeParameter(mime: MimeType, name: string): string | undefined {
  const list = mime.parameters;
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1];
  return undefined;
}

export function mimeEssence(mime: MimeType): string {
  return `${mime.type}/${mime.subtype}`;
}

export function serializeMimeType(mime: MimeType): string {
  let out = mimeEssence(mime);
  const list = mime.parameters;
  for (let i = 0; i < list.length; i += 2) {
    const value = list[i + 1]!;
    out += `;${list[i]!}=`;
    if (isToken(value)) {
      out += value;
      continue;
    }
    out += '"';
    for (let j = 0; j < value.length; j++) {
      if (value[j] === '"' || value[j] === "\\") out += "\\";
      out += value[j]!;
    }
    out += '"';
  }
  return out;
}

/** "Extract a MIME type" from the combined value of Content-Type; undefined is failure. */
export function extractMimeType(contentType: string | null): MimeType | undefined {
  if (contentType === null) return undefined;
  if (StringPrototypeIndexOf(contentType, ",") < 0) {
    const only = parseMimeType(contentType);
    return only === undefined || mimeEssence(only) === "*/*" ? undefined : only;
  }
  const values = splitHeaderValue(contentType);
  let charset: string | undefined;
  let essence = "";
  let found: MimeType | undefined;
  for (let i = 0; i < values.length; i++) {
    const mime = parseMimeType(values[i]!);
    if (mime === undefined || mimeEssence(mime) === "*/*") continue;
    found = mime;
    if (mimeEssence(mime) !== essence) {
      essence = mimeEssence(mime);
      charset = mimeParameter(mime, "charset");
    } else if (mimeParameter(mime, "charset") === undefined && charset !== undefined) {
      appendPair(mime.parameters, "charset", charset);
    }
  }
  return found;
}

/** "Get, decode, and split" (Fetch §2.2.2): at commas outside quotes, tabs and spaces trimmed. */
export function splitHeaderValue(value: string): string[] {
  const out: string[] = [];
  let start = 0;
  let i = 0;
  for (;;) {
    while (i < value.length && value[i] !== '"' && value[i] !== ",") i++;
    if (i < value.length && value[i] === '"') {
      i = skipQuoted(value, i);
      continue;
    }
    append(out, trimTabOrSpace(value, start, i));
    if (i >= value.length) return out;
    i++;
    start = i;
  }
}

function skipQuoted(value: string, at: number): number {
  let i = at + 1;
  while (i < value.length && value[i] !== '"') i += value[i] === "\\" ? 2 : 1;
  return i < value.length ? i + 1 : value.length;
}

function trimTabOrSpace(s: string, start: number, end: number): string {
  while (start < end && (s[start] === " " || s[start] === "\t")) start++;
  while (end > start && (s[end - 1] === " " || s[end - 1] === "\t")) end--;
  return StringPrototypeSlice(s, start, end);
}
