// Subresource integrity (https://www.w3.org/TR/SRI/#does-response-match-metadatalist).

import { native } from "../../bootstrap/native.ts";
import { append, StringPrototypeIndexOf, StringPrototypeReplaceAll, StringPrototypeSlice, StringPrototypeSplit, Uint8Array } from "../../bootstrap/primordials.ts";

const algorithms = ["sha256", "sha384", "sha512"];
const names = ["SHA-256", "SHA-384", "SHA-512"];

interface Metadata {
  /** Index in algorithms: higher is stronger. */
  strength: number;
  /** Base64. */
  digest: string;
}

/** Items of unknown algorithms are ignored, as the specification says. */
function parse(integrity: string): Metadata[] {
  const out: Metadata[] = [];
  let text = integrity;
  for (let i = 0; i < 4; i++) text = StringPrototypeReplaceAll(text, "\t\n\f\r"[i]!, " ");
  const items = StringPrototypeSplit(text, " ");
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    const options = StringPrototypeIndexOf(item, "?");
    const expression = options < 0 ? item : StringPrototypeSlice(item, 0, options);
    const dash = StringPrototypeIndexOf(expression, "-");
    if (dash < 0) continue;
    for (let j = 0; j < algorithms.length; j++) {
      if (algorithms[j] === StringPrototypeSlice(expression, 0, dash)) append(out, { strength: j, digest: StringPrototypeSlice(expression, dash + 1) });
    }
  }
  return out;
}

/** Whether there is anything to check, so that the whole body is needed. */
export function hasIntegrity(integrity: string): boolean {
  return integrity !== "" && parse(integrity).length > 0;
}

export function matchesIntegrity(bytes: Uint8Array, integrity: string): boolean {
  const items = parse(integrity);
  let strongest = 0;
  for (let i = 0; i < items.length; i++) if (items[i]!.strength > strongest) strongest = items[i]!.strength;
  const digest = native.digest(names[strongest]!, bytes);
  if (digest === undefined) return false;
  const actual = withoutPadding(native.btoa(native.latin1Decode(new Uint8Array(digest)))!);
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    // base64url is accepted too, and padding may be missing.
    if (item.strength === strongest && withoutPadding(StringPrototypeReplaceAll(StringPrototypeReplaceAll(item.digest, "-", "+"), "_", "/")) === actual) return true;
  }
  return items.length === 0;
}

function withoutPadding(base64: string): string {
  let end = base64.length;
  while (end > 0 && base64[end - 1] === "=") end--;
  return StringPrototypeSlice(base64, 0, end);
}
