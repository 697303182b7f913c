// EventSource (https://html.spec.whatwg.org/multipage/server-sent-events.html).
//
// Beyond the standard, as in Workers: EventSource.from(stream) reads a stream of bytes and does not connect again; the
// option fetcher is an object whose fetch() is used. Deviations: the connection belongs to the event that made it and ends
// with it; withCredentials is refused, since there are no credentials; the URL must be absolute.

import { type AsyncFrame, currentFrame, type EventState, requireEvent } from "../bootstrap/context.ts";
import { registerInspectable } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { FunctionPrototypeCall, NumberParseInt, PromisePrototypeThen, promiseResolvedWith, RegExpPrototypeTest, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeStartsWith, TypedArrayPrototypeGetSymbolToStringTag } from "../bootstrap/primordials.ts";
import { defineConstants, defineInterface, isObject, requireArguments, toDictionary, toUSVString, typeError } from "../bootstrap/webidl.ts";
import { type AbortSignal, createAbortSignal, signalAbort } from "./abort.ts";
import { DOMException } from "./domexception.ts";
import { Decoder } from "./encoding.ts";
import { Event } from "./events/event.ts";
import { createMessageEvent } from "./events/message.ts";
import { defineEventHandler, dispatchTrusted, EventTarget } from "./events/target.ts";
import { bodyStream, discardBody } from "./fetch/body-stream.ts";
import { start } from "./fetch/fetch.ts";
import { Request } from "./fetch/request.ts";
import { isResponse, responseParts } from "./fetch/response.ts";
import { createHeaders, getHeader } from "./headers.ts";
import { extractMimeType, mimeEssence } from "./mime.ts";
import { acquireReadableStreamDefaultReader, type DefaultReader, isReadableStream, isReadableStreamDisturbed, isReadableStreamLocked, readableStreamDefaultReaderRead, readableStreamReaderCancel } from "./streams/internal.ts";
import type { ReadableStream } from "./streams/readable.ts";
import { queueTask } from "./tasks.ts";
import { setPlatformTimeout } from "./timers.ts";

/** What a client waits before it connects again, in ms, until the server says otherwise. */
export const reconnectionMs = 2000;
/** Characters of one event that are gathered; a longer one fails the connection. */
export const eventSizeMax = 32 * 1024 * 1024;

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;
const context = "EventSource";

interface ServerEvent {
  /** "": there is nothing to dispatch, but the id is set. */
  readonly type: string;
  readonly data: string;
  readonly id: string;
}

const digits = /^[0-9]+$/;

/** §9.2.6, "interpreting an event stream". */
class Interpreter {
  readonly #emit: (event: ServerEvent) => void;
  readonly #retry: (ms: number) => void;
  readonly #decoder = new Decoder("utf-8", false, false, context);
  #rest = "";
  /** The last line ended with CR: an LF belongs to it. */
  #afterCR = false;
  #data = "";
  #hasData = false;
  #type = "";
  #id: string;

  constructor(id: string, emit: (event: ServerEvent) => void, retry: (ms: number) => void) {
    this.#id = id;
    this.#emit = emit;
    this.#retry = retry;
  }

  /** False if an event has become too long. */
  feed(bytes: Uint8Array): boolean {
    const text = this.#decoder.decode(bytes, true, context);
    let at = 0;
    if (this.#afterCR && text.length > 0) {
      this.#afterCR = false;
      if (text[0] === "\n") at = 1;
    }
    let lf = StringPrototypeIndexOf(text, "\n", at);
    let cr = StringPrototypeIndexOf(text, "\r", at);
    while (lf >= 0 || cr >= 0) {
      const atCR = cr >= 0 && (lf < 0 || cr < lf);
      const end = atCR ? cr : lf;
      const piece = StringPrototypeSlice(text, at, end);
      const line = this.#rest === "" ? piece : this.#rest + piece;
      this.#rest = "";
      at = end + 1;
      if (atCR) {
        if (at === text.length) this.#afterCR = true;
        else if (text[at] === "\n") at++;
        cr = StringPrototypeIndexOf(text, "\r", at);
      }
      if (lf >= 0 && lf < at) lf = StringPrototypeIndexOf(text, "\n", at);
      this.#line(line);
    }
    if (at < text.length) this.#rest += StringPrototypeSlice(text, at);
    return this.#rest.length + this.#data.length <= eventSizeMax;
  }

