// The opening handshake of `new WebSocket(url)` (https://websockets.spec.whatwg.org/#concept-websocket-establish): a fetch with
// Upgrade on slot 0. Frames, keys and extensions are the supervisor's.

import { abortCall, type CallOwner, forgetCall, startCall } from "../../bootstrap/calls.ts";
import { hasCompatFlag } from "../../bootstrap/modules.ts";
import { native } from "../../bootstrap/native.ts";
import { ArrayPrototypeIndexOf, ArrayPrototypeJoin, NumberIsNaN, NumberParseInt, StringFromCharCode, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeSplit, StringPrototypeTrim } from "../../bootstrap/primordials.ts";
import { CallCode, CallOp, decodeFetchResult, encodeFetchCall, Redirect } from "../../bootstrap/wire.gen.ts";
import { addResource, removeResource, type Resource } from "../fetch/resources.ts";
import type { SocketState } from "./state.ts";

/** The slot of the global fetch. */
const globalSlot = 0;

class Handshake implements CallOwner, Resource {
  readonly #state: SocketState;
  readonly #call: number;

  constructor(state: SocketState) {
    this.#state = state;
    const event = state.event!;
    const parsed = native.urlParse(`http${StringPrototypeSlice(state.url!, 2)}`, undefined)!;
    let headers = "upgrade\nwebsocket\ncache-control\nno-cache\npragma\nno-cache\n";
    if (state.wanted.length > 0) headers += `sec-websocket-protocol\n${ArrayPrototypeJoin(state.wanted, ", ")}\n`;
    if (hasCompatFlag("web_socket_compression")) headers += "sec-websocket-extensions\npermessage-deflate\n";
    const credentials = credentialsOf(parsed[0]);
    if (credentials !== undefined) headers += `authorization\nBasic ${credentials}\n`;
    const args = encodeFetchCall({ method: "GET", url: parsed[0], headers, redirect: Redirect.error, length: 0, raw: false });
    this.#call = startCall(event.id, globalSlot, CallOp.fetch, 0, args, this);
    state.onAbort = () => this.#abort();
    addResource(event, this);
    state.hold();
  }

  #abort(): void {
    abortCall(this.#call);
    this.#over();
  }

  #over(): void {
    this.#state.onAbort = undefined;
    removeResource(this.#state.event!, this);
  }

  result(code: number, message: string, stream: number, _length: number, bytes: Uint8Array, socket: number): void {
    this.#over();
    if (stream !== 0) native.streamCancel(stream, "not wanted");
    const state = this.#state;
    if (code !== CallCode.ok) return state.refused(message === "" ? "Failed to establish the WebSocket connection." : `Failed to establish the WebSocket connection: ${message}`);
    const head = decodeFetchResult(bytes);
    if (socket === 0) {
      return state.refused(`Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 (switching protocols), but received ${head.status} instead.`);
    }
    const protocol = fieldOf(head.headers, "sec-websocket-protocol");
    const wrong = protocol === undefined ? state.wanted.length > 0 : ArrayPrototypeIndexOf(state.wanted, protocol) < 0;
    if (wrong) {
      native.socketClose(socket, 1006, "");
      return state.refused(protocol === undefined ? "Failed to establish the WebSocket connection: the server chose none of the protocols." : "Failed to establish the WebSocket connection: the server chose a protocol that was not asked for.");
    }
    state.opened(socket, protocol ?? "", fieldOf(head.headers, "sec-websocket-extensions") ?? "");
  }

  eventEnded(): void {
    forgetCall(this.#call);
  }
}

export function startHandshake(state: SocketState): void {
  new Handshake(state);
}

/** The value of a packed header field; several are joined. */
function fieldOf(packed: string, name: string): string | undefined {
  const lines = StringPrototypeSplit(packed, "\n");
  let found: string | undefined;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (lines[i] === name) found = found === undefined ? StringPrototypeTrim(lines[i + 1]!) : `${found}, ${StringPrototypeTrim(lines[i + 1]!)}`;
  }
  return found;
}

/** User name and password of a URL, as Basic credentials. */
function credentialsOf(href: string): string | undefined {
  const start = StringPrototypeIndexOf(href, "//") + 2;
  const slash = StringPrototypeIndexOf(href, "/", start);
  const authority = StringPrototypeSlice(href, start, slash);
  const at = StringPrototypeIndexOf(authority, "@");
  if (at < 0) return undefined;
  const info = StringPrototypeSlice(authority, 0, at);
  const colon = StringPrototypeIndexOf(info, ":");
  const user = percentDecode(colon < 0 ? info : StringPrototypeSlice(info, 0, colon));
  const password = colon < 0 ? "" : percentDecode(StringPrototypeSlice(info, colon + 1));
  return native.btoa(`${user}:${password}`);
}

/** Percent-decoding into a string of bytes; what is no escape stays. */
function percentDecode(text: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const byte = text[i] === "%" ? NumberParseInt(StringPrototypeSlice(text, i + 1, i + 3), 16) : NaN;
    if (NumberIsNaN(byte)) out += text[i]!;
    else {
      out += StringFromCharCode(byte);
      i += 2;
    }
  }
  return out;
}
