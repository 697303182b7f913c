// Escaping of text in regular expressions and in pattern strings (https://urlpattern.spec.whatwg.org/#escape-a-regexp-string).

import { StringPrototypeIncludes } from "../../bootstrap/primordials.ts";

function escape(text: string, special: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    out += StringPrototypeIncludes(special, c) ? `\\${c}` : c;
  }
  return out;
}

export const escapeRegexp = (text: string): string => escape(text, ".+*?^${}()[]|/\\");
export const escapePattern = (text: string): string => escape(text, "+*?:{}()\\");
