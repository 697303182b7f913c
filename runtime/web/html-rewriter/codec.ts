// Documents that are not UTF-8, for the HTML rewriter: text to and from the bytes of an encoding that is ASCII below 0x80
// (https://encoding.spec.whatwg.org/). Bytes are "binary" strings here, one to a unit, as the host's operations take them.
//
// There is no encoder in the host, and few documents need one: it is made of the decoder, when the first character
// beyond ASCII is written.

import { native } from "../../bootstrap/native.ts";
import {
  Map,
  MapPrototypeGet,
  MapPrototypeHas,
  MapPrototypeSet,
  StringFromCharCode,
  StringPrototypeCharCodeAt,
  StringPrototypeCodePointAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  TypeError,
  Uint8Array,
} from "../../bootstrap/primordials.ts";
import { Decoder } from "../encoding.ts";
import { type EncodingEntry, encodingOf } from "../encoding-labels.ts";

/** The codec of a charset; undefined for UTF-8. Throws TypeError for one that a document of the rewriter cannot have. */
export function codecFor(charset: string | undefined): Codec | undefined {
  if (charset === undefined) return undefined;
  const encoding = encodingOf(charset);
  if (encoding === undefined || encoding.name === "replacement") throw new TypeError("Parser error: Unknown character encoding has been provided.");
  if (encoding.name === "UTF-8") return undefined;
  if (encoding.name === "UTF-16BE" || encoding.name === "UTF-16LE" || encoding.name === "ISO-2022-JP") {
    throw new TypeError("Parser error: Expected ASCII-compatible encoding.");
  }
  return new Codec(encoding);
}

export class Codec {
  readonly #encoding: EncodingEntry;
  /** Bytes of each code point that has two or fewer. */
  #table: Map<number, string> | undefined;

  constructor(encoding: EncodingEntry) {
    this.#encoding = encoding;
  }

