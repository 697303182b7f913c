// One document on its way through the HTML rewriter: reads the body, lets the host find tokens (native.ts, "HTML
// rewriter"), calls the handlers and writes what they have made of them to a byte stream.
//
// Written as steps that go on where the last one stopped, and not as an async function: most handlers are synchronous, and
// then a whole chunk of the document is done without a promise. It runs when somebody reads, and once ahead of that, up
// to the first bytes of output.

import { type AsyncFrame, currentFrame, runInFrame } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import {
  append,
  insert,
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  PromisePrototypeThen,
  PromiseResolve,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypeError,
} from "../../bootstrap/primordials.ts";
import { isObject } from "../../bootstrap/webidl.ts";
import { Decoder } from "../encoding.ts";
import {
  acquireReadableStreamDefaultReader,
  type ByteController,
  createReadableByteStream,
  type DefaultReader,
  isReadableStreamLocked,
  markStreamDisturbed,
  readableByteStreamControllerClose,
  readableByteStreamControllerEnqueueOwned,
  readableByteStreamControllerError,
  readableStreamDefaultReaderRead,
  readableStreamReaderCancel,
} from "../streams/internal.ts";
import type { ReadableStream } from "../streams/readable.ts";
import { type Codec, escapeText, toBytes } from "./codec.ts";
import {
  type ElementEnd,
  ElementState,
  EndState,
  EndTagState,
  endComment,
  endDoctype,
  endDocumentEnd,
  endElement,
  endEndTag,
  endText,
  newComment,
  newDoctype,
  newDocumentEnd,
  newElement,
  newEndTag,
  newText,
  type Piece,
  TextState,
  TokenState,
} from "./tokens.ts";

// Steps of native.htmlNext.
const FEED = 0;
const ELEMENT = 1;
const END_TAG = 2;
const COMMENT = 3;
const TEXT = 4;
const DOCTYPE = 5;
const END = 6;
const PAUSE = 7;
const OUTPUT = 8;

/** What a handler wants, for native.htmlOpen. */
export const wantsElement = 1;
export const wantsComments = 2;
export const wantsText = 4;
export const wantsDoctype = 8;

/** Bytes that the parser gets, and UTF-16 units that are written, at a time. */
const pieceMax = 65_536;

export type Handler = (token: object) => unknown;

/** Handlers as `on` and `onDocument` took them. */
export interface HandlerSet {
  /** undefined: of the document. */
  readonly selector: string | undefined;
  readonly self: unknown;
  readonly element: Handler | undefined;
  readonly comments: Handler | undefined;
  readonly text: Handler | undefined;
  readonly doctype: Handler | undefined;
  readonly end: Handler | undefined;
}

/** Starts on a document. Throws what is wrong with handlers or charset before anything is read. */
export function transformStream(handlers: readonly HandlerSet[], codec: Codec | undefined, esiTags: boolean, openInput: () => ReadableStream): ReadableStream {
  const transform = new Transform(handlers, codec, esiTags);
  return transform.start(openInput());
}

class Transform {
  readonly #handlers: readonly HandlerSet[];
  readonly #codec: Codec | undefined;
  readonly #frame: AsyncFrame | undefined = currentFrame();
  /** Dropped when the document is done, so that the parser's memory is. */
  #rewriter: ArrayBuffer | undefined;
  #controller!: ByteController;
  #reader!: DefaultReader;

  #running = false;
  /** A promise or a read will go on. */
  #waiting = false;
  #demanded = false;
  #over = false;

  #chunk: Uint8Array | undefined;
  #chunkAt = 0;
  #inputEnded = false;

  /** The present token: its kind, PAUSE for none. */
  #kind = PAUSE;
  #flags = 0;
  #state: TokenState | undefined;
  /** The token that is the end of the document. */
  #appended: EndState | undefined;
  #count = 0;
  #next = 0;
  /** The handler that is running got this. */
  #token: object | undefined;

  /** What is being written, null for the token itself, and how far it is. */
  #pieces: (Piece | null)[] | undefined;
  #pieceAt = 0;
  #offset = 0;
  /** The token itself is not written. */
  #leaveOut = false;
  /** These are the last. */
  #ending = false;
  /** Of a piece that is a stream. */
  #content: DefaultReader | undefined;
  #contentDecoder: Decoder | undefined;

  #textDecoder: Decoder | undefined;
  readonly #ends = new Map<number, ElementEnd>();
  #lastKey = 0;

