// BroadcastChannel (https://html.spec.whatwg.org/multipage/web-messaging.html#broadcasting-to-other-browsing-contexts).
//
// Deviation: it reaches the channels of that name that the same event has made, and none but these. An isolate serves many
// requests at once and a worker has many isolates, so a channel between requests would sometimes work and sometimes not.
// The Workers platform has no such class at all.

import { type EventState, requireEvent } from "../../bootstrap/context.ts";
import { Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet } from "../../bootstrap/primordials.ts";
import { defineInterface, requireArguments, toDOMString } from "../../bootstrap/webidl.ts";
import { DOMException } from "../domexception.ts";
import { createMessageEvent } from "../events/message.ts";
import { defineEventHandler, dispatchTrusted, EventTarget } from "../events/target.ts";
import { addResource, type Resource } from "../fetch/resources.ts";
import { structuredCloneValue } from "../structured-clone.ts";
import { queueTask } from "../tasks.ts";

/** The open channels of one event, in the order they were made. */
class Channels implements Resource {
  readonly #event: number;
  first: BroadcastChannel | undefined;

  constructor(event: EventState) {
    this.#event = event.id;
    MapPrototypeSet(byEvent, event.id, this);
    addResource(event, this);
  }
  eventEnded(): void {
    MapPrototypeDelete(byEvent, this.#event);
  }
}

const byEvent = new Map<number, Channels>();

export class BroadcastChannel extends EventTarget {
  readonly #name: string;
  readonly #channels: Channels;
  #closed = false;
  #next: BroadcastChannel | undefined;

  constructor(name: unknown) {
    requireArguments(arguments.length, 1, "BroadcastChannel constructor");
    const text = toDOMString(name);
    const event = requireEvent();
    super();
    this.#name = text;
    this.#channels = MapPrototypeGet(byEvent, event.id) ?? new Channels(event);
    let last = this.#channels.first;
    if (last === undefined) this.#channels.first = this;
    else {
      while (last.#next !== undefined) last = last.#next;
      last.#next = this;
    }
  }

  get name(): string {
    return this.#name;
  }

  postMessage(message: unknown): void {
    const closed = this.#closed;
    requireArguments(arguments.length, 1, "BroadcastChannel.postMessage");
    if (closed) throw new DOMException("BroadcastChannel.postMessage: the channel is closed.", "InvalidStateError");
    const data = structuredCloneValue(message);
    for (let to = this.#channels.first; to !== undefined; to = to.#next) {
      if (to === this || to.#name !== this.#name) continue;
      const target = to;
      queueTask(() => {
        if (!target.#closed) dispatchTrusted(target, createMessageEvent("message", structuredCloneValue(data), "", "", []));
      });
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    let before = this.#channels.first;
    if (before === this) {
      this.#channels.first = this.#next;
      return;
    }
    while (before !== undefined && before.#next !== this) before = before.#next;
    if (before !== undefined) before.#next = this.#next;
  }
}
defineInterface(BroadcastChannel);
defineEventHandler(BroadcastChannel, "message");
defineEventHandler(BroadcastChannel, "messageerror");
