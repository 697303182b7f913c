// Request (https://fetch.spec.whatwg.org/#request-class) with Workers' additions: cf, init.encodeResponseBody.
//
// A request that came in is an id: its headers, cf object and signal are fetched from the host when they are asked for.
//
// Deviations, as in Workers: a stream as body needs no `duplex`; cache "force-cache" and "only-if-cached" are refused, since
// there is no HTTP cache between a worker and the network; "patch" is upper-cased like the methods of the standard's list;
// priority is checked and ignored. There is no base URL: relative URLs are invalid.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import type { EventState } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import { PromiseReject, StringPrototypeToUpperCase, TypeError } from "../../bootstrap/primordials.ts";
import { defineInterface, isObject, requireArguments, toByteString, toDictionary, toDOMString, toEnum, toUSVString, typeError } from "../../bootstrap/webidl.ts";
import { type AbortSignal, createAbortSignal, createDependentAbortSignal, isAbortSignal } from "../abort.ts";
import { copyHeaders, createHeaders, Headers, isToken, makeHeadersImmutable, packHeaders, setDefaultHeader } from "../headers.ts";
import { isReadableStream } from "../streams/internal.ts";
import { recordHasCredentials } from "../url-record.ts";
import { type Body, bodyUnusable, bodyUsed, extractBody, inboundBody, usedError } from "./body.ts";
import { bodyStream, cloneBody, transferBody } from "./body-stream.ts";
import { copyCf, parseCf } from "./cf.ts";
import { ARRAY_BUFFER, BLOB, BYTES, consumeBody, FORM_DATA, JSON_VALUE, TEXT } from "./consume.ts";

export type RequestRedirect = "follow" | "error" | "manual";
type RequestMode = "navigate" | "same-origin" | "no-cors" | "cors";
type RequestCredentials = "omit" | "same-origin" | "include";
type RequestCache = "default" | "no-store" | "reload" | "no-cache" | "force-cache" | "only-if-cached";

interface RequestInit {
  body?: unknown;
  cache?: unknown;
  cf?: unknown;
  credentials?: unknown;
  duplex?: unknown;
  encodeResponseBody?: unknown;
  headers?: unknown;
  integrity?: unknown;
  keepalive?: unknown;
  method?: unknown;
  mode?: unknown;
  priority?: unknown;
  redirect?: unknown;
  referrer?: unknown;
  referrerPolicy?: unknown;
  signal?: unknown;
  window?: unknown;
}

