// TextEncoder and TextDecoder (https://encoding.spec.whatwg.org/#api). Deviation: of the legacy encodings only
// windows-1252 is decoded; the others are recognised and refused with a RangeError that names them.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import {
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  RangeError,
  StringFromCharCode,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  TypeError,
  Uint8Array,
  ArrayBufferIsView,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from "../bootstrap/primordials.ts";
import { defineInterface, isBufferSource, isObject, requireArguments, toDictionary, toDOMString, toUSVString, typeError } from "../bootstrap/webidl.ts";
import { encodingOf } from "./encoding-labels.ts";

export class TextEncoder {
  #brand = true;

  get encoding(): string {
    void this.#brand;
    return "utf-8";
  }

  encode(input: unknown = ""): Uint8Array {
    void this.#brand;
    return native.utf8Encode(toDOMString(input));
  }

  encodeInto(source: unknown, destination: unknown): { read: number; written: number } {
    void this.#brand;
    const context = "TextEncoder.encodeInto";
    requireArguments(arguments.length, 2, context);
    const text = toUSVString(source);
    if (TypedArrayPrototypeGetSymbolToStringTag(destination) !== "Uint8Array") throw typeError(context, "destination is not a Uint8Array.");
    const counts = native.utf8EncodeInto(text, destination as Uint8Array);
    return { read: counts[0], written: counts[1] };
  }
}
defineInterface(TextEncoder);
registerInspectable(TextEncoder, ["encoding"]);

// What a decoder does with the bytes of one call. rest takes the bytes that cannot be decoded yet.
type Decode = (bytes: Uint8Array, more: boolean, fatal: boolean, rest: Rest) => string | undefined;
interface Rest {
  bytes: Uint8Array | undefined;
}

const decoders: { readonly [name: string]: Decode } = {
  __proto__: null as never,
  "UTF-8": decodeUtf8,
  "UTF-16LE": (bytes, more, fatal, rest) => decodeUtf16(bytes, more, fatal, rest, false),
  "UTF-16BE": (bytes, more, fatal, rest) => decodeUtf16(bytes, more, fatal, rest, true),
  "windows-1252": decodeWindows1252,
};

function view(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return TypedArrayPrototypeSubarray(bytes, start, end);
}

function decodeUtf8(bytes: Uint8Array, more: boolean, fatal: boolean, rest: Rest): string | undefined {
  const length = viewByteLength(bytes);
  const complete = more ? length - incompleteUtf8(bytes, length) : length;
  if (complete < length) rest.bytes = new Uint8Array(view(bytes, complete, length));
  return native.utf8Decode(complete === length ? bytes : view(bytes, 0, complete), fatal);
}

/** Bytes at the end that are the beginning of one well-formed character. */
function incompleteUtf8(bytes: Uint8Array, length: number): number {
  for (let back = 1; back <= 3 && back <= length; back++) {
    const b = bytes[length - back]!;
    if (b < 0x80) return 0;
    if (b < 0xc0) continue; // A continuation byte: look further for its lead.
    const need = b >= 0xc2 && b <= 0xdf ? 2 : b >= 0xe0 && b <= 0xef ? 3 : b >= 0xf0 && b <= 0xf4 ? 4 : 0;
    if (need <= back) return 0;
    if (back === 1) return 1;
    const second = bytes[length - back + 1]!;
    const lower = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
    const upper = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
    return second >= lower && second <= upper ? back : 0;
  }
  return 0;
}

function decodeUtf16(bytes: Uint8Array, more: boolean, fatal: boolean, rest: Rest, bigEndian: boolean): string | undefined {
  const length = viewByteLength(bytes);
  let complete = length - (length % 2);
  if (more && complete >= 2) {
    const high = bytes[bigEndian ? complete - 2 : complete - 1]!;
    if (high >= 0xd8 && high <= 0xdb) complete -= 2; // The second half of the pair may follow.
  }
  if (complete < length && more) rest.bytes = new Uint8Array(view(bytes, complete, length));
  const odd = !more && complete < length;
  if (odd && fatal) return undefined;
  const text = native.utf16Decode(complete === length ? bytes : view(bytes, 0, complete), bigEndian, fatal);
  return odd && text !== undefined ? `${text}\ufffd` : text;
}

