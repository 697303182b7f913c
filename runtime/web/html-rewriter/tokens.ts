// What handlers of the HTML rewriter get: elements, end tags, comments, text, doctypes and the end of the document
// (https://developers.cloudflare.com/workers/runtime-apis/html-rewriter/). Each handler gets an object of its own for the
// token, which works until that handler is done.
//
// Reading goes to the parser at once. What is to be written is gathered in Changes, and written when all handlers of the
// token are done (transform.ts).

import { native } from "../../bootstrap/native.ts";
import { append, Error, FunctionPrototypeCall, IteratorPrototype, ObjectDefineProperty, ObjectSetPrototypeOf, prepend, TypeError } from "../../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, isObject, toDOMString } from "../../bootstrap/webidl.ts";
import { isResponse, responseParts } from "../fetch/response.ts";
import { bodyStream } from "../fetch/body-stream.ts";
import { isReadableStream } from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import type { Codec } from "./codec.ts";

/** Something to be written: text, or a stream of UTF-8. */
export interface Piece {
  readonly content: string | ReadableStream;
  readonly html: boolean;
}

/** What handlers want written for a token, each list in the order of the document. */
export class Changes {
  readonly before: Piece[] = [];
  after: Piece[] = [];
  replacement: Piece | undefined = undefined;
  removed = false;
}

/** A token while its handlers run: of one kind of these. */
export class TokenState {
  readonly rewriter: ArrayBuffer;
  readonly codec: Codec | undefined;
  changes: Changes | undefined = undefined;

  constructor(rewriter: ArrayBuffer, codec: Codec | undefined) {
    this.rewriter = rewriter;
    this.codec = codec;
  }

  change(): Changes {
    this.changes ??= new Changes();
    return this.changes;
  }
}

export type EndTagHandler = (end: EndTag) => unknown;

/** What an element leaves for its end tag. */
export interface ElementEnd {
  changes: Changes | undefined;
  name: string | undefined;
  handler: EndTagHandler | undefined;
}

export class ElementState extends TokenState {
  readonly hasContent: boolean;
  /** Changes whenever an attribute does. */
  version = 0;
  removesContent = false;
  dropsSlash = false;
  end: ElementEnd | undefined = undefined;

  constructor(rewriter: ArrayBuffer, codec: Codec | undefined, hasContent: boolean) {
    super(rewriter, codec);
    this.hasContent = hasContent;
  }

  atEnd(): ElementEnd {
    this.end ??= { changes: undefined, name: undefined, handler: undefined };
    return this.end;
  }

  changeEnd(): Changes {
    const end = this.atEnd();
    end.changes ??= new Changes();
    return end.changes;
  }

  removeContent(): void {
    if (this.changes !== undefined) this.changes.after = [];
    if (this.end?.changes !== undefined) (this.end.changes.before as Piece[]).length = 0;
    this.removesContent = true;
  }
}

export class TextState extends TokenState {
  readonly text: string;
  readonly last: boolean;

  constructor(rewriter: ArrayBuffer, codec: Codec | undefined, text: string, last: boolean) {
    super(rewriter, codec);
    this.text = text;
    this.last = last;
  }
}

/** The end of the document: what is appended to it. */
export class EndState {
  readonly pieces: Piece[] = [];
}

const construct = {}; // The constructors are illegal for everybody without it.

const namespaces = ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"] as const;

function invalid(): never {
  throw new TypeError("This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.");
}

function wrongType(method: string, of: string, index: number, type: string): never {
  throw new TypeError(`Failed to execute '${method}' on '${of}': parameter ${index} is not of type '${type}'.`);
}

function toText(given: number, index: number, v: unknown, method: string, of: string): string {
  if (given < index) wrongType(method, of, index, "string");
  return toDOMString(v);
}

/** undefined: a response without a body, which changes nothing. */
function toPiece(given: number, content: unknown, options: unknown, method: string, of: string): Piece | undefined {
  if (given < 1) wrongType(method, of, 1, "string or ReadableStream or Response");
  let html = false;
  if (options !== undefined && options !== null) {
    if (!isObject(options)) wrongType(method, of, 2, "ContentOptions");
    html = !!(options as { html?: unknown }).html;
  }
  if (typeof content === "string") return { content, html };
  if (isReadableStream(content)) return { content, html };
  if (isResponse(content)) {
    const { body } = responseParts(content);
    return body === null ? undefined : { content: bodyStream(body), html };
  }
  return { content: toDOMString(content), html };
}