  constructor(handlers: readonly HandlerSet[], codec: Codec | undefined, esiTags: boolean) {
    const selectors: string[] = [];
    const wants: number[] = [];
    const ordered: HandlerSet[] = [];
    // Those of the document come after those of elements.
    for (let document = 0; document < 2; document++) {
      for (let i = 0; i < handlers.length; i++) {
        const h = handlers[i]!;
        if ((h.selector === undefined) !== (document === 1)) continue;
        if (h.selector !== undefined) append(selectors, codec === undefined ? h.selector : codec.encode(h.selector));
        append(
          wants,
          (h.element === undefined ? 0 : wantsElement) | (h.comments === undefined ? 0 : wantsComments) | (h.text === undefined ? 0 : wantsText) | (h.doctype === undefined ? 0 : wantsDoctype),
        );
        append(ordered, h);
      }
    }
    this.#rewriter = native.htmlOpen(selectors, wants, codec === undefined, esiTags);
    this.#handlers = ordered;
    this.#codec = codec;
    this.#textDecoder = codec?.newDecoder();
  }

  start(input: ReadableStream): ReadableStream {
    this.#reader = acquireReadableStreamDefaultReader(input);
    markStreamDisturbed(input);
    return createReadableByteStream(
      (controller) => {
        this.#controller = controller;
      },
      () => {
        this.#demanded = true;
        this.#run();
      },
      (reason) => {
        this.#finish();
        return readableStreamReaderCancel(this.#reader, reason);
      },
      1,
    );
  }

  #finish(): void {
    this.#over = true;
    this.#rewriter = undefined;
    this.#chunk = undefined;
    this.#pieces = undefined;
    const content = this.#content;
    this.#content = undefined;
    if (content !== undefined) native.markHandled(readableStreamReaderCancel(content, new TypeError("The HTMLRewriter does not need the content any more.")));
    this.#retire();
  }