// The bytes 0x80 to 0x9f of windows-1252; all others are those of Latin-1.
const upper1252 =
  "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";

function decodeWindows1252(bytes: Uint8Array): string {
  const text = native.latin1Decode(bytes);
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = StringPrototypeCharCodeAt(text, i);
    if (c < 0x80 || c > 0x9f) continue;
    ArrayPrototypePush(parts, StringPrototypeSlice(text, from, i), upper1252[c - 0x80]!);
    from = i + 1;
  }
  if (from === 0) return text;
  ArrayPrototypePush(parts, StringPrototypeSlice(text, from));
  return ArrayPrototypeJoin(parts, "");
}

const bom = StringFromCharCode(0xfeff);

/** A decoder's state without its interface, for TextDecoder, TextDecoderStream and the bodies' text(). */
export class Decoder {
  readonly name: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  readonly #decode: Decode;
  readonly #rest: Rest = { bytes: undefined };
  #bomSeen = false;
  #streaming = false;

  /** Throws a RangeError for a label that is unknown or whose encoding is not supported. */
  constructor(label: string, fatal: boolean, ignoreBOM: boolean, context: string) {
    const name = encodingOf(label);
    if (name === undefined || name === "replacement") throw new RangeError(`${context}: "${label}" is not the label of an encoding.`);
    const decode = decoders[name];
    if (decode === undefined) throw new RangeError(`${context}: the encoding ${name} is not supported yet.`);
    this.name = StringPrototypeToLowerCase(name);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
    this.#decode = decode;
  }

  decode(input: ArrayBufferView | ArrayBuffer | undefined, more: boolean, context: string): string {
    if (!this.#streaming) {
      this.#bomSeen = false;
      this.#rest.bytes = undefined;
    }
    this.#streaming = more;
    let bytes = input === undefined ? new Uint8Array(0) : toBytes(input);
    const before = this.#rest.bytes;
    if (before !== undefined) {
      this.#rest.bytes = undefined;
      const held = viewByteLength(before);
      const joined = new Uint8Array(held + viewByteLength(bytes));
      TypedArrayPrototypeSet(joined, before);
      TypedArrayPrototypeSet(joined, bytes, held);
      bytes = joined;
    }
    let text = this.#decode(bytes, more, this.fatal, this.#rest);
    if (text === undefined) {
      this.#streaming = false;
      throw new TypeError(`${context}: the data is not valid ${this.name}.`);
    }
    if (!this.#bomSeen && text.length > 0) {
      this.#bomSeen = true;
      if (!this.ignoreBOM && this.name !== "windows-1252" && text[0] === bom) text = StringPrototypeSlice(text, 1);
    }
    return text;
  }
}

function toBytes(input: ArrayBufferView | ArrayBuffer): Uint8Array {
  if (!ArrayBufferIsView(input)) return new Uint8Array(input);
  if (TypedArrayPrototypeGetSymbolToStringTag(input) === "Uint8Array") return input as Uint8Array;
  return new Uint8Array(viewBuffer(input), viewByteOffset(input), viewByteLength(input));
}

/** [AllowShared]: the memory of a WebAssembly module may be shared. */
function isSharedBuffer(v: unknown): v is ArrayBuffer {
  return isObject(v) && native.typeTag(v) === "SharedArrayBuffer";
}

export class TextDecoder {
  readonly #decoder: Decoder;

  constructor(label: unknown = "utf-8", options: unknown = undefined) {
    const context = "TextDecoder constructor";
    const name = toDOMString(label);
    const o = toDictionary<{ fatal: unknown; ignoreBOM: unknown }>(options, context);
    this.#decoder = new Decoder(name, !!o?.fatal, !!o?.ignoreBOM, context);
  }

  get encoding(): string {
    return this.#decoder.name;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }

  decode(input: unknown = undefined, options: unknown = undefined): string {
    const decoder = this.#decoder;
    const context = "TextDecoder.decode";
    if (input !== undefined && !isBufferSource(input) && !isSharedBuffer(input)) throw typeError(context, "input is not an ArrayBuffer or a view of one.");
    const more = !!toDictionary<{ stream: unknown }>(options, context)?.stream;
    return decoder.decode(input, more, context);
  }
}
defineInterface(TextDecoder);
registerInspectable(TextDecoder, ["encoding", "fatal", "ignoreBOM"]);
