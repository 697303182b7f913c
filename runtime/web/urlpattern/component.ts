// One component of a pattern, ready to match (https://urlpattern.spec.whatwg.org/#compile-a-component).
//
// The regular expression is made at once where a worker wrote one into the pattern, since it may be wrong; otherwise when
// it is needed first. Most components are plain text or a lone "*" and never need theirs.

import { RegExp, RegExpPrototypeExec, TypeError } from "../../bootstrap/primordials.ts";
import { generatePattern, generateRegexp } from "./generate.ts";
import { type Encode, FIXED_TEXT, FULL_WILDCARD, NONE, type Options, type Part, parsePattern, REGEXP_PART } from "./parts.ts";

/** The groups of a match, in the order of Component.names; undefined for one that matched nothing. */
export type Groups = readonly (string | undefined)[];

const noGroups: Groups = [];

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
  readonly #any: boolean;
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
    this.#any = only !== undefined && only.type === FULL_WILDCARD && only.modifier === NONE && only.prefix === "" && only.suffix === "";
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
    if (this.#any) return [value];
    const found = RegExpPrototypeExec(this.#regexp ?? this.#compile(), value);
    if (found === null) return undefined;
    const groups: (string | undefined)[] = [];
    for (let i = 0; i < this.names.length; i++) groups[i] = found[i + 1];
    return groups;
  }
}
