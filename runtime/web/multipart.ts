// multipart/form-data: serialising (HTML §4.10.21.8) and parsing (RFC 7578, with the strictness that browsers agree on).
//
// Parsing works on a Latin-1 string of the bytes: its indices are byte offsets and searching it is fast. More lenient than
// browsers in three things that real clients do: empty lines before the first boundary, anything after the last, and
// parameters of Content-Disposition in any order, quoted or not.

import { native } from "../bootstrap/native.ts";
import {
  append,
  appendPair,
  MathFloor,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  TypedArrayPrototypeGetByteLength,
  TypeError,
  Uint8Array,
} from "../bootstrap/primordials.ts";
import { blobParts, blobSize, blobType, createFile, fileName, normalizeBlobType } from "./blob.ts";
import { copyBytes, subBytes } from "./bytes.ts";
import type { FormDataEntryValue } from "./form-data.ts";
import { isToken } from "./headers.ts";

/** Parts of a multipart body that is parsed. */
export const multipartPartsMax = 100_000;
/** Bytes of the headers of one part. */
export const multipartHeaderBytesMax = 16_384;

export interface EncodedForm {
  parts: Uint8Array[];
  size: number;
  boundary: string;
}

/** Serialises the entries of a form, name before value. */
export function encodeMultipart(entries: readonly FormDataEntryValue[]): EncodedForm {
  const boundary = randomBoundary();
  const out: EncodedForm = { parts: [], size: 0, boundary };
  let text = "";
  for (let i = 0; i < entries.length; i += 2) {
    const name = escapeName(normalizeNewlines(entries[i] as string));
    const value = entries[i + 1]!;
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${name}"`;
    if (typeof value === "string") {
      text += `\r\n\r\n${normalizeNewlines(value)}\r\n`;
      continue;
    }
    const type = blobType(value);
    text += `; filename="${escapeName(fileName(value))}"\r\nContent-Type: ${type === "" ? "application/octet-stream" : type}\r\n\r\n`;
    add(out, native.utf8Encode(text));
    const inner = blobParts(value);
    for (let j = 0; j < inner.length; j++) append(out.parts, inner[j]!);
    out.size += blobSize(value);
    text = "\r\n";
  }
  add(out, native.utf8Encode(`${text}--${boundary}--\r\n`));
  return out;
}

function add(out: EncodedForm, bytes: Uint8Array): void {
  append(out.parts, bytes);
  out.size += TypedArrayPrototypeGetByteLength(bytes);
}

function randomBoundary(): string {
  const random = new Uint8Array(16);
  native.randomFill(random);
  let out = "----FormBoundary";
  for (let i = 0; i < 16; i++) out += "0123456789abcdef"[random[i]! >> 4]! + "0123456789abcdef"[random[i]! & 15]!;
  return out;
}

/** Every line break becomes CR LF. */
function normalizeNewlines(s: string): string {
  if (StringPrototypeIndexOf(s, "\r") < 0 && StringPrototypeIndexOf(s, "\n") < 0) return s;
  const lf = StringPrototypeReplaceAll(StringPrototypeReplaceAll(s, "\r\n", "\n"), "\r", "\n");
  return StringPrototypeReplaceAll(lf, "\n", "\r\n");
}

function escapeName(s: string): string {
  return StringPrototypeReplaceAll(StringPrototypeReplaceAll(StringPrototypeReplaceAll(s, "\r", "%0D"), "\n", "%0A"), '"', "%22");
}

function unescapeName(s: string): string {
  return StringPrototypeReplaceAll(StringPrototypeReplaceAll(StringPrototypeReplaceAll(s, "%0A", "\n"), "%0D", "\r"), "%22", '"');
}

function malformed(what: string): TypeError {
  return new TypeError(`Invalid multipart/form-data body: ${what}.`);
}

interface PartHead {
  name: string;
  filename: string | undefined;
  type: string | undefined;
  /** Offset of the part's content. */
  end: number;
}

/** Parses a body into entries, name before value. Throws a TypeError if it is malformed. */
export function parseMultipart(bytes: Uint8Array, boundary: string): FormDataEntryValue[] {
  const text = native.latin1Decode(bytes);
  const dash = `--${boundary}`;
  const delimiter = `\r\n${dash}`;
  const entries: FormDataEntryValue[] = [];
  let at = 0;
  while (StringPrototypeStartsWith(text, "\r\n", at)) at += 2;
  if (!StringPrototypeStartsWith(text, dash, at)) throw malformed("it does not begin with the boundary");
  at += dash.length;
  for (;;) {
    if (StringPrototypeStartsWith(text, "--", at)) return entries;
    while (at < text.length && (text[at] === " " || text[at] === "\t")) at++;
    if (!StringPrototypeStartsWith(text, "\r\n", at)) throw malformed("a boundary is not followed by a line break");
    if (entries.length >= 2 * multipartPartsMax) throw malformed(`more than ${multipartPartsMax} parts`);
    const head = parseHead(bytes, text, at + 2);
    const end = StringPrototypeIndexOf(text, delimiter, head.end - 2);
    if (end < 0) throw malformed("the last boundary is missing");
    // A part without content may share the line break of its empty line with the delimiter.
    const content = subBytes(bytes, head.end, end < head.end ? head.end : end);
    if (head.filename === undefined) appendPair(entries, head.name, native.utf8Decode(content, false)!);
    else appendPair(entries, head.name, toFile(content, head.filename, head.type));
    at = end + delimiter.length;
  }
}

