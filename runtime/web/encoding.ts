// TextEncoder and TextDecoder (https://encoding.spec.whatwg.org/#api). Decoding is the host's.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { RangeError, StringPrototypeToLowerCase, TypedArrayPrototypeGetSymbolToStringTag, TypeError, Uint8Array, viewByteLength } from "../bootstrap/primordials.ts";
import { defineInterface, isBufferSource, isObject, requireArguments, toDictionary, toDOMString, typeError } from "../bootstrap/webidl.ts";
import { concatBytes, copyBytes, subBytes } from "./bytes.ts";
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
    const text = toDOMString(source); // The host replaces lone surrogates.
    if (TypedArrayPrototypeGetSymbolToStringTag(destination) !== "Uint8Array") throw typeError(context, "destination is not a Uint8Array.");
    const counts = native.utf8EncodeInto(text, destination as Uint8Array);
    return { read: counts[0], written: counts[1] };
  }
}
defineInterface(TextEncoder);
registerInspectable(TextEncoder, ["encoding"]);

// Flags of native.decodeText.
const flagMore = 1;
const flagFatal = 2;
const flagKeepBOM = 4;

const noBytes = new Uint8Array(0);

/** A decoder without its interface, for TextDecoder and TextDecoderStream. */
export class Decoder {
  readonly name: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  readonly #number: number;
  readonly #flags: number;
  /** "do not flush" */
  #streaming = false;
  /** The host's, between two pieces of a stream. */
  #state = 0;
  /** The rest of the I/O queue: what a fatal error has left unread in the middle of a stream. */
  #unread: Uint8Array | undefined;

  /** Throws a RangeError for a label that names no encoding, or the replacement encoding. */
  constructor(label: string, fatal: boolean, ignoreBOM: boolean, context: string) {
    const encoding = encodingOf(label);
    if (encoding === undefined || encoding.name === "replacement") throw new RangeError(`${context}: "${label}" is not the label of an encoding.`);
    this.name = StringPrototypeToLowerCase(encoding.name);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
    this.#number = encoding.number;
    this.#flags = (fatal ? flagFatal : 0) | (ignoreBOM ? flagKeepBOM : 0);
  }

  /** more: the stream goes on. Throws a TypeError for an error if fatal. */
  decode(input: ArrayBufferView | ArrayBuffer | undefined, more: boolean, context: string): string {
    if (!this.#streaming) {
      this.#state = 0;
      this.#unread = undefined;
    }
    this.#streaming = more;
    let bytes = input ?? noBytes;
    const unread = this.#unread;
    if (unread !== undefined) {
      const more = copyBytes(bytes);
      bytes = concatBytes([unread, more], viewByteLength(unread) + viewByteLength(more));
      this.#unread = undefined;
    }
    const result = native.decodeText(this.#number, bytes, this.#state, more ? this.#flags | flagMore : this.#flags);
    if (typeof result === "string") return result;
    if (result !== undefined) {
      this.#state = result[1];
      if (result[0] !== undefined) return result[0];
      const all = copyBytes(bytes);
      this.#unread = subBytes(all, result[2], viewByteLength(all));
    }
    throw new TypeError(`${context}: the data is not valid ${this.name}.`);
  }
}

/** [AllowShared]: the memory of a WebAssembly module may be shared. */
export function isSharedBuffer(v: unknown): v is ArrayBuffer {
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
