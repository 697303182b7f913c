// Response (https://fetch.spec.whatwg.org/#response-class) with Workers' additions: cf, webSocket, init.encodeBody.
//
// A Response made from a string is two small objects: headers appear when they are asked for.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { JSONStringify, PromiseReject, RangeError, StringPrototypeCharCodeAt, TypeError } from "../../bootstrap/primordials.ts";
import { defineInterface, isObject, requireArguments, toByteString, toDictionary, toEnum, toUnsignedShort, toUSVString, typeError } from "../../bootstrap/webidl.ts";
import { native } from "../../bootstrap/native.ts";
import { copyHeaders, createHeaders, Headers, makeHeadersImmutable, packHeaders, setDefaultHeader } from "../headers.ts";
import { isWebSocket, type WebSocket } from "../websocket/websocket.ts";
import { Body, bodyUnusable, bodyUsed, extractBody, usedError } from "./body.ts";
import { bodyStream, cloneBody } from "./body-stream.ts";
import { copyCf } from "./cf.ts";
import { contentCoding } from "./coding.ts";
import { ARRAY_BUFFER, BLOB, BYTES, consumeBody, FORM_DATA, JSON_VALUE, TEXT } from "./consume.ts";

interface ResponseInit {
  cf?: unknown;
  encodeBody?: unknown;
  headers?: unknown;
  status?: unknown;
  statusText?: unknown;
  webSocket?: unknown;
}

export type ResponseType = "basic" | "default" | "error";

/** What goes out of a Response. */
export interface ResponseParts {
  /** 0: a network error (Response.error()), which cannot be sent. */
  status: number;
  statusText: string;
  /** Packed. */
  headers: string;
  body: Body | null;
  /** "" if it was made by the worker. */
  url: string;
  /** The end of a WebSocket that goes to the client; status is then 101. */
  webSocket: WebSocket | null;
  /** init.encodeBody was "manual": the body is encoded as its Content-Encoding says already. */
  encoded: boolean;
}

/** A response that came from outside; its headers cannot be changed. */
export let createResponse: (status: number, statusText: string, packedHeaders: string, url: string, redirected: boolean, body: Body | null, webSocket?: WebSocket | null) => Response;
export let isResponse: (v: unknown) => v is Response;
export let responseParts: (response: Response) => ResponseParts;
/** A response like this one, as `new Response(body, response)` makes it, with another body. */
export let responseWithBody: (response: Response, body: Body) => Response;

const illegal = (): Promise<never> => PromiseReject(new TypeError("Illegal invocation"));

export class Response {
  #status = 200;
  #statusText = "";
  #type: ResponseType = "default";
  #url = "";
  #redirected = false;
  #headers: Headers | undefined;
  #immutable = false;
  #body: Body | null = null;
  #cf: unknown = undefined;
  #encoded = false;
  #webSocket: WebSocket | null = null;

  constructor(body: unknown = null, init: unknown = undefined) {
    if (init !== undefined && init !== null) this.#init(init);
    if (body !== null && body !== undefined) this.#setBody(extractBody(body));
  }

