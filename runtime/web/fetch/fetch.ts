// fetch() (https://fetch.spec.whatwg.org/#fetch-method): a host call on slot 0. Redirects, decoding and the address policy
// are the supervisor's.
//
// As in Workers: redirect "manual" gives the redirect response itself; there is no CORS, no cookie jar and no HTTP cache;
// only http(s) and data: URLs; not in global scope.

import { abortCall, type CallOwner, forgetCall, startCall } from "../../bootstrap/calls.ts";
import { type EventState, requireEvent } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import {
  type Deferred,
  Error,
  newDeferred,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  Set,
  SetPrototypeAdd,
  SetPrototypeHas,
  StringPrototypeIndexOf,
  StringPrototypeStartsWith,
  TypeError,
} from "../../bootstrap/primordials.ts";
import { CallCode, CallOp, decodeFetchResult, encodeFetchCall, limits, Redirect } from "../../bootstrap/wire.gen.ts";
import { abortReason, type AbortSignal, addAbortAlgorithm, isAborted, removeAbortAlgorithm } from "../abort.ts";
import { recordProtocol, recordWithoutFragment } from "../url-record.ts";
import { Body, bodyUnusable, takeSource, usedError } from "./body.ts";
import { discardBody } from "./body-stream.ts";
import { readBytes } from "./consume.ts";
import { processDataUrl } from "./data-url.ts";
import { Inbound } from "./inbound.ts";
import { hasIntegrity, matchesIntegrity } from "./integrity.ts";
import type { Outbound } from "./outbound.ts";
import { isRequest, Request, type RequestParts, requestParts } from "./request.ts";
import { makeFetchedSocket } from "../websocket/websocket.ts";
import { addResource, removeResource, type Resource } from "./resources.ts";
import { createResponse, isNullBodyStatus, type Response } from "./response.ts";
import { sendBody } from "./send-body.ts";

/** The global fetch function's binding slot. */
const globalFetchSlot = 0;

export function fetch(input: unknown, init: unknown = undefined): Promise<Response> {
  try {
    if (arguments.length === 0) throw new TypeError("fetch: 1 argument required, but only 0 present.");
    return start(globalFetchSlot, input, init);
  } catch (e) {
    return PromiseReject(e);
  }
}

/** fetch() of a binding slot; also what env.SERVICE.fetch() is. Throws what fetch() rejects with at once. */
export function start(slot: number, input: unknown, init: unknown): Promise<Response> {
  const event = requireEvent();
  if (event.ended) throw new TypeError("fetch: the event that this belongs to is over.");
  const request = isRequest(input) && (init === undefined || init === null) ? input : new Request(input, init);
  const parts = requestParts(request);
  const body = parts.body;
  if (body !== null && bodyUnusable(body)) throw usedError();
  const { signal } = parts;
  if (signal !== undefined && isAborted(signal)) {
    if (body !== null) discardBody(body, abortReason(signal));
    return PromiseReject(abortReason(signal));
  }
  const record = native.urlParse(parts.url, undefined)!;
  const protocol = recordProtocol(record);
  const url = recordWithoutFragment(record);
  if (protocol === "data:" && slot === globalFetchSlot) return PromiseResolve(fetchData(url, parts));
  if (protocol !== "http:" && protocol !== "https:") throw new TypeError(`Fetch API cannot load: ${parts.url}`);
  if (slot === globalFetchSlot && record[5] !== noPort && SetPrototypeHas(badPorts, record[5])) throw new TypeError(`fetch failed: port ${record[5]} is blocked.`);
  return new FetchCallState(event, slot, url, parts).deferred.promise;
}

/** native.UrlRecord: no port. */
const noPort = 0xffffffff;

/** §2.9 "bad port". */
const badPorts = new Set<number>();
const badPortList = [
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587,
  601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];
for (let i = 0; i < badPortList.length; i++) SetPrototypeAdd(badPorts, badPortList[i]!);

function fetchData(url: string, parts: RequestParts): Response {
  if (parts.body !== null) takeSource(parts.body);
  const data = processDataUrl(url);
  if (data === undefined) throw new TypeError("fetch failed: Invalid data: URL.");
  if (hasIntegrity(parts.integrity) && !matchesIntegrity(data.body, parts.integrity)) throw integrityError();
  return createResponse(200, "OK", `content-type\n${data.type}\n`, url, false, parts.method === "HEAD" ? null : new Body(data.body, undefined, null));
}

const integrityError = (): TypeError => new TypeError("fetch failed: The response does not match the integrity of the request.");

const redirects = { __proto__: null, follow: Redirect.follow, error: Redirect.error, manual: Redirect.manual } as unknown as { [mode: string]: Redirect };

/** One fetch, from the call until the last byte of the response. */
class FetchCallState implements CallOwner, Resource {
  readonly deferred: Deferred<Response> = newDeferred<Response>();
  readonly #event: EventState;
  readonly #parts: RequestParts;
  readonly #url: string;
  readonly #id: number;
  readonly #outbound: Outbound | undefined;
  #onAbort: (() => void) | undefined;
  #inbound: Inbound | undefined;
  #answered = false;

