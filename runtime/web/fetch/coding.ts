// What the Content-Encoding of a response means for its body (init.encodeBody, which Workers have): a body that is sent with
// "gzip" or "br" is encoded on its way out, unless it is so already.

import { hasCompatFlag } from "../../bootstrap/modules.ts";
import { StringPrototypeIndexOf, StringPrototypeSlice } from "../../bootstrap/primordials.ts";
import { bodyUnusable, type Body } from "./body.ts";
import { encodeBody } from "./encode-body.ts";

const field = "content-encoding";

/** The value of the field Content-Encoding in packed headers, undefined if there is none. Of several fields it is "". */
export function contentCoding(packed: string): string | undefined {
  if (StringPrototypeIndexOf(packed, `${field}\n`) < 0) return undefined; // nearly all there are
  let coding: string | undefined;
  for (let at = 0; at < packed.length; ) {
    const name = StringPrototypeIndexOf(packed, "\n", at);
    const end = StringPrototypeIndexOf(packed, "\n", name + 1);
    if (StringPrototypeSlice(packed, at, name) === field) coding = coding === undefined ? StringPrototypeSlice(packed, name + 1, end) : "";
    at = end + 1;
  }
  return coding;
}

/** The body as it is sent with these headers. encoded: it agrees with them already. */
export function bodyToSend(body: Body | null, packed: string, encoded: boolean): Body | null {
  if (body === null || encoded) return body;
  const coding = contentCoding(packed);
  if (coding !== "gzip" && !(coding === "br" && hasCompatFlag("brotli_content_encoding"))) return body;
  return bodyUnusable(body) ? body : encodeBody(body, coding);
}