  #init(init: unknown): void {
    if (!isObject(init)) throw typeError("Response", "The second argument is not an object.");
    const dict = init as ResponseInit;
    const cf = dict.cf;
    if (#encoded in init) this.#encoded = init.#encoded;
    const encodeBody = dict.encodeBody;
    const headers = dict.headers;
    const status = dict.status;
    const statusText = dict.statusText;
    const webSocket = dict.webSocket;
    if (cf !== undefined) this.#cf = copyCf(cf, "InitializerDict");
    if (encodeBody !== undefined) this.#encoded = toEnum(encodeBody, ["automatic", "manual"] as const, "Response: encodeBody") === "manual";
    if (webSocket !== undefined && webSocket !== null) {
      if (!isWebSocket(webSocket)) throw typeError("Response", "webSocket is not a WebSocket.");
      this.#webSocket = webSocket;
    }
    if (headers !== undefined) this.#headers = new Headers(headers);
    if (status !== undefined) {
      const code = toUnsignedShort(status, "Response: status");
      if (this.#webSocket !== null && code === 101) this.#status = 101;
      else if (code < 200 || code > 599) throw new RangeError("Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
      else this.#status = code;
    }
    if (this.#webSocket !== null && this.#status !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.");
    if (statusText !== undefined) {
      const text = toByteString(statusText, "Response: statusText");
      if (!isReasonPhrase(text)) throw typeError("Response", "statusText has a line break or a control character.");
      this.#statusText = text;
    }
  }

  #setBody(body: Body): void {
    if (isNullBodyStatus(this.#status)) throw new TypeError("Response with null body status (101, 204, 205, or 304) cannot have a body.");
    this.#body = body;
    if (body.type !== null && this.#headers !== undefined) setDefaultHeader(this.#headers, "content-type", body.type);
  }

  static error(): Response {
    const made = new Response();
    made.#type = "error";
    made.#status = 0;
    made.#immutable = true;
    return made;
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    requireArguments(arguments.length, 1, "Response.redirect");
    const input = toUSVString(url);
    const code = toUnsignedShort(status, "Response.redirect");
    const record = native.urlParse(input, undefined);
    if (record === undefined) throw new TypeError(`Unable to parse URL: ${input}`);
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308) throw new RangeError(`${code} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`);
    const made = new Response();
    made.#status = code;
    made.#immutable = true;
    made.#headers = createHeaders(`location\n${record[0]}\n`, true);
    return made;
  }

  static json(data: unknown, init: unknown = undefined): Response {
    requireArguments(arguments.length, 1, "Response.json");
    const text = JSONStringify(data) as string | undefined;
    if (text === undefined) throw new TypeError("Response.json: The data cannot be expressed as JSON.");
    const made = new Response(null, toDictionary(init, "Response.json"));
    const body = extractBody(text);
    made.#setBody(new Body(body.source, undefined, "application/json"));
    return made;
  }

  get type(): ResponseType {
    return this.#type;
  }
  get url(): string {
    return this.#url;
  }
  get redirected(): boolean {
    return this.#redirected;
  }
  get status(): number {
    return this.#status;
  }
  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }
  get statusText(): string {
    return this.#statusText;
  }
  get headers(): Headers {
    let headers = this.#headers;
    if (headers === undefined) {
      headers = createHeaders(this.#packed(), this.#immutable);
      this.#headers = headers;
    }
    return headers;
  }
  get cf(): unknown {
    return this.#cf;
  }
  get webSocket(): WebSocket | null {
    return this.#webSocket;
  }
  get body(): object | null {
    const body = this.#body;
    return body === null ? null : bodyStream(body);
  }
  get bodyUsed(): boolean {
    return bodyUsed(this.#body);
  }

  arrayBuffer(): Promise<unknown> {
    return isResponse(this) ? consumeBody(this.#body, ARRAY_BUFFER, undefined) : illegal();
  }
  blob(): Promise<unknown> {
    return isResponse(this) ? consumeBody(this.#body, BLOB, this.headers) : illegal();
  }
  bytes(): Promise<unknown> {
    return isResponse(this) ? consumeBody(this.#body, BYTES, undefined) : illegal();
  }
  formData(): Promise<unknown> {
    return isResponse(this) ? consumeBody(this.#body, FORM_DATA, this.headers) : illegal();
  }
  json(): Promise<unknown> {
    return isResponse(this) ? consumeBody(this.#body, JSON_VALUE, undefined) : illegal();
  }
  text(): Promise<unknown> {
    return isResponse(this) ? consumeBody(this.#body, TEXT, undefined) : illegal();
  }

  clone(): Response {
    if (this.#webSocket !== null) throw new TypeError("Cannot clone a response to a WebSocket handshake.");
    const body = this.#body;
    if (body !== null && bodyUnusable(body)) throw usedError();
    const made = new Response();
    made.#status = this.#status;
    made.#statusText = this.#statusText;
    made.#type = this.#type;
    made.#url = this.#url;
    made.#redirected = this.#redirected;
    made.#immutable = this.#immutable;
    if (this.#cf !== undefined) made.#cf = copyCf(this.#cf, "Response");
    made.#encoded = this.#encoded;
    if (this.#headers !== undefined) {
      made.#headers = copyHeaders(this.#headers);
      if (this.#immutable) makeHeadersImmutable(made.#headers);
    }
    if (body !== null) made.#body = cloneBody(body);
    return made;
  }

  /** The headers while there is no object for them: what the body implies. */
  #packed(): string {
    const type = this.#body === null ? null : this.#body.type;
    return type === null ? "" : `content-type\n${type}\n`;
  }

  static {
    createResponse = (status, statusText, packedHeaders, url, redirected, body, webSocket = null) => {
      const made = new Response();
      made.#status = status;
      made.#statusText = statusText;
      made.#type = "basic";
      made.#url = url;
      made.#redirected = redirected;
      made.#headers = createHeaders(packedHeaders, true);
      made.#immutable = true;
      made.#body = body;
      made.#encoded = contentCoding(packedHeaders) !== undefined;
      made.#webSocket = webSocket;
      return made;
    };
    isResponse = (v): v is Response => isObject(v) && #body in v;
    responseWithBody = (response, body) => {
      const made = new Response();
      made.#status = response.#status;
      made.#statusText = response.#statusText;
      if (response.#cf !== undefined) made.#cf = copyCf(response.#cf, "Response");
      made.#encoded = response.#encoded;
      made.#headers = response.#headers === undefined ? createHeaders(response.#packed(), false) : copyHeaders(response.#headers);
      made.#body = body;
      return made;
    };
    responseParts = (response) => ({
      status: response.#status,
      statusText: response.#statusText,
      headers: response.#headers === undefined ? response.#packed() : packHeaders(response.#headers),
      body: response.#body,
      url: response.#url,
      webSocket: response.#webSocket,
      encoded: response.#encoded,
    });
  }
}
defineInterface(Response);
registerInspectable(Response, ["status", "statusText", "ok", "headers", "redirected", "type", "url", "bodyUsed"]);

/** §2.2.3 "null body status". */
export function isNullBodyStatus(status: number): boolean {
  return status === 101 || status === 103 || status === 204 || status === 205 || status === 304;
}

/** RFC 9112 reason-phrase. */
function isReasonPhrase(s: string): boolean {
  for (let i = 0; i < s.length; i++) {
    const c = StringPrototypeCharCodeAt(s, i);
    if (c !== 9 && (c < 0x20 || c === 0x7f)) return false;
  }
  return true;
}
