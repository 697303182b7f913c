// Encodes bodies on their way out: see coding.ts.

import { native } from "../../bootstrap/native.ts";
import { codingOf, createEncoder } from "../compression.ts";
import { readableStreamPipeTo } from "../streams/internal.ts";
import { Body } from "./body.ts";
import { bodyStream } from "./body-stream.ts";

/**
 * A usable body, encoded; it is used up. What comes straight from a CompressionStream of that format is left as it is: the
 * original platform encodes it twice, which no reader of the response expects.
 */
export function encodeBody(body: Body, coding: "gzip" | "br"): Body {
  if (body.stream !== undefined && codingOf(body.stream) === coding) return body;
  const { readable, writable } = createEncoder(coding, "Response body");
  native.markHandled(readableStreamPipeTo(bodyStream(body), writable));
  return new Body(undefined, readable, null);
}
