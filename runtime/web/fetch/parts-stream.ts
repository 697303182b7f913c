// A byte stream over bytes in memory: Blob.stream() and the body of a Response made from a string.

import { native } from "../../bootstrap/native.ts";
import { TypedArrayPrototypeGetByteLength, Uint8Array } from "../../bootstrap/primordials.ts";
import { createReadableByteStream, readableByteStreamControllerClose, readableByteStreamControllerEnqueueOwned, setStreamSource } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { subBytes } from "../bytes.ts";
import type { StreamOrigin } from "./origin.ts";

/** Bytes of one chunk of a stream over bytes in memory. */
export const partsStreamChunkMax = 65_536;

/** A stream of copies of the parts, which stay as they are. A string is encoded when somebody reads. */
export function partsStream(parts: string | readonly Uint8Array[], origin: StreamOrigin | undefined): ReadableStream {
  let list: readonly Uint8Array[] | undefined = typeof parts === "string" ? undefined : parts;
  let index = 0;
  let offset = 0;
  const stream = createReadableByteStream(
    undefined,
    (controller) => {
      if (origin !== undefined && origin.taken) return;
      list ??= [native.utf8Encode(parts as string)];
      while (index < list.length && TypedArrayPrototypeGetByteLength(list[index]!) === 0) index++;
      if (index >= list.length) {
        readableByteStreamControllerClose(controller);
        return;
      }
      const part = list[index]!;
      const length = TypedArrayPrototypeGetByteLength(part);
      const end = length - offset > partsStreamChunkMax ? offset + partsStreamChunkMax : length;
      const chunk = new Uint8Array(subBytes(part, offset, end));
      offset = end;
      if (end === length) {
        index++;
        offset = 0;
      }
      readableByteStreamControllerEnqueueOwned(controller, chunk);
    },
    () => {
      list = [];
    },
  );
  if (origin !== undefined) setStreamSource(stream, origin);
  return stream;
}