  #fail(e: unknown): void {
    if (this.#over) return;
    this.#finish();
    readableByteStreamControllerError(this.#controller, e);
    if (!this.#inputEnded) native.markHandled(readableStreamReaderCancel(this.#reader, e));
  }

  /** Goes on until something has to be waited for, or there is output and nobody asks for more. */
  #run(): void {
    if (this.#running || this.#waiting) return;
    this.#running = true;
    try {
      while (!this.#over && this.#advance());
    } catch (e) {
      this.#fail(e);
    } finally {
      this.#running = false;
    }
  }

  /** One step. False: not now. */
  #advance(): boolean {
    if (this.#pieces !== undefined) return this.#write(this.#pieces);
    if (this.#kind !== PAUSE) return this.#next < this.#count ? this.#callNext() : this.#commit();

    const code = native.htmlNext(this.#rewriter!);
    const kind = code & 15;
    switch (kind) {
      case FEED:
        return this.#feed();
      case PAUSE:
        return true;
      case OUTPUT:
        return this.#deliver() || this.#demanded;
      case END:
        this.#kind = END;
        this.#appended = new EndState();
        this.#count = this.#handlers.length;
        this.#next = 0;
        return true;
      default:
        this.#begin(kind, code);
        return true;
    }
  }

  /** Hands the output on. True if there is still demand. */
  #deliver(): boolean {
    const bytes = native.htmlTake(this.#rewriter!);
    if (bytes !== undefined) {
      this.#demanded = false;
      readableByteStreamControllerEnqueueOwned(this.#controller, bytes); // May ask for more at once.
    }
    return this.#demanded;
  }

  #feed(): boolean {
    const chunk = this.#chunk;
    if (chunk !== undefined) {
      const length = TypedArrayPrototypeGetByteLength(chunk);
      const end = length - this.#chunkAt > pieceMax ? this.#chunkAt + pieceMax : length;
      native.htmlFeed(this.#rewriter!, chunk, this.#chunkAt, end);
      this.#chunkAt = end;
      if (end === length) this.#chunk = undefined;
      return true;
    }
    if (this.#inputEnded) {
      native.htmlLast(this.#rewriter!);
      return true;
    }
    if (!this.#deliver()) return false;
    this.#waiting = true;
    readableStreamDefaultReaderRead(this.#reader, {
      chunkSteps: (value) => {
        this.#waiting = false;
        if (this.#over) return;
        if (TypedArrayPrototypeGetSymbolToStringTag(value) !== "Uint8Array") {
          this.#fail(new TypeError("The body's stream gave a chunk that is not a Uint8Array."));
          return;
        }
        this.#chunk = value as Uint8Array;
        this.#chunkAt = 0;
        this.#run();
      },
      closeSteps: () => {
        this.#waiting = false;
        this.#inputEnded = true;
        this.#run();
      },
      errorSteps: (e) => {
        this.#waiting = false;
        this.#inputEnded = true;
        this.#fail(e);
      },
    });
    // Those steps may have run already.
    return !this.#waiting;
  }

  #begin(kind: number, code: number): void {
    const rewriter = this.#rewriter!;
    const codec = this.#codec;
    this.#kind = kind;
    this.#flags = code;
    this.#count = code >>> 8;
    this.#next = 0;
    switch (kind) {
      case ELEMENT:
        this.#state = new ElementState(rewriter, codec, (code & 32) !== 0);
        if ((code & 16) === 0) this.#state.change().removed = true; // With the content of an element around it.
        break;
      case END_TAG:
        this.#state = new EndTagState(rewriter, codec);
        break;
      case TEXT: {
        const last = (code & 32) !== 0;
        let text = native.htmlText(rewriter);
        if (codec !== undefined) {
          text = this.#textDecoder!.decode(toBytes(text), !last, "HTMLRewriter");
          if (text === "" && !last) this.#count = 0;
        }
        this.#state = new TextState(rewriter, codec, text, last);
        break;
      }
      default:
        this.#state = new TokenState(rewriter, codec);
    }
  }

  /** Calls the next handler of the present token. */
  #callNext(): boolean {
    const i = this.#next++;
    const state = this.#state;
    const kind = this.#kind;
    if (kind === END) {
      const handlers = this.#handlers[i]!;
      return handlers.end === undefined || this.#call(handlers.end, handlers.self, newDocumentEnd(this.#appended!));
    }
    const number = native.htmlRecipient(this.#rewriter!, i);
    if (kind === END_TAG) {
      const end = MapPrototypeGet(this.#ends, number);
      if (end === undefined) return true;
      MapPrototypeDelete(this.#ends, number);
      if (end.name !== undefined) native.htmlSetName(this.#rewriter!, end.name, true);
      if (end.changes !== undefined) state!.changes = end.changes;
      return end.handler === undefined || this.#call(end.handler as Handler, undefined, newEndTag(state!));
    }
    const handlers = this.#handlers[number]!;
    switch (kind) {
      case ELEMENT:
        return this.#call(handlers.element!, handlers.self, newElement(state as ElementState));
      case COMMENT:
        return this.#call(handlers.comments!, handlers.self, newComment(state!));
      case TEXT:
        return this.#call(handlers.text!, handlers.self, newText(state as TextState));
      default:
        return this.#call(handlers.doctype!, handlers.self, newDoctype(this.#rewriter!, this.#codec));
    }
  }

  #call(handler: Handler, self: unknown, token: object): boolean {
    this.#token = token;
    const result = runInFrame(this.#frame, handler as never, self, [token]);
    if (this.#over) return false;
    if (!isObject(result) || typeof (result as { then?: unknown }).then !== "function") {
      this.#retire();
      return true;
    }
    this.#waiting = true;
    this.#deliver(); // What is done need not wait for the handler.
    PromisePrototypeThen(
      PromiseResolve(result),
      () => {
        this.#waiting = false;
        this.#retire();
        this.#run();
      },
      (e) => {
        this.#waiting = false;
        this.#retire();
        this.#fail(e);
      },
    );
    return false;
  }

  /** From now on the token of the last handler cannot be used. */
  #retire(): void {
    const token = this.#token;
    if (token === undefined) return;
    this.#token = undefined;
    switch (this.#kind) {
      case ELEMENT:
        endElement(token as never);
        break;
      case END_TAG:
        endEndTag(token as never);
        break;
      case COMMENT:
        endComment(token as never);
        break;
      case TEXT:
        endText(token as never);
        break;
      case DOCTYPE:
        endDoctype(token as never);
        break;
      case END:
        endDocumentEnd(token as never);
    }
  }

  /** All handlers of the token are done: prepares what is written. */
  #commit(): boolean {
    const rewriter = this.#rewriter!;
    const kind = this.#kind;
    const state = this.#state;
    this.#kind = PAUSE;
    this.#state = undefined;
    if (kind === END) {
      this.#ending = true;
      this.#pieces = this.#appended!.pieces;
      return true;
    }
    if (kind === ELEMENT) {
      const element = state as ElementState;
      const { end } = element;
      let key = 0;
      if (end !== undefined) {
        key = this.#lastKey = this.#lastKey === 0xffffffff ? 1 : this.#lastKey + 1;
        MapPrototypeSet(this.#ends, key, end);
      }
      if (key !== 0 || element.removesContent || element.dropsSlash) native.htmlElement(rewriter, key, element.removesContent, element.dropsSlash);
    }
    if ((this.#flags & 16) === 0) return true; // Nobody sees what is written here.
    const { changes } = state!;
    // Pieces of text may end within a character: what is written in the document's bytes is whole characters.
    const self = kind === TEXT && this.#codec !== undefined ? { content: (state as TextState).text, html: true } : null;
    if (changes === undefined && self === null) return true;
    const pieces: (Piece | null)[] = [];
    if (changes === undefined) append(pieces, self);
    else {
      for (let i = 0; i < changes.before.length; i++) append(pieces, changes.before[i]!);
      if (!changes.removed) append(pieces, self);
      else if (changes.replacement !== undefined) append(pieces, changes.replacement);
      for (let i = 0; i < changes.after.length; i++) append(pieces, changes.after[i]!);
    }
    this.#pieces = pieces;
    this.#leaveOut = self !== null || changes!.removed;
    return true;
  }

  /** Writes as much of the pieces as there is demand for. */
  #write(pieces: (Piece | null)[]): boolean {
    const rewriter = this.#rewriter!;
    while (this.#pieceAt < pieces.length) {
      const piece = pieces[this.#pieceAt]!;
      if (piece === null) {
        native.htmlSelf(rewriter, true);
        this.#pieceAt++;
        continue;
      }
      const { content, html } = piece;
      if (typeof content !== "string") return this.#pump(content, pieces, html);
      const start = this.#offset;
      let end = content.length;
      if (end - start > pieceMax) {
        end = start + pieceMax;
        if ((StringPrototypeCharCodeAt(content, end - 1) & 0xfc00) === 0xd800) end--;
      }
      const part = start === 0 && end === content.length ? content : StringPrototypeSlice(content, start, end);
      const codec = this.#codec;
      const waiting = codec === undefined ? native.htmlWrite(rewriter, part, html) : native.htmlWrite(rewriter, codec.encode(html ? part : escapeText(part)), true);
      this.#offset = end;
      if (end === content.length) {
        this.#pieceAt++;
        this.#offset = 0;
      }
      if (waiting >= pieceMax && !this.#deliver()) return false;
    }
    if (this.#leaveOut) native.htmlSelf(rewriter, false);
    this.#pieces = undefined;
    this.#pieceAt = 0;
    this.#leaveOut = false;
    if (this.#ending) this.#close();
    return true;
  }

  /** Reads the next of a stream that is to be written; what it gives is put before it in the list. */
  #pump(stream: ReadableStream, pieces: (Piece | null)[], html: boolean): boolean {
    if (this.#content === undefined) {
      if (isReadableStreamLocked(stream)) throw new TypeError("The ReadableStream has been locked to a reader.");
      this.#content = acquireReadableStreamDefaultReader(stream);
      this.#contentDecoder = new Decoder("utf-8", true, true, "HTMLRewriter");
    }
    this.#deliver(); // What is done need not wait for the content.
    this.#waiting = true;
    readableStreamDefaultReaderRead(this.#content, {
      chunkSteps: (value) => {
        this.#waiting = false;
        if (this.#over) return;
        let text: string;
        try {
          text = typeof value === "string" ? value : this.#contentDecoder!.decode(contentBytes(value), true, "HTMLRewriter");
        } catch {
          this.#fail(new TypeError("Parser error: Invalid UTF-8"));
          return;
        }
        insert(pieces, this.#pieceAt, { content: text, html });
        this.#run();
      },
      closeSteps: () => {
        // A character that is cut off is dropped.
        this.#waiting = false;
        this.#content = undefined;
        this.#pieceAt++;
        this.#run();
      },
      errorSteps: (e) => {
        this.#waiting = false;
        this.#content = undefined;
        this.#fail(e);
      },
    });
    // Those steps may have run already.
    return !this.#waiting;
  }

  #close(): void {
    this.#deliver();
    this.#finish();
    readableByteStreamControllerClose(this.#controller);
  }
}

function contentBytes(chunk: unknown): Uint8Array {
  if (TypedArrayPrototypeGetSymbolToStringTag(chunk) !== "Uint8Array") throw new TypeError("not bytes");
  return chunk as Uint8Array;
}
