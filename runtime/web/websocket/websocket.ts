// WebSocket (https://websockets.spec.whatwg.org/#the-websocket-interface) with Workers' additions: accept(), ends of a
// WebSocketPair, and the webSocket of a Response that fetch() gave.
//
// Where the platform's rules are others, `new WebSocket(url)` follows the standard and the rest the platform: send() after close() throws, close()
// takes codes from 1000 to 4999, and a Close frame need not be answered at once (accept({ allowHalfOpen })).

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { requireEvent, type EventState } from "../../bootstrap/context.ts";
import { native } from "../../bootstrap/native.ts";
import { ArrayBufferPrototypeGetByteLength, ArrayBufferIsView, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeToLowerCase, SymbolIterator, TypeError, viewByteLength } from "../../bootstrap/primordials.ts";
import { defineConstants, defineInterface, isBufferSource, isObject, iterate, requireArguments, toDictionary, toDOMString, toInteger, toUnsignedShort, toUSVString } from "../../bootstrap/webidl.ts";
import { blobParts, blobSize, isBlob } from "../blob.ts";
import { wholeOf } from "../bytes.ts";
import { DOMException } from "../domexception.ts";
import { defineEventHandler, EventTarget } from "../events/target.ts";
import { recordOrigin } from "../url-record.ts";
import { startHandshake } from "./handshake.ts";
import { checkEvent, CLOSED, CLOSING, closeNone, CONNECTING, OPEN, SocketState } from "./state.ts";

/** The most bytes of a reason (RFC 6455 §5.5). */
const reasonMax = 123;

const construct = {};

export let stateOfSocket: (socket: WebSocket) => SocketState;
export let isWebSocket: (v: unknown) => v is WebSocket;

export class WebSocket extends EventTarget {
  readonly #state: SocketState;

