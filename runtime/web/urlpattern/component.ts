// One component of a pattern, ready to match (https://urlpattern.spec.whatwg.org/#compile-a-component).
//
// The regular expression is made at once where a worker wrote one into the pattern, since it may be wrong; otherwise when
// it is needed first. Most components never need theirs: they are plain text, a lone "*", or segments between delimiters,
// where there is but one way to match.

import { append, RegExp, RegExpPrototypeExec, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeStartsWith, TypeError } from "../../bootstrap/primordials.ts";
import { generatePattern, generateRegexp } from "./generate.ts";
import { type Encode, FIXED_TEXT, FULL_WILDCARD, NONE, type Options, type Part, parsePattern, REGEXP_PART, SEGMENT_WILDCARD } from "./parts.ts";

/** The groups of a match, in the order of Component.names, from 1 on; undefined for one that matched nothing. */
export type Groups = readonly (string | undefined)[];

const noGroups: Groups = [];

/** Whether the parts can be matched from left to right without trying anything twice. */
function isStraight(parts: readonly Part[], options: Options): boolean {
  const { delimiter, ignoreCase } = options;
  if (ignoreCase || delimiter === "") return false;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (part.modifier !== NONE || part.suffix !== "" || part.type === REGEXP_PART) return false;
    if (part.type === FIXED_TEXT || i === parts.length - 1) continue;
    // A segment ends at a delimiter: there must be one. Only the last part may go beyond.
    const next = parts[i + 1]!;
    if (part.type !== SEGMENT_WILDCARD || !StringPrototypeStartsWith(next.type === FIXED_TEXT ? next.value : next.prefix, delimiter)) return false;
  }
  return true;
}

export class Component {
  readonly parts: readonly Part[];
  readonly options: Options;
  readonly encode: Encode;
  /** The normal form. */
  readonly pattern: string;
  readonly names: string[] = [];
  readonly hasRegexpGroups: boolean;
  /** What the component must be equal to, if that is all. */
  readonly #text: string | undefined;
  /** Whether it matches everything, as one group. */
  readonly any: boolean;
  readonly #straight: boolean;
  readonly #source: string;
  #regexp: RegExp | undefined;

  /** Throws a TypeError. */
  constructor(input: string, encode: Encode, options: Options) {
    const parts = parsePattern(input, options, encode);
    this.parts = parts;
    this.options = options;
    this.encode = encode;
    this.pattern = generatePattern(parts, options);
    this.#source = generateRegexp(parts, options, this.names);
    let custom = false;
    for (let i = 0; i < parts.length; i++) if (parts[i]!.type === REGEXP_PART) custom = true;
    this.hasRegexpGroups = custom;
    const only = parts.length === 1 ? parts[0]! : undefined;
    this.any = only !== undefined && only.type === FULL_WILDCARD && only.modifier === NONE && only.prefix === "" && only.suffix === "";
    this.#straight = isStraight(parts, options);
    if (parts.length === 0) this.#text = "";
    else if (only !== undefined && only.type === FIXED_TEXT && only.modifier === NONE && !options.ignoreCase) this.#text = only.value;
    if (custom) this.#compile();
  }

  #compile(): RegExp {
    try {
      return (this.#regexp = new RegExp(this.#source, this.options.ignoreCase ? "vi" : "v"));
    } catch (e) {
      throw new TypeError(`URLPattern: "${this.pattern}" has an invalid regular expression: ${(e as Error).message}`);
    }
  }

  /** undefined: no match. */
  match(value: string): Groups | undefined {
    if (this.#text !== undefined) return this.#text === value ? noGroups : undefined;
    if (this.any) return [value, value];
    if (this.#straight) return this.#matchStraight(value);
    return RegExpPrototypeExec(this.#regexp ?? this.#compile(), value) ?? undefined;
  }

  #matchStraight(value: string): Groups | undefined {
    const { parts } = this;
    const groups: (string | undefined)[] = [value];
    let at = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      const text = part.type === FIXED_TEXT ? part.value : part.prefix;
      if (!StringPrototypeStartsWith(value, text, at)) return undefined;
      at += text.length;
      if (part.type === FIXED_TEXT) continue;
      let end = value.length;
      if (part.type === SEGMENT_WILDCARD) {
        const delimiter = StringPrototypeIndexOf(value, this.options.delimiter, at);
        if (delimiter >= 0) end = delimiter;
        if (end === at) return undefined;
      }
      append(groups, StringPrototypeSlice(value, at, end));
      at = end;
    }
    return at === value.length ? groups : undefined;
  }
}
