// MessageEvent (https://html.spec.whatwg.org/#messageevent).
// Deviation: source and ports may be any event targets, since WebSocket and MessagePort live in files of their own.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { defineInterface, noMembers, requireArguments, toDictionary, toDOMString, toSequence, toUSVString, typeError } from "../../bootstrap/webidl.ts";
import { ObjectFreeze } from "../../bootstrap/primordials.ts";
import { Event, type EventInit, initialize, recordOf } from "./event.ts";
import { isEventTarget } from "./target.ts";

interface MessageEventInit extends EventInit {
  data?: unknown;
  origin?: unknown;
  lastEventId?: unknown;
  source?: unknown;
  ports?: unknown;
}

const context = "MessageEvent";

function toSource(v: unknown): object | null {
  if (v === undefined || v === null) return null;
  if (!isEventTarget(v)) throw typeError(context, "source is not a MessagePort.");
  return v;
}

function toPorts(v: unknown): readonly object[] {
  if (v === undefined) return ObjectFreeze([]);
  const list = toSequence<object>(
    v,
    (item) => {
      if (!isEventTarget(item)) throw typeError(context, "ports has an item that is not a MessagePort.");
      return item;
    },
    context,
  );
  return ObjectFreeze(list);
}

/** An event of the platform's own: nothing is converted, and ports is kept and frozen. */
export let createMessageEvent: (type: string, data: unknown, origin: string, lastEventId: string, ports: readonly object[]) => MessageEvent;

export class MessageEvent extends Event {
  #data: unknown = null;
  #origin = "";
  #lastEventId = "";
  #source: object | null = null;
  #ports: readonly object[];

  constructor(type: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "MessageEvent constructor");
    super(type, init);
    const d = toDictionary<MessageEventInit>(init, context) ?? (noMembers as MessageEventInit);
    const { data, lastEventId, origin, ports, source } = d;
    if (data !== undefined) this.#data = data;
    if (lastEventId !== undefined) this.#lastEventId = toDOMString(lastEventId);
    if (origin !== undefined) this.#origin = toUSVString(origin);
    this.#ports = toPorts(ports);
    this.#source = toSource(source);
  }

  static {
    createMessageEvent = (type, data, origin, lastEventId, ports) => {
      const event = new MessageEvent(type);
      event.#data = data;
      event.#origin = origin;
      event.#lastEventId = lastEventId;
      event.#ports = ObjectFreeze(ports);
      return event;
    };
  }

  get data(): unknown {
    return this.#data;
  }
  get origin(): string {
    return this.#origin;
  }
  get lastEventId(): string {
    return this.#lastEventId;
  }
  get source(): object | null {
    return this.#source;
  }
  get ports(): readonly object[] {
    return this.#ports;
  }

  initMessageEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false, data: unknown = null, origin: unknown = "", lastEventId: unknown = "", source: unknown = null, ports: unknown = undefined): void {
    this.#data; // brand check
    requireArguments(arguments.length, 1, "MessageEvent.initMessageEvent");
    const name = toDOMString(type);
    const from = toUSVString(origin);
    const id = toDOMString(lastEventId);
    const sender = toSource(source);
    const list = toPorts(ports);
    if (recordOf(this).dispatching) return;
    initialize(this, name, !!bubbles, !!cancelable);
    this.#data = data;
    this.#origin = from;
    this.#lastEventId = id;
    this.#source = sender;
    this.#ports = list;
  }
}
defineInterface(MessageEvent);
registerInspectable(MessageEvent, ["data"]);