  #line(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = StringPrototypeIndexOf(line, ":");
    if (colon === 0) return;
    const field = colon < 0 ? line : StringPrototypeSlice(line, 0, colon);
    const value = colon < 0 ? "" : StringPrototypeSlice(line, StringPrototypeStartsWith(line, " ", colon + 1) ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data = this.#hasData ? `${this.#data}\n${value}` : value;
      this.#hasData = true;
    } else if (field === "event") this.#type = value;
    else if (field === "id") {
      if (StringPrototypeIndexOf(value, "\0") < 0) this.#id = value;
    } else if (field === "retry" && RegExpPrototypeTest(digits, value)) this.#retry(NumberParseInt(value, 10));
  }

  #dispatch(): void {
    const event = { type: this.#type === "" ? "message" : this.#type, data: this.#data, id: this.#id };
    const has = this.#hasData;
    this.#data = this.#type = "";
    this.#hasData = false;
    // The id counts even if there is nothing to dispatch.
    this.#emit(has ? event : { type: "", data: "", id: event.id });
  }
}

export class EventSource extends EventTarget {
  declare static readonly CONNECTING: number;
  readonly #event: EventState;
  readonly #frame: AsyncFrame | undefined;
  #url = "";
  #fetcher: object | undefined;
  #readyState = CONNECTING;
  #lastEventId = "";
  #reconnectionMs = reconnectionMs;
  /** Aborts the fetch that is under way. */
  #signal: AbortSignal | undefined;
  #reader: DefaultReader | undefined;

  constructor(url: unknown, options: unknown = undefined) {
    super();
    if (url !== fromStream) requireArguments(arguments.length, 1, "EventSource constructor");
    const text = url === fromStream ? "" : toUSVString(url);
    const d = toDictionary<{ fetcher: unknown; withCredentials: unknown }>(options, context);
    const fetcher = d?.fetcher;
    if (d?.withCredentials) throw new DOMException("EventSource: withCredentials is not supported: there are no credentials to send.", "NotSupportedError");
    if (fetcher !== undefined && !isObject(fetcher)) throw typeError(context, "fetcher is not an object with a fetch() method.");
    this.#event = requireEvent();
    this.#frame = currentFrame();
    this.#fetcher = fetcher;
    if (url === fromStream) return;
    const record = native.urlParse(text, undefined);
    if (record === undefined) throw new DOMException(`Cannot open an EventSource to '${text}'. The URL is invalid.`, "SyntaxError");
    this.#url = record[0];
    this.#connect();
  }

  static from(stream: unknown): EventSource {
    requireArguments(arguments.length, 1, "EventSource.from");
    if (!isReadableStream(stream)) throw typeError("EventSource.from", "the argument is not a ReadableStream.");
    if (isReadableStreamLocked(stream)) throw typeError("EventSource.from", "This ReadableStream is locked.");
    if (isReadableStreamDisturbed(stream)) throw typeError("EventSource.from", "This ReadableStream has already been read from.");
    const source = new EventSource(fromStream);
    source.#open(stream, "");
    return source;
  }

  get url(): string {
    return this.#url;
  }
  get withCredentials(): boolean {
    void this.#url;
    return false;
  }
  get readyState(): number {
    return this.#readyState;
  }

  close(): void {
    this.#readyState = CLOSED;
    this.#stop();
  }

