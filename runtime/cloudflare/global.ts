// The global object Cloudflare (https://developers.cloudflare.com/workers/configuration/compatibility-flags/): which
// compatibility flags the platform has, and which of them are on for this worker.

import { compatBits } from "../bootstrap/modules.ts";
import { registerInspectable } from "../bootstrap/interfaces.ts";
import { defineData, NumberParseInt, ObjectFreeze, StringPrototypeIndexOf, StringPrototypeSlice } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor } from "../bootstrap/webidl.ts";
import { compatNames } from "./compat-names.gen.ts";

const construct = {};

/** Each flag by the name that turns it on. */
function flags(): { readonly [name: string]: boolean } {
  const out: { [name: string]: boolean } = {};
  const bits = compatBits();
  for (let start = 0, i = 0; start < compatNames.length; i++) {
    const end = StringPrototypeIndexOf(compatNames, " ", start);
    const digit = NumberParseInt(StringPrototypeSlice(bits, i >> 2, (i >> 2) + 1), 16);
    defineData(out, StringPrototypeSlice(compatNames, start, end), (digit & (8 >> (i & 3))) !== 0, true, true, true);
    start = end + 1;
  }
  return ObjectFreeze(out);
}

export class Cloudflare {
  #flags: { readonly [name: string]: boolean } | undefined;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }
  get compatibilityFlags(): { readonly [name: string]: boolean } {
    this.#flags ??= flags();
    return this.#flags;
  }
}
defineInterface(Cloudflare);
registerInspectable(Cloudflare, ["compatibilityFlags"]);

export const cloudflare: Cloudflare = new Cloudflare(construct);
