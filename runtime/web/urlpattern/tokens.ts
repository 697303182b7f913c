// Pattern strings as tokens (https://urlpattern.spec.whatwg.org/#tokenizing).
//
// Positions are those of UTF-16 units; a character of two units is one token.

import { append, RegExpPrototypeTest, StringPrototypeCharCodeAt, StringPrototypeCodePointAt, StringPrototypeSlice, TypeError } from "../../bootstrap/primordials.ts";

export const OPEN = 0;
export const CLOSE = 1;
export const REGEXP = 2;
export const NAME = 3;
export const CHAR = 4;
export const ESCAPED_CHAR = 5;
export const OTHER_MODIFIER = 6;
export const ASTERISK = 7;
export const END = 8;
export const INVALID_CHAR = 9;
export type TokenType = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

export interface Token {
  readonly type: TokenType;
  /** Where it begins in the pattern string. */
  readonly index: number;
  readonly value: string;
}

const identifierStart = /^[$_\p{ID_Start}]$/u;
const identifierPart = /^[$\u200c\u200d\p{ID_Continue}]$/u;

/** "Is a valid name code point". character is one code point. */
export function isNameCharacter(character: string, first: boolean): boolean {
  return RegExpPrototypeTest(first ? identifierStart : identifierPart, character);
}

/** The code point at a position, as a string; "" at the end. */
export function characterAt(text: string, at: number): string {
  const point = StringPrototypeCodePointAt(text, at);
  return point === undefined ? "" : StringPrototypeSlice(text, at, at + (point > 0xffff ? 2 : 1));
}

function nameEnd(input: string, start: number): number {
  let at = start;
  while (at < input.length) {
    const character = characterAt(input, at);
    if (!isNameCharacter(character, at === start)) break;
    at += character.length;
  }
  return at;
}

const invalid = -1;

/** The position after the ")" that closes a group opened before start; invalid if there is no well-formed group. */
function groupEnd(input: string, start: number): number {
  let depth = 1;
  let at = start;
  while (at < input.length) {
    let c = StringPrototypeCharCodeAt(input, at);
    if (c > 0x7f || (at === start && c === 0x3f)) return invalid;
    at++;
    if (c === 0x5c) {
      if (at === input.length || StringPrototypeCharCodeAt(input, at) > 0x7f) return invalid;
      at++;
    } else if (c === 0x29) {
      depth--;
      if (depth === 0) break;
    } else if (c === 0x28) {
      depth++;
      if (at === input.length) return invalid;
      c = StringPrototypeCharCodeAt(input, at);
      if (c !== 0x3f) return invalid; // Only groups that capture nothing may be nested.
    }
  }
  return depth !== 0 || at - start - 1 === 0 ? invalid : at;
}

/** lenient: what is wrong becomes INVALID_CHAR instead of a TypeError. */
export function tokenize(input: string, lenient: boolean): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  const add = (type: TokenType, next: number, from: number, to: number): void => {
    append(tokens, { type, index, value: StringPrototypeSlice(input, from, to) });
    index = next;
  };
  const fail = (next: number, from: number): void => {
    if (!lenient) throw new TypeError(`URLPattern: "${input}" is not a valid pattern near position ${index}.`);
    add(INVALID_CHAR, next, from, next);
  };
  while (index < input.length) {
    const character = characterAt(input, index);
    const next = index + character.length;
    switch (character) {
      case "*":
        add(ASTERISK, next, index, next);
        break;
      case "+":
      case "?":
        add(OTHER_MODIFIER, next, index, next);
        break;
      case "{":
        add(OPEN, next, index, next);
        break;
      case "}":
        add(CLOSE, next, index, next);
        break;
      case "\\": {
        const escaped = characterAt(input, next);
        if (escaped === "") fail(next, index);
        else add(ESCAPED_CHAR, next + escaped.length, next, next + escaped.length);
        break;
      }
      case ":": {
        const end = nameEnd(input, next);
        if (end === next) fail(next, index);
        else add(NAME, end, next, end);
        break;
      }
      case "(": {
        const end = groupEnd(input, next);
        if (end === invalid) fail(next, index);
        else add(REGEXP, end, next, end - 1);
        break;
      }
      default:
        add(CHAR, next, index, next);
    }
  }
  add(END, index, index, index);
  return tokens;
}