  /** For text that comes in pieces. */
  newDecoder(): Decoder {
    return new Decoder(this.#encoding.name, false, true, "HTMLRewriter");
  }

  decode(bytes: string): string {
    if (isAscii(bytes)) return bytes;
    // Without the flags for more and for errors, the answer is a string.
    return native.decodeText(this.#encoding.number, native.latin1Encode(bytes), 0, 4) as string;
  }

  /** A character that the encoding has not becomes a numeric character reference. */
  encode(text: string): string {
    if (isAscii(text)) return text;
    let out = "";
    for (let i = 0; i < text.length; ) {
      const c = StringPrototypeCodePointAt(text, i)!;
      i += c > 0xffff ? 2 : 1;
      out += this.#bytesOf(c) ?? `&#${c >= 0xd800 && c <= 0xdfff ? 0xfffd : c};`;
    }
    return out;
  }

  /** undefined if the encoding has not all of the text. */
  encodeExactly(text: string): string | undefined {
    if (isAscii(text)) return text;
    let out = "";
    for (let i = 0; i < text.length; ) {
      const c = StringPrototypeCodePointAt(text, i)!;
      i += c > 0xffff ? 2 : 1;
      const bytes = this.#bytesOf(c);
      if (bytes === undefined) return undefined;
      out += bytes;
    }
    return out;
  }

  #bytesOf(c: number): string | undefined {
    if (c < 0x80) return StringFromCharCode(c);
    const { name } = this.#encoding;
    if (name === "EUC-JP" || name === "Shift_JIS") {
      if (c === 0xa5) return "\\";
      if (c === 0x203e) return "~";
      if (c === 0x2212) c = 0xff0d;
    }
    this.#table ??= this.#makeTable();
    const bytes = MapPrototypeGet(this.#table, c);
    return bytes === undefined && name === "gb18030" ? this.#fourBytesOf(c) : bytes;
  }

  #tryDecode(bytes: string): string {
    return native.decodeText(this.#encoding.number, native.latin1Encode(bytes), 0, 4) as string;
  }

  #makeTable(): Map<number, string> {
    const table = new Map<number, string>();
    const { name } = this.#encoding;
    /** Adds the characters of these sequences of size bytes. A line break ends each, which no sequence has within it. */
    const add = (sequences: string, size: number): void => {
      const text = this.#tryDecode(sequences);
      for (let at = 0, i = 0; i < sequences.length; i += size + 1) {
        const end = StringPrototypeIndexOf(text, "\n", at);
        const c = StringPrototypeCodePointAt(text, at)!;
        // One character, and no error: that is how sequences show that are none.
        const is = c !== 0xfffd && end - at === (c > 0xffff ? 2 : 1);
        const bytes = StringPrototypeSlice(sequences, i, i + size);
        if (is && (!MapPrototypeHas(table, c) || (name === "Big5" && isLastOfBig5(bytes)))) MapPrototypeSet(table, c, bytes);
        at = end + 1;
      }
    };
    let row = "";
    for (let b = 0x80; b <= 0xff; b++) row += `${StringFromCharCode(b)}\n`;
    add(row, 1);
    if (name !== "GBK" && name !== "gb18030" && name !== "Big5" && name !== "EUC-JP" && name !== "EUC-KR" && name !== "Shift_JIS") return table;
    // Big5 is written without what Hong Kong put before it (Encoding §5, "index Big5 pointer").
    for (let lead = name === "Big5" ? 0xa1 : 0x81; lead <= 0xfe; lead++) {
      // Rows of another maker that duplicate IBM's (§5, "index Shift_JIS pointer": 8272 to 8835).
      if (name === "Shift_JIS" && (lead === 0xed || lead === 0xee)) continue;
      row = "";
      for (let trail = name === "EUC-JP" ? 0xa1 : 0x40; trail <= 0xfe; trail++) row += `${StringFromCharCode(lead, trail)}\n`;
      add(row, 2);
    }
    if (name === "GBK") MapPrototypeSet(table, 0x20ac, "\x80");
    return table;
  }

  /** gb18030: four bytes for what has no two, in the order of code points. */
  #fourBytesOf(c: number): string | undefined {
    if (c === 0xe5e5) return undefined;
    if (c === 0xe7c7) return fourBytes(7457);
    if (c > 0xffff) return fourBytes(189000 + c - 0x10000);
    let low = 0;
    let high = 39419;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = StringPrototypeCharCodeAt(this.#tryDecode(fourBytes(middle)), 0);
      if (found === c) return fourBytes(middle);
      // U+E7C7 stands outside the order.
      if (found < c || found === 0xe7c7) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}

function fourBytes(pointer: number): string {
  const last = pointer % 10;
  const rest = (pointer - last) / 10;
  const third = rest % 126;
  const rest2 = (rest - third) / 126;
  const second = rest2 % 10;
  return StringFromCharCode(0x81 + (rest2 - second) / 10, 0x30 + second, 0x81 + third, 0x30 + last);
}

/** Of six characters Big5 has two and means the second. */
function isLastOfBig5(bytes: string): boolean {
  return bytes === "\xf9\xf9" || bytes === "\xf9\xe9" || bytes === "\xf9\xea" || bytes === "\xf9\xeb" || bytes === "\xa4\x51" || bytes === "\xa4\xca";
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (StringPrototypeCharCodeAt(text, i) > 0x7f) return false;
  return true;
}

/** The bytes of a "binary" string. */
export function toBytes(bytes: string): Uint8Array {
  return bytes === "" ? new Uint8Array(0) : native.latin1Encode(bytes);
}

/** The escapes of htmlWrite, for text that becomes bytes afterwards. */
export function escapeText(text: string): string {
  let out = "";
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = StringPrototypeCharCodeAt(text, i);
    if (c !== 0x26 && c !== 0x3c && c !== 0x3e) continue;
    out += StringPrototypeSlice(text, start, i) + (c === 0x26 ? "&amp;" : c === 0x3c ? "&lt;" : "&gt;");
    start = i + 1;
  }
  return out + StringPrototypeSlice(text, start);
}