const modes = ["navigate", "same-origin", "no-cors", "cors"] as const;
const credentialModes = ["omit", "same-origin", "include"] as const;
const cacheModes = ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"] as const;
const redirectModes = ["follow", "error", "manual"] as const;
const referrerPolicies = ["", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"] as const;

/** What goes out of a Request. */
export interface RequestParts {
  method: string;
  /** With its fragment, if it has one. */
  url: string;
  /** Packed. */
  headers: string;
  body: Body | null;
  redirect: RequestRedirect;
  cache: string;
  integrity: string;
  /** init.encodeResponseBody was "manual": the content coding of the response stays on. */
  raw: boolean;
  /** The signal that ends a fetch of it, if anybody could hold one. */
  signal: AbortSignal | undefined;
}

/** Makes the signal of an event, which aborts when the client goes away. Always the same for an event. */
export type SignalFactory = (event: EventState) => AbortSignal;

/** The request of an event. stream 0: no body; length -1: unknown. */
export let requestFromEvent: (event: EventState, method: string, url: string, stream: number, length: number, signalFactory: SignalFactory) => Request;
export let isRequest: (v: unknown) => v is Request;
export let requestParts: (request: Request) => RequestParts;

/** Makes the constructor leave the object empty. */
const blank = {};
const illegal = (): Promise<never> => PromiseReject(new TypeError("Illegal invocation"));

export class Request {
  #method = "GET";
  #url = "";
  #headers: Headers | undefined;
  #body: Body | null = null;
  #redirect: RequestRedirect = "follow";
  #cf: unknown = undefined;
  // Of a request that came in: where the rest is to be had.
  #event: EventState | undefined;
  #eventHeaders = false;
  #eventCf = false;
  #signalFactory: SignalFactory | undefined;
  #signal: AbortSignal | undefined;
  /** The signal that #signal will depend on. */
  #follows: AbortSignal | undefined;
  #cache: RequestCache = "default";
  #credentials: RequestCredentials = "same-origin";
  #integrity = "";
  #keepalive = false;
  #mode: RequestMode = "cors";
  #referrer = "about:client";
  #referrerPolicy = "";
  #raw = false;

  constructor(input: unknown, init: unknown = undefined) {
    if (input === blank) return;
    requireArguments(arguments.length, 1, "Request");
    const dict = toDictionary<RequestInit>(init, "Request");
    let inputBody: Body | null = null;
    let from: Request | undefined;
    if (isRequest(input)) {
      from = input;
      this.#copy(from);
      inputBody = from.#body;
    } else this.#url = parseRequestUrl(toUSVString(input));
    let initBody: Body | null = null;
    if (dict !== undefined) initBody = this.#init(dict);
    if (this.#headers === undefined && from !== undefined) this.#copyHeaders(from);
    if ((initBody !== null || inputBody !== null) && (this.#method === "GET" || this.#method === "HEAD")) throw new TypeError("Request with a GET or HEAD method cannot have a body.");
    if (initBody !== null) {
      this.#body = initBody;
      if (initBody.type !== null) setDefaultHeader(this.headers, "content-type", initBody.type);
    } else if (inputBody !== null) {
      if (bodyUnusable(inputBody)) throw usedError();
      this.#body = transferBody(inputBody);
    }
  }

  #copy(from: Request): void {
    this.#method = from.#method;
    this.#url = from.#url;
    this.#redirect = from.#redirect;
    this.#event = from.#event;
    this.#cf = from.#cf === undefined ? undefined : copyCf(from.#cf, "Request");
    this.#eventCf = from.#eventCf;
    this.#signalFactory = from.#signalFactory;
    this.#follows = from.#signalFactory === undefined ? (from.#signal ?? from.#follows) : undefined;
    this.#cache = from.#cache;
    this.#credentials = from.#credentials;
    this.#integrity = from.#integrity;
    this.#keepalive = from.#keepalive;
    this.#mode = from.#mode;
    this.#referrer = from.#referrer;
    this.#referrerPolicy = from.#referrerPolicy;
    this.#raw = from.#raw;
  }

  #copyHeaders(from: Request): void {
    if (from.#headers !== undefined) this.#headers = copyHeaders(from.#headers);
    else if (from.#eventHeaders) this.#headers = createHeaders(native.eventHeaders(from.#event!.id), false);
  }

  /** Everything of init but what needs the input; gives its body. Members are read in lexicographical order. */
  #init(dict: Partial<RequestInit>): Body | null {
    const { body, cache, cf, credentials, duplex, encodeResponseBody, headers, integrity, keepalive, method, mode, priority, redirect, referrer, referrerPolicy, signal, window } = dict;
    const context = "Request: ";
    if (cache !== undefined) {
      const value = toEnum(cache, cacheModes, `${context}cache`);
      if (value === "force-cache" || value === "only-if-cached") throw new TypeError(`Unsupported cache mode: ${value}`);
      this.#cache = value;
    }
    if (cf !== undefined) {
      this.#cf = copyCf(cf, "RequestInitializerDict");
      this.#eventCf = false;
    }
    if (credentials !== undefined) this.#credentials = toEnum(credentials, credentialModes, `${context}credentials`);
    if (duplex !== undefined) toEnum(duplex, ["half"] as const, `${context}duplex`);
    if (encodeResponseBody !== undefined) this.#raw = toEnum(encodeResponseBody, ["automatic", "manual"] as const, `${context}encodeResponseBody`) === "manual";
    if (integrity !== undefined) this.#integrity = toDOMString(integrity);
    if (keepalive !== undefined) this.#keepalive = !!keepalive;
    const methodText = method === undefined ? undefined : toByteString(method, `${context}method`);
    let modeValue: RequestMode | undefined;
    if (mode !== undefined) modeValue = toEnum(mode, modes, `${context}mode`);
    if (priority !== undefined) toEnum(priority, ["high", "low", "auto"] as const, `${context}priority`);
    if (redirect !== undefined) this.#redirect = toEnum(redirect, redirectModes, `${context}redirect`);
    if (referrer !== undefined) this.#referrer = parseReferrer(toUSVString(referrer));
    if (referrerPolicy !== undefined) this.#referrerPolicy = toEnum(referrerPolicy, referrerPolicies, `${context}referrerPolicy`);
    if (signal !== undefined && signal !== null && !isAbortSignal(signal)) throw typeError("Request", "signal is not an AbortSignal.");
    if (window !== undefined && window !== null) throw typeError("Request", "window can only be null.");
    if (modeValue === "navigate") throw typeError("Request", 'mode cannot be "navigate".');
    if (modeValue !== undefined) this.#mode = modeValue;
    if (methodText !== undefined) this.#method = parseMethod(methodText);
    if (signal !== undefined) {
      this.#signalFactory = undefined;
      this.#follows = signal === null ? undefined : signal;
    }
    if (this.#mode === "no-cors" && this.#method !== "GET" && this.#method !== "HEAD" && this.#method !== "POST") throw typeError("Request", 'mode "no-cors" only goes with GET, HEAD and POST.');
    if (headers !== undefined) this.#headers = new Headers(headers);
    if (body === undefined || body === null) return null;
    if (this.#keepalive && isReadableStream(body)) throw typeError("Request", "keepalive does not go with a stream as body.");
    return extractBody(body);
  }

  get method(): string {
    return this.#method;
  }
  get url(): string {
    return this.#url;
  }
  get headers(): Headers {
    let headers = this.#headers;
    if (headers === undefined) {
      headers = this.#eventHeaders ? createHeaders(native.eventHeaders(this.#event!.id), true) : createHeaders("", false);
      this.#headers = headers;
    }
    return headers;
  }
  get destination(): string {
    void this.#method;
    return "";
  }
  get referrer(): string {
    return this.#referrer;
  }
  get referrerPolicy(): string {
    return this.#referrerPolicy;
  }
  get mode(): RequestMode {
    return this.#mode;
  }
  get credentials(): RequestCredentials {
    return this.#credentials;
  }
  get cache(): RequestCache {
    return this.#cache;
  }
  get redirect(): RequestRedirect {
    return this.#redirect;
  }
  get integrity(): string {
    return this.#integrity;
  }
  get keepalive(): boolean {
    return this.#keepalive;
  }
  get isReloadNavigation(): boolean {
    void this.#method;
    return false;
  }
  get isHistoryNavigation(): boolean {
    void this.#method;
    return false;
  }
  get duplex(): string {
    void this.#method;
    return "half";
  }
  get cf(): unknown {
    if (this.#eventCf) {
      const text = native.eventCf(this.#event!.id);
      this.#cf = parseCf(text, this.#eventHeaders);
      this.#eventCf = false;
    }
    return this.#cf;
  }
  get signal(): AbortSignal {
    let signal = this.#signal;
    if (signal === undefined) {
      if (this.#signalFactory !== undefined) {
        signal = this.#signalFactory(this.#event!);
        // A request made from the one that came in has a signal of its own.
        if (!this.#eventHeaders) signal = createDependentAbortSignal([signal]);
      } else signal = this.#follows === undefined ? createAbortSignal() : createDependentAbortSignal([this.#follows]);
      this.#signal = signal;
    }
    return signal;
  }
  get body(): object | null {
    const body = this.#body;
    return body === null ? null : bodyStream(body);
  }
  get bodyUsed(): boolean {
    return bodyUsed(this.#body);
  }

  arrayBuffer(): Promise<unknown> {
    return isRequest(this) ? consumeBody(this.#body, ARRAY_BUFFER, undefined) : illegal();
  }
  blob(): Promise<unknown> {
    return isRequest(this) ? consumeBody(this.#body, BLOB, this.headers) : illegal();
  }
  bytes(): Promise<unknown> {
    return isRequest(this) ? consumeBody(this.#body, BYTES, undefined) : illegal();
  }
  formData(): Promise<unknown> {
    return isRequest(this) ? consumeBody(this.#body, FORM_DATA, this.headers) : illegal();
  }
  json(): Promise<unknown> {
    return isRequest(this) ? consumeBody(this.#body, JSON_VALUE, undefined) : illegal();
  }
  text(): Promise<unknown> {
    return isRequest(this) ? consumeBody(this.#body, TEXT, undefined) : illegal();
  }

  clone(): Request {
    const body = this.#body;
    if (body !== null && bodyUnusable(body)) throw usedError();
    const made = new Request(blank);
    made.#copy(this);
    made.#copyHeaders(this);
    if (this.#eventHeaders && made.#headers !== undefined) makeHeadersImmutable(made.#headers);
    if (body !== null) made.#body = cloneBody(body);
    return made;
  }

  static {
    requestFromEvent = (event, method, url, stream, length, signalFactory) => {
      const made = new Request(blank);
      made.#method = method;
      made.#url = url;
      made.#event = event;
      made.#eventHeaders = true;
      made.#eventCf = true;
      made.#signalFactory = signalFactory;
      if (stream !== 0) made.#body = inboundBody(stream, length, event);
      return made;
    };
    isRequest = (v): v is Request => isObject(v) && #body in v;
    requestParts = (request) => {
      const headers = request.#headers;
      return {
        method: request.#method,
        url: request.#url,
        headers: headers !== undefined ? packHeaders(headers) : request.#eventHeaders ? native.eventHeaders(request.#event!.id) : "",
        body: request.#body,
        redirect: request.#redirect,
        cache: request.#cache,
        integrity: request.#integrity,
        raw: request.#raw,
        // The signal of a request that came in ends the event, not the fetches made on behalf of it.
        signal: request.#signalFactory !== undefined ? undefined : (request.#signal ?? request.#follows),
      };
    };
  }
}
defineInterface(Request);
registerInspectable(Request, ["method", "url", "headers", "redirect", "cf", "bodyUsed"]);

function parseRequestUrl(input: string): string {
  const record = native.urlParse(input, undefined);
  if (record === undefined) throw new TypeError(`Invalid URL: ${input}`);
  if (recordHasCredentials(record)) throw new TypeError("Request cannot be constructed from a URL that includes credentials.");
  return record[0];
}

function parseReferrer(referrer: string): string {
  if (referrer === "") return ""; // "no-referrer"
  const record = native.urlParse(referrer, undefined);
  if (record === undefined) throw new TypeError(`Request: Invalid referrer: ${referrer}`);
  // Another origin than the worker's own, of which there is none.
  return "about:client";
}

/** Validates and normalises a method (§2.2.1). */
function parseMethod(method: string): string {
  if (!isToken(method)) throw new TypeError(`Invalid HTTP method string: ${method}`);
  const upper = StringPrototypeToUpperCase(method);
  switch (upper) {
    case "CONNECT":
    case "TRACE":
    case "TRACK":
      throw new TypeError(`Forbidden HTTP method: ${method}`);
    case "GET":
    case "HEAD":
    case "POST":
    case "PUT":
    case "DELETE":
    case "OPTIONS":
    case "PATCH":
      return upper;
    default:
      return method;
  }
}
