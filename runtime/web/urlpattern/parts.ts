// Pattern strings as lists of parts (https://urlpattern.spec.whatwg.org/#parsing).

import { append, TypeError } from "../../bootstrap/primordials.ts";
import { escapeRegexp } from "./escape.ts";
import { ASTERISK, CHAR, CLOSE, END, ESCAPED_CHAR, NAME, OPEN, OTHER_MODIFIER, REGEXP, type Token, tokenize, type TokenType } from "./tokens.ts";

// Types and modifiers, from what matches most to what matches least.
export const FULL_WILDCARD = 0;
export const SEGMENT_WILDCARD = 1;
export const REGEXP_PART = 2;
export const FIXED_TEXT = 3;

export const ZERO_OR_MORE = 0;
export const OPTIONAL = 1;
export const ONE_OR_MORE = 2;
export const NONE = 3;

export interface Part {
  readonly type: 0 | 1 | 2 | 3;
  readonly value: string;
  readonly modifier: 0 | 1 | 2 | 3;
  readonly name: string;
  readonly prefix: string;
  readonly suffix: string;
}

/** "Encoding callback": validates and encodes plain text of a component. Throws a TypeError. */
export type Encode = (text: string) => string;

export interface Options {
  /** Separates segments; "" for none. */
  readonly delimiter: string;
  /** What belongs to a following group if it stands right before it; "" for none. */
  readonly prefix: string;
  readonly ignoreCase: boolean;
}

export const fullWildcard = ".*";
/** "Generate a segment wildcard regexp". */
export const segmentWildcard = (options: Options): string => `[^${escapeRegexp(options.delimiter)}]+?`;

/** "Parse a pattern string". Throws a TypeError. */
export function parsePattern(input: string, options: Options, encode: Encode): Part[] {
  return new PatternParser(input, options, encode).parse();
}

class PatternParser {
  readonly #input: string;
  readonly #tokens: Token[];
  readonly #options: Options;
  readonly #encode: Encode;
  readonly #segmentWildcard: string;
  readonly #parts: Part[] = [];
  #pending = ""; // "pending fixed value"
  #index = 0;
  #nextName = 0;

  constructor(input: string, options: Options, encode: Encode) {
    this.#input = input;
    this.#tokens = tokenize(input, false);
    this.#options = options;
    this.#encode = encode;
    this.#segmentWildcard = segmentWildcard(options);
  }

  parse(): Part[] {
    while (this.#index < this.#tokens.length) {
      const char = this.#take(CHAR);
      let name = this.#take(NAME);
      let matcher = this.#takeMatcher(name);
      if (name !== undefined || matcher !== undefined) {
        let prefix = char?.value ?? "";
        if (prefix !== "" && prefix !== this.#options.prefix) {
          this.#pending += prefix;
          prefix = "";
        }
        this.#flush();
        this.#add(prefix, name, matcher, "", this.#takeModifier());
        continue;
      }
      const fixed = char ?? this.#take(ESCAPED_CHAR);
      if (fixed !== undefined) {
        this.#pending += fixed.value;
        continue;
      }
      if (this.#take(OPEN) !== undefined) {
        const prefix = this.#takeText();
        name = this.#take(NAME);
        matcher = this.#takeMatcher(name);
        const suffix = this.#takeText();
        this.#require(CLOSE);
        this.#add(prefix, name, matcher, suffix, this.#takeModifier());
        continue;
      }
      this.#flush();
      this.#require(END);
    }
    return this.#parts;
  }

  #take(type: TokenType): Token | undefined {
    const token = this.#tokens[this.#index]!;
    if (token.type !== type) return undefined;
    this.#index++;
    return token;
  }
  #takeModifier(): Token | undefined {
    return this.#take(OTHER_MODIFIER) ?? this.#take(ASTERISK);
  }
  #takeMatcher(name: Token | undefined): Token | undefined {
    const token = this.#take(REGEXP);
    return token === undefined && name === undefined ? this.#take(ASTERISK) : token;
  }
  #takeText(): string {
    let text = "";
    for (;;) {
      const token = this.#take(CHAR) ?? this.#take(ESCAPED_CHAR);
      if (token === undefined) return text;
      text += token.value;
    }
  }
  #require(type: TokenType): void {
    if (this.#take(type) === undefined) throw new TypeError(`URLPattern: "${this.#input}" is not a valid pattern near position ${this.#tokens[this.#index]!.index}.`);
  }

  #push(type: Part["type"], value: string, modifier: Part["modifier"], name: string, prefix: string, suffix: string): void {
    append(this.#parts, { type, value, modifier, name, prefix, suffix });
  }

  /** "Maybe add a part from the pending fixed value". */
  #flush(): void {
    if (this.#pending === "") return;
    const value = this.#encode(this.#pending);
    this.#pending = "";
    this.#push(FIXED_TEXT, value, NONE, "", "", "");
  }

  /** "Add a part". */
  #add(prefix: string, nameToken: Token | undefined, matcher: Token | undefined, suffix: string, modifierToken: Token | undefined): void {
    const mark = modifierToken?.value;
    const modifier = mark === "?" ? OPTIONAL : mark === "*" ? ZERO_OR_MORE : mark === "+" ? ONE_OR_MORE : NONE;
    if (nameToken === undefined && matcher === undefined && modifier === NONE) {
      this.#pending += prefix;
      return;
    }
    this.#flush();
    if (nameToken === undefined && matcher === undefined) {
      if (prefix !== "") this.#push(FIXED_TEXT, this.#encode(prefix), modifier, "", "", "");
      return;
    }
    let value = matcher === undefined ? this.#segmentWildcard : matcher.type === ASTERISK ? fullWildcard : matcher.value;
    let type: Part["type"] = REGEXP_PART;
    if (value === this.#segmentWildcard) type = SEGMENT_WILDCARD;
    else if (value === fullWildcard) type = FULL_WILDCARD;
    if (type !== REGEXP_PART) value = "";
    const name = nameToken === undefined ? `${this.#nextName++}` : nameToken.value;
    for (let i = 0; i < this.#parts.length; i++) {
      if (this.#parts[i]!.name === name) throw new TypeError(`URLPattern: "${this.#input}" has two groups with the name "${name}".`);
    }
    this.#push(type, value, modifier, name, this.#encode(prefix), this.#encode(suffix));
  }
}