function toTextPiece(given: number, content: unknown, options: unknown, method: string, of: string): Piece {
  if (isReadableStream(content) || isResponse(content)) {
    throw new TypeError("Replacing content in HTML comments using a ReadableStream or Response object is not implemented. You must provide a string.");
  }
  return toPiece(given, content, options, method, of)!;
}

/** A name that the document's encoding must have all of; what says in the error which name that is. */
function toName(codec: Codec | undefined, name: string, what: string): string {
  if (codec === undefined) return name;
  const bytes = codec.encodeExactly(name);
  if (bytes === undefined) throw new TypeError(`Parser error: ${what} contains a character that can't be represented in the document's character encoding.`);
  return bytes;
}

export let newElement: (state: ElementState) => Element;
export let endElement: (element: Element) => void;

export class Element {
  #state: ElementState | undefined;

  constructor(key: unknown = undefined, state: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#state = state as ElementState;
  }

  get tagName(): string {
    const { rewriter, codec } = this.#state ?? invalid();
    const name = native.htmlName(rewriter);
    return codec === undefined ? name : codec.decode(name);
  }
  set tagName(name: unknown) {
    const state = this.#state ?? invalid();
    const text = toDOMString(name);
    const bytes = toName(state.codec, text, "The tag name");
    native.htmlSetName(state.rewriter, bytes, false);
    if (state.hasContent) state.atEnd().name = bytes;
  }
  get attributes(): AttributesIterator {
    const state = this.#state ?? invalid();
    return newAttributesIterator(state, () => this.#state !== undefined);
  }
  get removed(): boolean {
    return (this.#state ?? invalid()).changes?.removed ?? false;
  }
  get namespaceURI(): string {
    return namespaces[native.htmlSpace((this.#state ?? invalid()).rewriter)]!;
  }

  getAttribute(name: unknown): string | null {
    const { rewriter, codec } = this.#state ?? invalid();
    const text = toText(arguments.length, 1, name, "getAttribute", "Element");
    if (codec === undefined) return native.htmlAttribute(rewriter, text);
    const bytes = codec.encodeExactly(text);
    const value = bytes === undefined ? null : native.htmlAttribute(rewriter, bytes);
    return value === null ? null : codec.decode(value);
  }

  hasAttribute(name: unknown): boolean {
    const { rewriter, codec } = this.#state ?? invalid();
    const text = toText(arguments.length, 1, name, "hasAttribute", "Element");
    const bytes = codec === undefined ? text : codec.encodeExactly(text);
    return bytes !== undefined && native.htmlAttribute(rewriter, bytes) !== null;
  }

  setAttribute(name: unknown, value: unknown): this {
    const state = this.#state ?? invalid();
    const { codec } = state;
    const nameText = toText(arguments.length, 1, name, "setAttribute", "Element");
    const valueText = toText(arguments.length, 2, value, "setAttribute", "Element");
    if (codec === undefined) native.htmlSetAttribute(state.rewriter, nameText, valueText);
    else native.htmlSetAttribute(state.rewriter, toName(codec, nameText, "The attribute name"), codec.encode(valueText));
    state.version++;
    return this;
  }

  removeAttribute(name: unknown): this {
    const state = this.#state ?? invalid();
    const text = toText(arguments.length, 1, name, "removeAttribute", "Element");
    const bytes = state.codec === undefined ? text : state.codec.encodeExactly(text);
    if (bytes !== undefined) native.htmlRemoveAttribute(state.rewriter, bytes);
    state.version++;
    return this;
  }

  before(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "before", "Element");
    if (piece !== undefined) append(state.change().before, piece);
    return this;
  }

  after(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "after", "Element");
    if (piece !== undefined) prepend((state.hasContent ? state.changeEnd() : state.change()).after, piece);
    return this;
  }

  prepend(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "prepend", "Element");
    if (piece !== undefined && state.hasContent) {
      state.dropsSlash = true;
      prepend(state.change().after, piece);
    }
    return this;
  }

  append(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "append", "Element");
    if (piece !== undefined && state.hasContent) {
      state.dropsSlash = true;
      append(state.changeEnd().before, piece);
    }
    return this;
  }

  replace(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "replace", "Element");
    if (piece === undefined) return this;
    const changes = state.change();
    changes.removed = true;
    changes.replacement = piece;
    if (state.hasContent) {
      state.removeContent();
      state.changeEnd().removed = true;
    }
    return this;
  }

