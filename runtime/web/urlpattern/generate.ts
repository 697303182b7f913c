// What lists of parts are turned into: regular expressions (https://urlpattern.spec.whatwg.org/#converting-part-lists-to-regular-expressions)
// and pattern strings (the section after that).

import { append, StringPrototypeCharCodeAt } from "../../bootstrap/primordials.ts";
import { escapePattern, escapeRegexp } from "./escape.ts";
import { FIXED_TEXT, FULL_WILDCARD, fullWildcard, NONE, ONE_OR_MORE, OPTIONAL, type Options, type Part, REGEXP_PART, SEGMENT_WILDCARD, segmentWildcard, ZERO_OR_MORE } from "./parts.ts";
import { characterAt, isNameCharacter } from "./tokens.ts";

function modifierMark(modifier: Part["modifier"]): string {
  return modifier === ZERO_OR_MORE ? "*" : modifier === OPTIONAL ? "?" : modifier === ONE_OR_MORE ? "+" : "";
}

/** The source of the regular expression. The names of its groups, in order, go to names. */
export function generateRegexp(parts: readonly Part[], options: Options, names: string[]): string {
  let out = "^";
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const mark = modifierMark(part.modifier);
    if (part.type === FIXED_TEXT) {
      const text = escapeRegexp(part.value);
      out += part.modifier === NONE ? text : `(?:${text})${mark}`;
      continue;
    }
    append(names, part.name);
    const value = part.type === SEGMENT_WILDCARD ? segmentWildcard(options) : part.type === FULL_WILDCARD ? fullWildcard : part.value;
    const repeats = part.modifier === ZERO_OR_MORE || part.modifier === ONE_OR_MORE;
    const prefix = escapeRegexp(part.prefix);
    const suffix = escapeRegexp(part.suffix);
    if (prefix === "" && suffix === "") {
      out += repeats ? `((?:${value})${mark})` : `(${value})${mark}`;
    } else if (!repeats) {
      out += `(?:${prefix}(${value})${suffix})${mark}`;
    } else {
      out += `(?:${prefix}((?:${value})(?:${suffix}${prefix}(?:${value}))*)${suffix})${part.modifier === ZERO_OR_MORE ? "?" : ""}`;
    }
  }
  return `${out}$`;
}

function startsWithDigit(name: string): boolean {
  const c = StringPrototypeCharCodeAt(name, 0);
  return c >= 0x30 && c <= 0x39;
}

function needsGrouping(part: Part, previous: Part | undefined, next: Part | undefined, options: Options): boolean {
  if (part.suffix !== "" || (part.prefix !== "" && part.prefix !== options.prefix)) return true;
  if (!startsWithDigit(part.name) && part.type === SEGMENT_WILDCARD && part.modifier === NONE && next !== undefined && next.prefix === "" && next.suffix === "") {
    if (next.type === FIXED_TEXT ? isNameCharacter(characterAt(next.value, 0), false) : startsWithDigit(next.name)) return true;
  }
  return part.prefix === "" && previous !== undefined && previous.type === FIXED_TEXT && previous.value !== "" && previous.value[previous.value.length - 1] === options.prefix;
}

/** "Generate a pattern string": the normal form of a pattern. */
export function generatePattern(parts: readonly Part[], options: Options): string {
  let out = "";
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const previous = i > 0 ? parts[i - 1] : undefined;
    const next = i < parts.length - 1 ? parts[i + 1] : undefined;
    if (part.type === FIXED_TEXT) {
      const text = escapePattern(part.value);
      out += part.modifier === NONE ? text : `{${text}}${modifierMark(part.modifier)}`;
      continue;
    }
    const named = !startsWithDigit(part.name);
    const grouped = needsGrouping(part, previous, next, options);
    if (grouped) out += "{";
    out += escapePattern(part.prefix);
    if (named) out += `:${part.name}`;
    if (part.type === REGEXP_PART) {
      out += `(${part.value})`;
    } else if (part.type === SEGMENT_WILDCARD) {
      if (!named) out += `(${segmentWildcard(options)})`;
      else if (part.suffix !== "" && isNameCharacter(characterAt(part.suffix, 0), false)) out += "\\";
    } else {
      const plain = !named && (previous === undefined || previous.type === FIXED_TEXT || previous.modifier !== NONE || grouped || part.prefix !== "");
      out += plain ? "*" : `(${fullWildcard})`;
    }
    out += escapePattern(part.suffix);
    if (grouped) out += "}";
    out += modifierMark(part.modifier);
  }
  return out;
}
