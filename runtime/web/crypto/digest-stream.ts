// crypto.DigestStream, a WritableStream that hashes what is written to it
// (https://developers.cloudflare.com/workers/runtime-apis/web-crypto/#constructors).

import { type DigestHandle, native } from "../../bootstrap/native.ts";
import { newDeferredFast, StringPrototypeToUpperCase, TypeError } from "../../bootstrap/primordials.ts";
import { defineInterface, isBufferSource, isObject, requireArguments, toDOMString, typeError } from "../../bootstrap/webidl.ts";
import { WritableStream } from "../streams/writable.ts";
import { notSupported } from "./normalize.ts";

function open(algorithm: unknown): DigestHandle {
  const context = "DigestStream";
  let name: unknown = algorithm;
  if (isObject(algorithm)) {
    name = (algorithm as { name?: unknown }).name;
    if (name === undefined) throw typeError(context, "the algorithm has no name.");
  }
  const given = toDOMString(name);
  // Hashes in any case; checksums as they are written.
  const digest = native.digestOpen(StringPrototypeToUpperCase(given)) ?? native.digestOpen(given);
  if (digest === undefined) throw notSupported(`${context}: "${given}" is not a supported algorithm.`);
  return digest;
}

interface Sink {
  write(chunk: unknown): void;
  close(): void;
  abort(reason: unknown): void;
}

export class DigestStream extends WritableStream {
  readonly #digest: Promise<ArrayBuffer>;
  readonly #sink: { written: number };

  constructor(algorithm: unknown) {
    requireArguments(arguments.length, 1, "DigestStream");
    const state = open(algorithm);
    const { promise, resolve, reject } = newDeferredFast<ArrayBuffer>();
    native.markHandled(promise); // Who does not ask for the digest does not need to know that there is none.
    const counter = { __proto__: null as never, written: 0 };
    const sink: Sink = {
      __proto__: null as never,
      write(chunk) {
        const bytes = typeof chunk === "string" ? native.utf8Encode(chunk) : chunk;
        if (!isBufferSource(bytes)) {
          const error = new TypeError("DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type on its writable side.");
          reject(error);
          throw error;
        }
        native.digestWrite(state, bytes);
        counter.written += native.byteLength(bytes);
      },
      close() {
        resolve(native.digestClose(state));
      },
      abort(reason) {
        reject(reason);
      },
    } as Sink;
    super(sink);
    this.#digest = promise;
    this.#sink = counter;
  }

  get digest(): Promise<ArrayBuffer> {
    return this.#digest;
  }
  get bytesWritten(): number {
    return this.#sink.written;
  }
}
defineInterface(DigestStream);
