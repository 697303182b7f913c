// atob and btoa (https://html.spec.whatwg.org/multipage/webappapis.html#atob).

import { native } from "../bootstrap/native.ts";
import { requireArguments, toDOMString } from "../bootstrap/webidl.ts";
import { DOMException } from "./domexception.ts";

// Methods, since operations of the global scope are no constructors.
export const { atob, btoa } = {
  atob(data: unknown): string {
    requireArguments(arguments.length, 1, "atob");
    const out = native.atob(toDOMString(data));
    if (out === undefined) throw new DOMException("atob: the string is not correctly base64-encoded.", "InvalidCharacterError");
    return out;
  },

  btoa(data: unknown): string {
    requireArguments(arguments.length, 1, "btoa");
    const out = native.btoa(toDOMString(data));
    if (out === undefined) throw new DOMException("btoa: the string has characters outside the Latin-1 range.", "InvalidCharacterError");
    return out;
  },
};