function toFile(content: Uint8Array, filename: string, type: string | undefined): FormDataEntryValue {
  const size = TypedArrayPrototypeGetByteLength(content);
  return createFile(size === 0 ? [] : [copyBytes(content)], size, type === undefined ? "text/plain" : normalizeBlobType(type), filename, MathFloor(native.now()));
}

function parseHead(bytes: Uint8Array, text: string, start: number): PartHead {
  let name: string | undefined;
  let filename: string | undefined;
  let type: string | undefined;
  let at = start;
  for (;;) {
    const end = StringPrototypeIndexOf(text, "\r\n", at);
    if (end < 0) throw malformed("the headers of a part do not end");
    if (end - start > multipartHeaderBytesMax) throw malformed(`the headers of a part are over ${multipartHeaderBytesMax} bytes`);
    if (end === at) {
      if (name === undefined) throw malformed("a part has no name");
      return { name, filename, type, end: at + 2 };
    }
    const colon = StringPrototypeIndexOf(text, ":", at);
    if (colon < 0 || colon > end) throw malformed("a header of a part has no colon");
    const field = StringPrototypeToLowerCase(trim(text, at, colon));
    if (!isToken(field)) throw malformed("a header of a part has an invalid name");
    if (field === "content-type") type = trim(text, colon + 1, end);
    else if (field === "content-disposition") {
      const found = parseDisposition(bytes, text, colon + 1, end);
      name = found.name;
      filename = found.filename;
    }
    at = end + 2;
  }
}

function parseDisposition(bytes: Uint8Array, text: string, start: number, end: number): { name: string | undefined; filename: string | undefined } {
  let name: string | undefined;
  let filename: string | undefined;
  let at = StringPrototypeIndexOf(text, ";", start);
  if (at < 0 || at > end) at = end;
  if (StringPrototypeToLowerCase(trim(text, start, at)) !== "form-data") throw malformed('a Content-Disposition is not "form-data"');
  while (at < end) {
    at++; // the ";"
    const equals = StringPrototypeIndexOf(text, "=", at);
    if (equals < 0 || equals >= end) {
      if (trim(text, at, end) !== "") throw malformed("a parameter of Content-Disposition has no value");
      break;
    }
    const key = StringPrototypeToLowerCase(trim(text, at, equals));
    let from = equals + 1;
    while (from < end && (text[from] === " " || text[from] === "\t")) from++;
    let to: number;
    if (text[from] === '"') {
      from++;
      to = closingQuote(text, from, end);
      if (to < 0) throw malformed("a quoted parameter of Content-Disposition does not end");
      at = StringPrototypeIndexOf(text, ";", to);
    } else {
      to = StringPrototypeIndexOf(text, ";", from);
      at = to;
    }
    if (at < 0 || at > end) at = end;
    if (to < 0 || to > end) to = end;
    if (key !== "name" && key !== "filename") continue;
    const value = StringPrototypeReplaceAll(unescapeName(native.utf8Decode(subBytes(bytes, from, to), false)!), '\\"', '"');
    if (key === "name") name = value;
    else filename = value;
  }
  return { name, filename };
}

/** The quote that ends a value: the next one, unless a backslash stands before it and more of the value follows. */
function closingQuote(text: string, start: number, end: number): number {
  let at = StringPrototypeIndexOf(text, '"', start);
  while (at >= 0 && at < end) {
    const next = at + 1 < end ? text[at + 1] : ";";
    if (at === start || text[at - 1] !== "\\" || next === ";") return at;
    at = StringPrototypeIndexOf(text, '"', at + 1);
  }
  return -1;
}

function trim(s: string, start: number, end: number): string {
  while (start < end && isBlank(StringPrototypeCharCodeAt(s, start))) start++;
  while (end > start && isBlank(StringPrototypeCharCodeAt(s, end - 1))) end--;
  return StringPrototypeSlice(s, start, end);
}

function isBlank(c: number): boolean {
  return c === 32 || c === 9;
}
