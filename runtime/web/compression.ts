// CompressionStream and DecompressionStream (https://compression.spec.whatwg.org/), with brotli and zstd besides the
// standard's formats. The work is the host's, in steps of 64 KiB. A chunk that gives more than aheadMax waits for readers, so
// what a small input blows up to is made only as it is read.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { ArrayBufferIsView, ArrayBufferPrototypeGetDetached, type Deferred, newDeferred, PromisePrototypeThen, RangeError, TypeError, Uint8Array, viewBuffer, viewByteLength, WeakMap, WeakMapPrototypeGet, WeakMapPrototypeSet } from "../bootstrap/primordials.ts";
import { defineInterface, isArrayBuffer, isBufferSource, requireArguments, toEnum, typeError } from "../bootstrap/webidl.ts";
import { copyBytes, lengthOf, subBytes } from "./bytes.ts";
import { createTransformStream, type Transform } from "./streams/internal.ts";
import type { ReadableStream } from "./streams/readable.ts";
import type { WritableStream } from "./streams/writable.ts";

/** In the order of the host's numbers. */
const formats = ["deflate", "deflate-raw", "gzip", "brotli", "zstd"] as const;

// Statuses of native.codecStep.
const wantsInput = 0;
const ended = 2;
const corrupt = 3;
const noMemory = 4;

/** Output of one chunk that is queued before the chunk waits until the readable side wants more, in bytes. */
const aheadMax = 1_048_576;

const noBytes = new Uint8Array(0);

interface Sides {
  readable: ReadableStream;
  writable: WritableStream;
}

/** What one stream compresses or decompresses with. Plain: it never reaches a worker. */
class Work {
  readonly #format: number;
  readonly #decompress: boolean;
  readonly #context: string;
  #codec: ArrayBuffer | undefined;
  #over = false;
  #ended = false;

  constructor(format: number, decompress: boolean, context: string) {
    this.#format = format;
    this.#decompress = decompress;
    this.#context = context;
  }

  /** Nothing more will be asked of it. */
  free(): void {
    this.#over = true;
    const codec = this.#codec;
    this.#codec = undefined;
    if (codec !== undefined) native.codecFree(codec);
  }

  /** Feeds input to the codec and enqueues what comes out. The promise is fulfilled when all of it has been. */
  run(transform: Transform, input: ArrayBuffer | ArrayBufferView, finish: boolean): Promise<undefined> | undefined {
    let bytes = input;
    let length = ArrayBufferPrototypeGetDetached(bufferOf(input)) ? 0 : lengthOf(input);
    let at = 0;
    let owned = false; // bytes is our copy
    let ahead = 0; // output since the readable side was empty, in bytes
    if (length === 0 && !finish) return undefined;

    /** Goes on until all is done (undefined) or the readable side wants no more for now (what to wait for). */
    const steps = (): Promise<undefined> | undefined => {
      for (;;) {
        if (this.#over) return undefined;
        if (this.#ended) {
          if (at < length) throw new TypeError(`${this.#context}: there is input after the end of the ${formats[this.#format]} data.`);
          return undefined;
        }
        const codec = (this.#codec ??= native.codecNew(this.#format, this.#decompress));
        const step = native.codecStep(codec, bytes, at, finish);
        const status = step[2];
        at += step[1];
        this.#ended = status === ended;
        if (step[0] !== undefined) {
          if (!transform.canEnqueue) return undefined;
          if (at < length && !owned) {
            // Code of the worker's may run now, and may take the buffer away or write to it.
            bytes = subBytes(copyBytes(bytes), at, length);
            length -= at;
            at = 0;
            owned = true;
          }
          transform.enqueue(step[0]);
        }
        if (status === corrupt) throw new TypeError(`${this.#context}: the input is not valid ${formats[this.#format]} data.`);
        if (status === noMemory) throw new RangeError(`${this.#context}: the memory of the worker does not suffice.`);
        if (this.#ended && at === length) return undefined;
        if (status === wantsInput && at === length) {
          if (finish) throw new TypeError(`${this.#context}: the ${formats[this.#format]} data ends too soon.`);
          return undefined;
        }
        if (step[0] === undefined) continue;
        ahead += viewByteLength(step[0]);
        if (ahead < aheadMax) continue;
        ahead = 0;
        const wanted = transform.wanted;
        if (wanted !== undefined) return wanted;
      }
    };
    let done: Deferred<undefined> | undefined;
    const go = (): void => {
      try {
        const wanted = steps();
        if (wanted === undefined) done?.resolve(undefined);
        else {
          done ??= newDeferred();
          PromisePrototypeThen(wanted, go);
        }
      } catch (e) {
        this.free();
        if (done === undefined) throw e;
        done.reject(e);
      }
    };
    go();
    return done?.promise;
  }
}

function makeSides(name: (typeof formats)[number], decompress: boolean, context: string): Sides {
  let number = 0;
  while (formats[number] !== name) number++;
  const work = new Work(number, decompress, context);
  return createTransformStream({
    transform(chunk, transform) {
      if (!isBufferSource(chunk) || !isArrayBuffer(bufferOf(chunk))) throw typeError(context, "a chunk is not an ArrayBuffer or a view of one.");
      return work.run(transform, chunk, false);
    },
    flush(transform) {
      const done = work.run(transform, noBytes, true);
      if (done !== undefined) return PromisePrototypeThen(done, () => work.free());
      work.free();
      return undefined;
    },
    cancel: () => work.free(),
  });
}

const bufferOf = (source: ArrayBuffer | ArrayBufferView): ArrayBuffer => (ArrayBufferIsView(source) ? viewBuffer(source) : source);

/** Content codings of streams that are what a compressor made. */
const codings = new WeakMap<ReadableStream, string>();

/** "gzip" or "br" if a stream is the readable side of a CompressionStream of that format. */
export const codingOf = (stream: ReadableStream): string | undefined => WeakMapPrototypeGet(codings, stream);

/** A CompressionStream for a content coding. */
export const createEncoder = (coding: "gzip" | "br", context: string): Sides => makeSides(coding === "br" ? "brotli" : coding, false, context);

export class CompressionStream {
  readonly #sides: Sides;

  constructor(format: unknown) {
    const context = "CompressionStream";
    requireArguments(arguments.length, 1, context);
    const name = toEnum(format, formats, context);
    this.#sides = makeSides(name, false, context);
    if (name === "gzip") WeakMapPrototypeSet(codings, this.#sides.readable, "gzip");
    else if (name === "brotli") WeakMapPrototypeSet(codings, this.#sides.readable, "br");
  }

  get readable(): ReadableStream {
    return this.#sides.readable;
  }
  get writable(): WritableStream {
    return this.#sides.writable;
  }
}
defineInterface(CompressionStream);
registerInspectable(CompressionStream, ["readable", "writable"]);

export class DecompressionStream {
  readonly #sides: Sides;

  constructor(format: unknown) {
    const context = "DecompressionStream";
    requireArguments(arguments.length, 1, context);
    this.#sides = makeSides(toEnum(format, formats, context), true, context);
  }

  get readable(): ReadableStream {
    return this.#sides.readable;
  }
  get writable(): WritableStream {
    return this.#sides.writable;
  }
}
defineInterface(DecompressionStream);
registerInspectable(DecompressionStream, ["readable", "writable"]);
