// MessageChannel and MessagePort (https://html.spec.whatwg.org/multipage/web-messaging.html#channel-messaging). A channel
// connects two places of one isolate.
//
// Deviations: a message is a task of the event that posted it and is lost with that event; data is copied when it is
// posted, so that nothing is left that could fail later and messageerror never happens.

import { type AsyncFrame, currentFrame } from "../../bootstrap/context.ts";
import { registerTransfer } from "../../bootstrap/interfaces.ts";
import { append, SymbolIterator } from "../../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, isObject, requireArguments, toDictionary, toSequence, typeError } from "../../bootstrap/webidl.ts";
import { DOMException } from "../domexception.ts";
import { Event } from "../events/event.ts";
import { createMessageEvent } from "../events/message.ts";
import { defineEventHandler, dispatchTrusted, EventTarget } from "../events/target.ts";
import { cloneWithTransfer } from "../structured-clone.ts";
import { queueTask } from "../tasks.ts";

const construct = {};

interface Message {
  readonly data: unknown;
  readonly ports: readonly object[];
  readonly frame: AsyncFrame | undefined;
  next: Message | undefined;
}

/** One end of a channel. It stays when its port is transferred: then another object stands for it. */
class End {
  peer: End | undefined;
  port: MessagePort | undefined;
  enabled = false;
  first: Message | undefined;
  last: Message | undefined;

  accept(message: Message): void {
    if (this.last === undefined) this.first = message;
    else this.last.next = message;
    this.last = message;
    if (this.enabled) this.#queueDelivery(message);
  }

  enable(): void {
    if (this.enabled) return;
    this.enabled = true;
    for (let m = this.first; m !== undefined; m = m.next) this.#queueDelivery(m);
  }

  #queueDelivery(message: Message): void {
    queueTask(() => this.#deliver(), message.frame);
  }

  /** One message for each task. After a transfer there may be more tasks than messages. */
  #deliver(): void {
    const message = this.first;
    if (message === undefined || !this.enabled) return;
    this.first = message.next;
    if (message.next === undefined) this.last = undefined;
    dispatchTrusted(this.port!, createMessageEvent("message", message.data, "", "", message.ports));
  }
}

let isMessagePort: (v: unknown) => v is MessagePort;
let start: (port: MessagePort) => void;
let entangle: (a: MessagePort, b: MessagePort) => void;

/** The transfer list of postMessage: an iterable, or an option. */
export function toTransferList(v: unknown, context: string): object[] {
  const toItem = (item: unknown): object => {
    if (!isObject(item)) throw typeError(context, "an item of the transfer list is not an object.");
    return item;
  };
  if (isObject(v) && isIterable(v)) return toSequence(v, toItem, context);
  const transfer = toDictionary<{ transfer: unknown }>(v, context)?.transfer;
  return transfer === undefined ? [] : toSequence(transfer, toItem, context);
}

function isIterable(v: object): boolean {
  const method = (v as { [k: symbol]: unknown })[SymbolIterator];
  return method !== undefined && method !== null;
}

export class MessagePort extends EventTarget {
  /** Undefined once the port is transferred or closed: "detached". */
  #end: End | undefined;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
    super();
  }

  static {
    isMessagePort = (v): v is MessagePort => isObject(v) && #end in v;
    start = (port) => port.#end?.enable();
    entangle = (a, b) => {
      const x = new End();
      const y = new End();
      x.peer = y;
      y.peer = x;
      x.port = a;
      y.port = b;
      a.#end = x;
      b.#end = y;
    };
    registerTransfer(MessagePort, {
      detached: (o) => (o as MessagePort).#end === undefined,
      transfer: (o) => {
        const end = (o as MessagePort).#end!;
        (o as MessagePort).#end = undefined;
        const moved = new MessagePort(construct);
        moved.#end = end;
        end.port = moved;
        end.enabled = false;
        return moved;
      },
    });
  }

  postMessage(message: unknown, options: unknown = undefined): void {
    const target = this.#end?.peer;
    const context = "MessagePort.postMessage";
    requireArguments(arguments.length, 1, context);
    const transfer = toTransferList(options, context);
    let doomed = target === undefined;
    for (let i = 0; i < transfer.length; i++) {
      if (transfer[i] === this) throw new DOMException(`${context}: a port cannot be sent through itself.`, "DataCloneError");
      if (transfer[i] === target?.port) doomed = true;
    }
    const { value, received } = cloneWithTransfer(message, transfer);
    if (doomed) return;
    const ports: object[] = [];
    for (let i = 0; i < received.length; i++) if (isMessagePort(received[i])) append(ports, received[i]!);
    target!.accept({ data: value, ports, frame: currentFrame(), next: undefined });
  }

  start(): void {
    this.#end?.enable();
  }

  close(): void {
    const end = this.#end;
    if (end === undefined) return;
    this.#end = undefined;
    const { peer } = end;
    if (peer === undefined) return;
    end.peer = peer.peer = undefined;
    queueTask(() => void dispatchTrusted(peer.port!, new Event("close")));
  }
}
defineInterface(MessagePort);
defineEventHandler(MessagePort, "message", (port) => start(port as MessagePort));
defineEventHandler(MessagePort, "messageerror");
defineEventHandler(MessagePort, "close");

export class MessageChannel {
  readonly #port1 = new MessagePort(construct);
  readonly #port2 = new MessagePort(construct);

  constructor() {
    entangle(this.#port1, this.#port2);
  }
  get port1(): MessagePort {
    return this.#port1;
  }
  get port2(): MessagePort {
    return this.#port2;
  }
}
defineInterface(MessageChannel);