  #stop(): void {
    const signal = this.#signal;
    const reader = this.#reader;
    this.#signal = this.#reader = undefined;
    if (reader !== undefined) native.markHandled(readableStreamReaderCancel(reader, undefined));
    if (signal !== undefined) signalAbort(signal, new DOMException("The EventSource was closed.", "AbortError"));
  }

  #task(fn: () => void): void {
    queueTask(() => {
      if (this.#readyState !== CLOSED) fn();
    }, this.#frame);
  }

  #connect(): void {
    const signal = (this.#signal = createAbortSignal());
    const headers: { [name: string]: string } = { __proto__: null as never, accept: "text/event-stream" };
    if (this.#lastEventId !== "") headers["last-event-id"] = native.latin1Decode(native.utf8Encode(this.#lastEventId));
    const init = { __proto__: null, cache: "no-store", headers, signal };
    let answer: Promise<unknown>;
    try {
      if (this.#fetcher === undefined) answer = start(0, new Request(this.#url, init), undefined);
      else answer = promiseResolvedWith(FunctionPrototypeCall((this.#fetcher as { fetch?: unknown }).fetch, this.#fetcher, this.#url, init));
    } catch {
      this.#task(() => this.#fail());
      return;
    }
    PromisePrototypeThen(
      answer,
      (response) => {
        if (this.#signal === signal) this.#answered(response);
      },
      () => {
        if (this.#signal === signal) this.#reestablish();
      },
    );
  }

  #answered(response: unknown): void {
    if (!isResponse(response)) return this.#fail();
    const { body, headers, status, url } = responseParts(response);
    const mime = extractMimeType(getHeader(createHeaders(headers, true), "content-type"));
    if (status !== 200 || mime === undefined || mimeEssence(mime) !== "text/event-stream") {
      if (body !== null) discardBody(body, undefined);
      this.#task(() => this.#fail());
      return;
    }
    this.#open(body === null ? undefined : bodyStream(body), url === "" ? this.#url : url);
  }

  /** "Announce the connection", and reads. */
  #open(stream: ReadableStream | undefined, url: string): void {
    this.#task(() => {
      this.#readyState = OPEN;
      dispatchTrusted(this, new Event("open"));
    });
    if (stream === undefined) return this.#reestablish();
    const origin = url === "" ? "" : native.urlOrigin(url);
    const reader = (this.#reader = acquireReadableStreamDefaultReader(stream));
    let emitted = false;
    const interpreter = new Interpreter(
      this.#lastEventId,
      ({ type, data, id }) => {
        emitted = true;
        this.#task(() => {
          this.#lastEventId = id;
          if (type !== "") dispatchTrusted(this, createMessageEvent(type, data, origin, id, []));
        });
      },
      (ms) => {
        this.#reconnectionMs = ms > 0x7fffffff ? 0x7fffffff : ms;
      },
    );
    const read = (): void => readableStreamDefaultReaderRead(reader, request);
    const request = {
      chunkSteps: (chunk: unknown): void => {
        if (this.#reader !== reader) return;
        emitted = false;
        if (TypedArrayPrototypeGetSymbolToStringTag(chunk) !== "Uint8Array" || !interpreter.feed(chunk as Uint8Array)) {
          this.#task(() => this.#fail());
          return;
        }
        // The events of one chunk come before the next chunk is asked for.
        if (emitted) this.#task(read);
        else native.enqueueMicrotask(read);
      },
      closeSteps: (): void => {
        if (this.#reader === reader) this.#reestablish();
      },
      errorSteps: (): void => {
        if (this.#reader === reader) this.#reestablish();
      },
    };
    read();
  }

  /** "Reestablish the connection". */
  #reestablish(): void {
    this.#reader = this.#signal = undefined;
    this.#task(() => {
      if (this.#url === "") return this.#fail();
      this.#readyState = CONNECTING;
      dispatchTrusted(this, new Event("error"));
      if (this.#readyState !== CONNECTING || this.#event.ended) return;
      setPlatformTimeout(
        this.#event,
        () => {
          if (this.#readyState === CONNECTING) this.#connect();
        },
        this.#reconnectionMs,
      );
    });
  }

  /** "Fail the connection". */
  #fail(): void {
    this.#readyState = CLOSED;
    this.#stop();
    dispatchTrusted(this, new Event("error"));
  }
}

/** Given to the constructor by EventSource.from. */
const fromStream = {};

defineInterface(EventSource);
registerInspectable(EventSource, ["url", "readyState", "withCredentials"]);
defineConstants(EventSource, { CONNECTING, OPEN, CLOSED });
defineEventHandler(EventSource, "open");
defineEventHandler(EventSource, "message");
defineEventHandler(EventSource, "error");
