// Where a stream of ours comes from. While nobody has read from such a stream its source can be used directly: a string is
// sent as a string, an inbound body is spliced by the supervisor and never enters the isolate.

import type { Blob } from "../blob.ts";
import type { Inbound } from "./inbound.ts";

/** What a body is made of when it is not only a stream. Bytes are private to the platform and never changed. */
export type DirectSource = string | Uint8Array | Blob | Inbound;

/** Kept in the slot of a stream (setStreamSource). Never reaches a worker. */
export class StreamOrigin {
  readonly source: DirectSource;
  /** The source is used elsewhere: the stream itself must never deliver anything. */
  taken = false;
  #brand = undefined;

  constructor(source: DirectSource) {
    this.source = source;
  }

  static is(v: unknown): v is StreamOrigin {
    return typeof v === "object" && v !== null && #brand in v;
  }
}
