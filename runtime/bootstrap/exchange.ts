// Joins the dispatch of events to the fetch part of the runtime: how the Request of an event is made and how its Response
// leaves.

import { bodyToSend } from "../web/fetch/coding.ts";
import { isResponse, type Response, type ResponseParts, responseParts } from "../web/fetch/response.ts";
import { sendBody } from "../web/fetch/send-body.ts";
import { stateOfSocket, type WebSocket } from "../web/websocket/websocket.ts";
import type { EventState } from "./context.ts";
import { hasCompatFlag } from "./modules.ts";
import { native } from "./native.ts";
import { StringPrototypeIndexOf, StringPrototypeToLowerCase, TypeError } from "./primordials.ts";

/** A response whose body is still being sent. */
export interface Sending {
  readonly done: Promise<void>;
  /** The client wants no more: the source of the body is cancelled, and done is fulfilled. */
  cancelled(message: string): void;
}

export { isResponse };

/** Sends a response: undefined if all of it is on its way. Throws if it cannot be sent, as when its body has been used. */
export function respond(event: EventState, response: Response): Sending | undefined {
  const parts = responseParts(response);
  if (parts.status === 0) throw new TypeError("The handler returned Response.error(), which stands for a failed fetch and cannot be sent.");
  if (parts.webSocket !== null) {
    upgrade(event, parts, parts.webSocket);
    return undefined;
  }
  const body = sendBody(event, bodyToSend(parts.body, parts.headers, parts.encoded));
  native.respond(event.id, parts.status, parts.statusText, parts.headers, body.inline, body.stream, body.length, 0);
  return body.outbound;
}

/** The client gets the other end of the WebSocket. */
function upgrade(event: EventState, parts: ResponseParts, webSocket: WebSocket): void {
  if (StringPrototypeIndexOf(`\n${StringPrototypeToLowerCase(native.eventHeaders(event.id))}`, "\nupgrade\nwebsocket\n") < 0) {
    throw new TypeError('Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".');
  }
  let headers = parts.headers;
  // It allows the supervisor to agree to compression; what is agreed upon is its affair.
  if (hasCompatFlag("web_socket_compression") && StringPrototypeIndexOf(`\n${headers}`, "\nsec-websocket-extensions\n") < 0) headers += "sec-websocket-extensions\npermessage-deflate\n";
  const state = stateOfSocket(webSocket);
  const socket = state.couple(event);
  native.respond(event.id, 101, parts.statusText, headers, null, 0, 0, socket);
  state.coupled(socket);
}
