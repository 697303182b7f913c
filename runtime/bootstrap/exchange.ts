// Joins the dispatch of events to the fetch part of the runtime: how the Request of an event is made and how its Response
// leaves.

import { isResponse, type Response, responseParts } from "../web/fetch/response.ts";
import { sendBody } from "../web/fetch/send-body.ts";
import type { EventState } from "./context.ts";
import { native } from "./native.ts";
import { TypeError } from "./primordials.ts";

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
  const body = sendBody(event, parts.body);
  native.respond(event.id, parts.status, parts.statusText, parts.headers, body.inline, body.stream, body.length);
  return body.outbound;
}