  remove(): this {
    const state = this.#state ?? invalid();
    state.change().removed = true;
    if (state.hasContent) {
      state.removeContent();
      state.changeEnd().removed = true;
    }
    return this;
  }

  removeAndKeepContent(): this {
    const state = this.#state ?? invalid();
    state.change().removed = true;
    if (state.hasContent) state.changeEnd().removed = true;
    return this;
  }

  setInnerContent(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "setInnerContent", "Element");
    if (piece !== undefined && state.hasContent) {
      state.dropsSlash = true;
      state.removeContent();
      prepend(state.change().after, piece);
    }
    return this;
  }

  onEndTag(handler: unknown): void {
    const state = this.#state ?? invalid();
    if (typeof handler !== "function") wrongType("onEndTag", "Element", 1, "function");
    if (!state.hasContent) throw new TypeError("Parser error: No end tag.");
    state.atEnd().handler = handler as EndTagHandler;
  }

  static {
    newElement = (state) => new Element(construct, state);
    endElement = (element) => {
      element.#state = undefined;
    };
  }
}
defineInterface(Element);

let newAttributesIterator: (state: ElementState, valid: () => boolean) => AttributesIterator;

export class AttributesIterator {
  readonly #state: ElementState;
  readonly #valid: () => boolean;
  readonly #version: number;
  readonly #list: string[];
  #next = 0;

  constructor(key: unknown, state: unknown, valid: unknown) {
    if (key !== construct) illegalConstructor();
    this.#state = state as ElementState;
    this.#valid = valid as () => boolean;
    this.#version = this.#state.version;
    this.#list = native.htmlAttributes(this.#state.rewriter);
  }

  next(): { done: boolean; value: [string, string] | undefined } {
    const list = this.#list;
    if (!FunctionPrototypeCall<boolean>(this.#valid, undefined)) invalid();
    const { codec, version } = this.#state;
    if (version !== this.#version) {
      throw new Error("The attributes of this element have been modified during iteration. You must create a new iterator after modifying attributes.");
    }
    const at = this.#next;
    if (at >= list.length) return { done: true, value: undefined };
    this.#next = at + 2;
    const name = list[at]!;
    const value = list[at + 1]!;
    return { done: false, value: codec === undefined ? [name, value] : [codec.decode(name), codec.decode(value)] };
  }

  static {
    newAttributesIterator = (state, valid) => new AttributesIterator(construct, state, valid);
  }
}
// %IteratorPrototype% has @@iterator.
ObjectSetPrototypeOf(AttributesIterator.prototype, IteratorPrototype);
defineInterface(AttributesIterator);

export class EndTagState extends TokenState {}

export let newEndTag: (state: EndTagState) => EndTag;
export let endEndTag: (tag: EndTag) => void;

export class EndTag {
  #state: EndTagState | undefined;

  constructor(key: unknown = undefined, state: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#state = state as EndTagState;
  }

  get name(): string {
    const { rewriter, codec } = this.#state ?? invalid();
    const name = native.htmlName(rewriter);
    return codec === undefined ? name : codec.decode(name);
  }
  set name(name: unknown) {
    const { rewriter, codec } = this.#state ?? invalid();
    const text = toDOMString(name);
    native.htmlSetName(rewriter, codec === undefined ? text : codec.encode(text), true);
  }

  before(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "before", "EndTag");
    if (piece !== undefined) append(state.change().before, piece);
    return this;
  }

  after(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "after", "EndTag");
    if (piece !== undefined) prepend(state.change().after, piece);
    return this;
  }

  remove(): this {
    (this.#state ?? invalid()).change().removed = true;
    return this;
  }

  static {
    newEndTag = (state) => new EndTag(construct, state);
    endEndTag = (tag) => {
      tag.#state = undefined;
    };
  }
}
defineInterface(EndTag);

export let newComment: (state: TokenState) => Comment;
export let endComment: (comment: Comment) => void;

export class Comment {
  #state: TokenState | undefined;

  constructor(key: unknown = undefined, state: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#state = state as TokenState;
  }

