// TextEncoderStream and TextDecoderStream (https://encoding.spec.whatwg.org/#interface-textencoderstream).

import { native } from "../bootstrap/native.ts";
import { StringPrototypeCharCodeAt, StringPrototypeSlice } from "../bootstrap/primordials.ts";
import { defineInterface, isBufferSource, toDictionary, toDOMString, typeError } from "../bootstrap/webidl.ts";
import { Decoder, isSharedBuffer } from "./encoding.ts";
import { createTransformStream } from "./streams/internal.ts";
import type { ReadableStream } from "./streams/readable.ts";
import type { WritableStream } from "./streams/writable.ts";

interface Sides {
  readable: ReadableStream;
  writable: WritableStream;
}

export class TextEncoderStream {
  #sides: Sides;

  constructor() {
    let lead = ""; // A high surrogate that ended a chunk.
    this.#sides = createTransformStream({
      transform(chunk, transform) {
        let text = lead + toDOMString(chunk);
        lead = "";
        if (text === "") return;
        const last = StringPrototypeCharCodeAt(text, text.length - 1);
        if (last >= 0xd800 && last <= 0xdbff) {
          lead = StringPrototypeSlice(text, text.length - 1);
          text = StringPrototypeSlice(text, 0, text.length - 1);
        }
        if (text !== "") transform.enqueue(native.utf8Encode(text));
      },
      flush(transform) {
        if (lead !== "") transform.enqueue(native.utf8Encode("\ufffd"));
      },
      cancel: undefined,
    });
  }

  get encoding(): string {
    void this.#sides;
    return "utf-8";
  }
  get readable(): ReadableStream {
    return this.#sides.readable;
  }
  get writable(): WritableStream {
    return this.#sides.writable;
  }
}
defineInterface(TextEncoderStream);

export class TextDecoderStream {
  #decoder: Decoder;
  #sides: Sides;

  constructor(label: unknown = "utf-8", options: unknown = undefined) {
    const context = "TextDecoderStream";
    const name = toDOMString(label);
    const o = toDictionary<{ fatal: unknown; ignoreBOM: unknown }>(options, context);
    const fatal = !!o?.fatal;
    const decoder = new Decoder(name, fatal, !!o?.ignoreBOM, context);
    this.#decoder = decoder;
    this.#sides = createTransformStream({
      transform(chunk, transform) {
        if (!isBufferSource(chunk) && !isSharedBuffer(chunk)) throw typeError(context, "a chunk is not an ArrayBuffer or a view of one.");
        const text = decoder.decode(chunk, true, context);
        if (text !== "") transform.enqueue(text);
      },
      flush(transform) {
        const text = decoder.decode(undefined, false, context);
        if (text !== "") transform.enqueue(text);
      },
      cancel: undefined,
    });
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
  get readable(): ReadableStream {
    return this.#sides.readable;
  }
  get writable(): WritableStream {
    return this.#sides.writable;
  }
}
defineInterface(TextDecoderStream);