  constructor(event: EventState, slot: number, url: string, parts: RequestParts) {
    this.#event = event;
    this.#parts = parts;
    this.#url = url;
    const upload = sendBody(event, parts.body, false);
    const args = encodeFetchCall({ method: parts.method, url, headers: requestHeaders(parts), redirect: redirects[parts.redirect]!, length: upload.length, raw: parts.raw });
    this.#id = startCall(event.id, slot, CallOp.fetch, upload.stream, args, this);
    this.#outbound = upload.outbound;
    if (this.#id === 0) {
      forgetCall(0);
      this.#outbound?.abort(undefined);
      throw new TypeError("fetch: the event that this belongs to is over.");
    }
    if (this.#outbound !== undefined) this.#outbound.onSourceError = (e) => this.#uploadFailed(e);
    addResource(event, this);
    if (parts.signal !== undefined) {
      this.#onAbort = () => this.#abort(abortReason(this.#parts.signal!));
      addAbortAlgorithm(parts.signal, this.#onAbort);
    }
  }

  result(code: number, message: string, stream: number, length: number, bytes: Uint8Array, socket: number): void {
    this.#answer();
    if (code !== CallCode.ok) {
      this.#release();
      this.#outbound?.abort(new TypeError("The fetch has failed."));
      this.deferred.reject(callError(code, message));
      return;
    }
    const head = decodeFetchResult(bytes);
    if (socket !== 0) {
      this.#release();
      this.deferred.resolve(createResponse(head.status, head.status_text, head.headers, head.url === "" ? this.#url : head.url, head.redirected, null, makeFetchedSocket(this.#event, socket)));
      return;
    }
    const inbound = stream === 0 ? undefined : new Inbound(stream, length, this.#event);
    if (this.#parts.redirect === "error" && isRedirect(head.status)) {
      this.#release();
      inbound?.discard();
      this.deferred.reject(new TypeError('fetch failed: There was a redirect, and the redirect mode is "error".'));
      return;
    }
    let body: Body | null = null;
    if (this.#parts.method !== "HEAD" && !isNullBodyStatus(head.status)) body = new Body(inbound ?? "", undefined, null);
    else inbound?.discard();
    if (body !== null && inbound !== undefined) {
      this.#inbound = inbound;
      inbound.onDone = () => this.#release();
    } else this.#release();
    const response = createResponse(head.status, head.status_text, head.headers, head.url === "" ? this.#url : head.url, head.redirected, body);
    if (hasIntegrity(this.#parts.integrity)) this.#checkIntegrity(response, head, body);
    else this.deferred.resolve(response);
  }

  #checkIntegrity(_response: Response, head: { status: number; status_text: string; headers: string; url: string; redirected: boolean }, body: Body | null): void {
    PromisePrototypeThen(
      readBytes(body),
      (bytes) => {
        if (!matchesIntegrity(bytes, this.#parts.integrity)) this.deferred.reject(integrityError());
        else this.deferred.resolve(createResponse(head.status, head.status_text, head.headers, head.url === "" ? this.#url : head.url, head.redirected, body === null ? null : new Body(bytes, undefined, null)));
      },
      (e) => this.deferred.reject(e),
    );
  }

  #abort(reason: unknown): void {
    this.#onAbort = undefined;
    if (!this.#answered) {
      abortCall(this.#id);
      this.#answer();
      this.deferred.reject(reason);
    }
    this.#outbound?.abort(reason);
    this.#inbound?.abort(reason);
  }

  #uploadFailed(error: unknown): void {
    if (this.#answered) return;
    abortCall(this.#id);
    this.#answer();
    this.#release();
    this.deferred.reject(new TypeError("fetch failed: The body of the request failed.", { cause: error }));
  }

  eventEnded(): void {
    forgetCall(this.#id);
    this.#release();
  }

  #answer(): void {
    this.#answered = true;
    removeResource(this.#event, this);
  }

  #release(): void {
    if (this.#onAbort !== undefined) removeAbortAlgorithm(this.#parts.signal as AbortSignal, this.#onAbort);
    this.#onAbort = undefined;
  }
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** The error of a call that failed. The message is the supervisor's. */
function callError(code: number, message: string): Error {
  if (code === CallCode.limit) return new Error(message === "" ? "Too many subrequests." : message);
  return new TypeError(message === "" ? "fetch failed" : `fetch failed: ${message}`);
}

/** The request's headers with what §4.1 and §4.6 add to them. */
function requestHeaders(parts: RequestParts): string {
  let packed = parts.headers;
  if (!hasField(packed, "accept")) packed = addField(packed, "accept", "*/*");
  if (parts.cache === "no-cache") {
    if (!hasField(packed, "cache-control")) packed = addField(packed, "cache-control", "max-age=0");
  } else if (parts.cache === "no-store" || parts.cache === "reload") {
    if (!hasField(packed, "pragma")) packed = addField(packed, "pragma", "no-cache");
    if (!hasField(packed, "cache-control")) packed = addField(packed, "cache-control", "no-cache");
  }
  if (packed.length > limits.headers_max) throw new TypeError(`fetch failed: The headers are ${packed.length} bytes long; at most ${limits.headers_max} can be sent.`);
  return packed;
}

/** Whether packed headers have a field of that name. A value that is such a name by itself counts too: then nothing is added. */
function hasField(packed: string, name: string): boolean {
  return StringPrototypeStartsWith(packed, `${name}\n`) || StringPrototypeIndexOf(packed, `\n${name}\n`) >= 0;
}

function addField(packed: string, name: string, value: string): string {
  return `${packed}${name}\n${value}\n`;
}
