// Patterns written as one string (https://urlpattern.spec.whatwg.org/#constructor-string-parsing).

import { StringPrototypeSlice } from "../../bootstrap/primordials.ts";
import { canonicalProtocol } from "./canonical.ts";
import { Component } from "./component.ts";
import { type Init, newInit } from "./init.ts";
import { ASTERISK, CHAR, CLOSE, END, ESCAPED_CHAR, INVALID_CHAR, NAME, OPEN, REGEXP, type Token, tokenize } from "./tokens.ts";

// States, in the order in which components stand in a URL.
const INIT = 0;
const PROTOCOL = 1;
const AUTHORITY = 2;
const USERNAME = 3;
const PASSWORD = 4;
const HOSTNAME = 5;
const PORT = 6;
const PATHNAME = 7;
const SEARCH = 8;
const HASH = 9;
const DONE = 10;

const members = [undefined, "protocol", undefined, "username", "password", "hostname", "port", "pathname", "search", "hash", undefined] as const;

const specialSchemes = ["https", "http", "ws", "wss", "ftp", "file"] as const;

/** "Protocol component matches a special scheme". */
export function matchesSpecialScheme(protocol: Component): boolean {
  for (let i = 0; i < specialSchemes.length; i++) if (protocol.match(specialSchemes[i]!) !== undefined) return true;
  return false;
}

const protocolOptions = { delimiter: "", prefix: "", ignoreCase: false };
export const compileProtocol = (pattern: string): Component => new Component(pattern, canonicalProtocol, protocolOptions);

/** "Parse a constructor string". Throws a TypeError. */
export function parseConstructorString(input: string): Init {
  return new ConstructorStringParser(input).parse();
}

class ConstructorStringParser {
  readonly #input: string;
  readonly #tokens: Token[];
  readonly #result = newInit();
  #start = 0; // "component start"
  #index = 0;
  #increment = 1;
  #depth = 0;
  #brackets = 0;
  #special = false;
  #state = INIT;

  constructor(input: string) {
    this.#input = input;
    this.#tokens = tokenize(input, true);
  }

  parse(): Init {
    for (; this.#index < this.#tokens.length; this.#index += this.#increment) {
      this.#increment = 1;
      const { type } = this.#tokens[this.#index]!;
      if (type === END) {
        if (this.#state === INIT) {
          this.#rewind(INIT);
          if (this.#is("#")) this.#change(HASH, 1);
          else if (this.#isSearchPrefix()) this.#change(SEARCH, 1);
          else this.#change(PATHNAME, 0);
          continue;
        }
        if (this.#state === AUTHORITY) {
          this.#rewind(HOSTNAME);
          continue;
        }
        this.#change(DONE, 0);
        break;
      }
      if (type === OPEN) {
        this.#depth++;
        continue;
      }
      if (this.#depth > 0) {
        if (type !== CLOSE) continue;
        this.#depth--;
      }
      this.#step();
    }
    const result = this.#result;
    if (result.hostname !== undefined && result.port === undefined) result.port = "";
    return result;
  }

  #step(): void {
    switch (this.#state) {
      case INIT:
        if (this.#is(":")) this.#rewind(PROTOCOL);
        break;
      case PROTOCOL:
        if (!this.#is(":")) break;
        this.#special = matchesSpecialScheme(compileProtocol(this.#component()));
        if (this.#is("/", 1) && this.#is("/", 2)) this.#change(AUTHORITY, 3);
        else this.#change(this.#special ? AUTHORITY : PATHNAME, 1);
        break;
      case AUTHORITY:
        if (this.#is("@")) this.#rewind(USERNAME);
        else if (this.#is("/") || this.#isSearchPrefix() || this.#is("#")) this.#rewind(HOSTNAME);
        break;
      case USERNAME:
        if (this.#is(":")) this.#change(PASSWORD, 1);
        else if (this.#is("@")) this.#change(HOSTNAME, 1);
        break;
      case PASSWORD:
        if (this.#is("@")) this.#change(HOSTNAME, 1);
        break;
      case HOSTNAME:
        if (this.#is("[")) this.#brackets++;
        else if (this.#is("]")) this.#brackets--;
        else if (this.#brackets === 0 && this.#is(":")) this.#change(PORT, 1);
        else this.#toPathname();
        break;
      case PORT:
        this.#toPathname();
        break;
      case PATHNAME:
        this.#toSearch();
        break;
      case SEARCH:
        if (this.#is("#")) this.#change(HASH, 1);
        break;
    }
  }
  #toPathname(): void {
    if (this.#is("/")) this.#change(PATHNAME, 0);
    else this.#toSearch();
  }
  #toSearch(): void {
    if (this.#isSearchPrefix()) this.#change(SEARCH, 1);
    else if (this.#is("#")) this.#change(HASH, 1);
  }

  #change(state: number, skip: number): void {
    const before = this.#state;
    const member = members[before];
    const result = this.#result;
    if (member !== undefined) result[member] = this.#component();
    if (before !== INIT && state !== DONE) {
      if (before < HOSTNAME && state >= PORT) result.hostname ??= "";
      if (before < PATHNAME && state >= SEARCH) result.pathname ??= this.#special ? "/" : "";
      if (before < SEARCH && state === HASH) result.search ??= "";
    }
    this.#state = state;
    this.#index += skip;
    this.#start = this.#index;
    this.#increment = 0;
  }

  #rewind(state: number): void {
    this.#index = this.#start;
    this.#increment = 0;
    this.#state = state;
  }

  /** The token there, the last one if there are not so many. */
  #token(index: number): Token {
    return this.#tokens[index < this.#tokens.length ? index : this.#tokens.length - 1]!;
  }

  /** "Is a non-special pattern char". */
  #is(character: string, ahead = 0): boolean {
    const token = this.#token(this.#index + ahead);
    return token.value === character && (token.type === CHAR || token.type === ESCAPED_CHAR || token.type === INVALID_CHAR);
  }

  #isSearchPrefix(): boolean {
    if (this.#is("?")) return true;
    if (this.#token(this.#index).value !== "?") return false;
    if (this.#index === 0) return true;
    const { type } = this.#token(this.#index - 1); // What could have "?" as its modifier.
    return type !== NAME && type !== REGEXP && type !== CLOSE && type !== ASTERISK;
  }

  #component(): string {
    return StringPrototypeSlice(this.#input, this.#token(this.#start).index, this.#tokens[this.#index]!.index);
  }
}