  get text(): string {
    const { rewriter, codec } = this.#state ?? invalid();
    const text = native.htmlText(rewriter);
    return codec === undefined ? text : codec.decode(text);
  }
  set text(text: unknown) {
    const { rewriter, codec } = this.#state ?? invalid();
    native.htmlSetText(rewriter, toName(codec, toDOMString(text), "Comment text"));
  }
  get removed(): boolean {
    return (this.#state ?? invalid()).changes?.removed ?? false;
  }

  before(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    append(state.change().before, toTextPiece(arguments.length, content, options, "before", "Comment"));
    return this;
  }

  after(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    prepend(state.change().after, toTextPiece(arguments.length, content, options, "after", "Comment"));
    return this;
  }

  replace(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toTextPiece(arguments.length, content, options, "replace", "Comment");
    const changes = state.change();
    changes.removed = true;
    changes.replacement = piece;
    return this;
  }

  remove(): this {
    (this.#state ?? invalid()).change().removed = true;
    return this;
  }

  static {
    newComment = (state) => new Comment(construct, state);
    endComment = (comment) => {
      comment.#state = undefined;
    };
  }
}
defineInterface(Comment);

export let newText: (state: TextState) => Text;
export let endText: (text: Text) => void;

export class Text {
  #state: TextState | undefined;

  constructor(key: unknown = undefined, state: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#state = state as TextState;
  }

  get text(): string {
    return (this.#state ?? invalid()).text;
  }
  get lastInTextNode(): boolean {
    return (this.#state ?? invalid()).last;
  }
  get removed(): boolean {
    return (this.#state ?? invalid()).changes?.removed ?? false;
  }

  before(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "before", "Text");
    if (piece !== undefined) append(state.change().before, piece);
    return this;
  }

  after(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "after", "Text");
    if (piece !== undefined) prepend(state.change().after, piece);
    return this;
  }

  replace(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    const piece = toPiece(arguments.length, content, options, "replace", "Text");
    if (piece === undefined) return this;
    const changes = state.change();
    changes.removed = true;
    changes.replacement = piece;
    return this;
  }

  remove(): this {
    (this.#state ?? invalid()).change().removed = true;
    return this;
  }

  static {
    newText = (state) => new Text(construct, state);
    endText = (text) => {
      text.#state = undefined;
    };
  }
}
defineInterface(Text);

type Identifiers = readonly [name: string | null, publicId: string | null, systemId: string | null];

export let newDoctype: (rewriter: ArrayBuffer, codec: Codec | undefined) => Doctype;
export let endDoctype: (doctype: Doctype) => void;

const identifierNames = ["name", "publicId", "systemId"] as const;

/** Its attributes are properties of the object, as on the original platform, so that JSON.stringify shows them. */
export class Doctype {
  #identifiers: Identifiers | undefined;
  declare readonly name: string | null;
  declare readonly publicId: string | null;
  declare readonly systemId: string | null;

  constructor(key: unknown = undefined, rewriter: unknown = undefined, codec: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#identifiers = native.htmlDoctype(rewriter as ArrayBuffer);
    for (let i = 0; i < identifierNames.length; i++) {
      const get = (): string | null => {
        const text = (this.#identifiers ?? invalid())[i]!;
        return codec === undefined || text === null ? text : (codec as Codec).decode(text);
      };
      ObjectDefineProperty(this, identifierNames[i]!, { __proto__: null, get, enumerable: true, configurable: true } as unknown as PropertyDescriptor);
    }
  }

  static {
    newDoctype = (rewriter, codec) => new Doctype(construct, rewriter, codec);
    endDoctype = (doctype) => {
      doctype.#identifiers = undefined;
    };
  }
}
defineInterface(Doctype);

export let newDocumentEnd: (state: EndState) => DocumentEnd;
export let endDocumentEnd: (end: DocumentEnd) => void;

export class DocumentEnd {
  #state: EndState | undefined;

  constructor(key: unknown = undefined, state: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    this.#state = state as EndState;
  }

  append(content: unknown, options: unknown = undefined): this {
    const state = this.#state ?? invalid();
    append(state.pieces, toTextPiece(arguments.length, content, options, "append", "DocumentEnd"));
    return this;
  }

  static {
    newDocumentEnd = (state) => new DocumentEnd(construct, state);
    endDocumentEnd = (end) => {
      end.#state = undefined;
    };
  }
}
defineInterface(DocumentEnd);