  constructor(url: unknown, protocols: unknown = undefined) {
    requireArguments(arguments.length, 1, "WebSocket constructor");
    super();
    const made = url === construct;
    this.#state = made ? (protocols as SocketState) : open(url, protocols, arguments.length);
    this.#state.target = this;
    if (!made) startHandshake(this.#state);
  }
  static {
    stateOfSocket = (socket) => socket.#state;
    isWebSocket = (v): v is WebSocket => isObject(v) && #state in v;
  }

  get url(): string | null {
    return this.#state.url;
  }
  get readyState(): number {
    return this.#state.readyState;
  }
  get bufferedAmount(): number {
    return this.#state.buffered;
  }
  get extensions(): string | null {
    return this.#state.extensions;
  }
  get protocol(): string | null {
    return this.#state.protocol;
  }
  get binaryType(): string {
    return this.#state.binaryType;
  }
  set binaryType(value: unknown) {
    const state = this.#state;
    const type = toDOMString(value);
    if (type === "blob" || type === "arraybuffer") state.binaryType = type; // an enumeration: other values are ignored
  }

  accept(options: unknown = undefined): void {
    const state = this.#state;
    if (state.client) throw new TypeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    if (state.used) throw new TypeError("Can't accept() WebSocket that was already used in a response.");
    if (state.accepted) return;
    const allow = toDictionary<{ allowHalfOpen: unknown }>(options, "WebSocket.accept")?.allowHalfOpen;
    const event = requireEvent();
    checkEvent(state);
    if (allow !== undefined) state.halfOpen = !!allow;
    if (state.event === undefined) state.join(event);
    state.accept();
  }

  send(data: unknown): void {
    const state = this.#state;
    requireArguments(arguments.length, 1, "WebSocket.send");
    let message: string | ArrayBuffer | ArrayBufferView;
    let size: number;
    if (isBlob(data)) {
      size = blobSize(data);
      message = wholeOf(blobParts(data), size);
    } else if (isBufferSource(data)) {
      size = ArrayBufferIsView(data) ? viewByteLength(data) : ArrayBufferPrototypeGetByteLength(data as ArrayBuffer);
      message = data;
    } else {
      message = toUSVString(data);
      size = -1;
    }
    if (state.client) {
      if (state.connecting) throw new DOMException("Still in CONNECTING state.", "InvalidStateError");
    } else if (!state.failed) {
      if (state.closedOut) throw new TypeError("Can't call WebSocket send() after close().");
      if (!state.accepted) throw new TypeError("You must call accept() on this WebSocket before sending messages.");
    }
    checkEvent(state);
    state.send(message, size < 0 ? native.utf8Length(message as string) : size);
  }

  close(code: unknown = undefined, reason: unknown = undefined): void {
    const state = this.#state;
    let number = closeNone;
    let text = "";
    if (code !== undefined) {
      number = state.client ? toUnsignedShort(code, "WebSocket.close", { clamp: true }) : toInteger(code, 32, true, "WebSocket.close");
      const good = state.client ? number === 1000 || (number >= 3000 && number <= 4999) : number >= 1000 && number <= 4999 && number !== 1004 && number !== 1005 && number !== 1006 && number !== 1015;
      if (!good) throw new DOMException(`Invalid WebSocket close code: ${number}.`, "InvalidAccessError");
    }
    if (reason !== undefined) {
      text = toUSVString(reason);
      if (native.utf8Length(text) > reasonMax) throw new DOMException(`WebSocket close reason must not be longer than ${reasonMax} bytes when UTF-8 encoded.`, "SyntaxError");
      if (code === undefined && !state.client) throw new DOMException("If you specify a WebSocket close reason, you must also specify a code.", "InvalidAccessError");
    }
    if (!state.client && !state.accepted && !state.failed) throw new TypeError("You must call accept() on this WebSocket before closing it.");
    checkEvent(state);
    // The registry gives 1012 to 1014 a meaning that only servers and gateways can claim, and 1016 to 2999 none: the host sends all of them.
    state.close(number, number === closeNone ? "" : text);
  }
}
defineInterface(WebSocket);
defineConstants(WebSocket, { CONNECTING, OPEN, CLOSING, CLOSED });
defineEventHandler(WebSocket, "open");
defineEventHandler(WebSocket, "message");
defineEventHandler(WebSocket, "error");
defineEventHandler(WebSocket, "close");
registerInspectable(WebSocket, ["url", "readyState", "protocol", "extensions", "binaryType", "bufferedAmount"]);

/** A WebSocket that no constructor of the worker's made. */
export function makeSocket(state: SocketState): WebSocket {
  return new WebSocket(construct, state);
}

/** The webSocket of a response: socket is the host's id. */
export function makeFetchedSocket(event: EventState, socket: number): WebSocket {
  const state = new SocketState(false);
  const made = makeSocket(state);
  state.join(event);
  state.connect(socket);
  return made;
}

/** new WebSocket(url, protocols), steps 1 to 11. */
function open(input: unknown, protocols: unknown, given: number): SocketState {
  const url = toUSVString(input);
  let list: string[] = [];
  if (given > 1 && protocols !== undefined) {
    // (DOMString or sequence<DOMString>)
    const method = isObject(protocols) ? (protocols as { [k: symbol]: unknown })[SymbolIterator] : undefined;
    list = method === undefined || method === null ? [toDOMString(protocols)] : iterate(protocols as object, method, toDOMString, "WebSocket constructor");
  }
  let record = native.urlParse(url, undefined);
  if (record === undefined) throw new DOMException(`WebSocket Constructor: The url is invalid: ${url}`, "SyntaxError");
  let href = record[0];
  const colon = StringPrototypeIndexOf(href, ":");
  const scheme = StringPrototypeSlice(href, 0, colon);
  if (scheme === "http" || scheme === "https") {
    href = `${scheme === "http" ? "ws" : "wss"}${StringPrototypeSlice(href, colon)}`;
    record = native.urlParse(href, undefined)!;
  } else if (scheme !== "ws" && scheme !== "wss") throw new DOMException(`WebSocket Constructor: The url scheme must be ws or wss, not ${scheme}.`, "SyntaxError");
  if (StringPrototypeIndexOf(href, "#") >= 0) throw new DOMException("WebSocket Constructor: The url fragment must be empty.", "SyntaxError");
  for (let i = 0; i < list.length; i++) {
    if (!isToken(list[i]!)) throw new DOMException("WebSocket Constructor: One of the protocols is not a token.", "SyntaxError");
    for (let k = 0; k < i; k++) if (StringPrototypeToLowerCase(list[k]!) === StringPrototypeToLowerCase(list[i]!)) throw new DOMException("WebSocket Constructor: The protocols have repeating values.", "SyntaxError");
  }
  const event = requireEvent();
  const state = new SocketState(true);
  state.url = record[0];
  state.origin = recordOrigin(record);
  state.protocol = state.extensions = "";
  state.wanted = list;
  state.connecting = true;
  state.join(event);
  return state;
}

/** RFC 9110 token. */
function isToken(s: string): boolean {
  for (let i = 0; i < s.length; i++) if (StringPrototypeIndexOf("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", s[i]!) < 0) return false;
  return s.length > 0;
}
