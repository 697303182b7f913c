// ExtendableEvent and FetchEvent (https://w3c.github.io/ServiceWorker/#extendableevent), what listeners of a worker in
// service-worker syntax get. Deviation: passThroughOnException, which the Workers platform adds.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { defineInterface, illegalInvocation, isObject, requireArguments, toDictionary, typeError } from "../bootstrap/webidl.ts";
import { DOMException } from "./domexception.ts";
import { Event } from "./events/event.ts";

/** What such an event does to the request it stands for. */
export interface EventLifetime {
  waitUntil(promise: unknown): void;
  respondWith(response: unknown): void;
  passThroughOnException(): void;
}

/** Makes the event of a request. Its methods act on lifetime until closeFetchEvent. */
export let makeFetchEvent: (request: object, lifetime: EventLifetime) => FetchEvent;
/** Called when the dispatch is over: respondWith is refused from here on. */
export let closeFetchEvent: (event: FetchEvent) => void;

let attach: (event: ExtendableEvent, lifetime: EventLifetime) => void;
let lifetimeOf: (event: unknown) => EventLifetime;

export class ExtendableEvent extends Event {
  #lifetime: EventLifetime | undefined;

  static {
    attach = (event, lifetime) => {
      event.#lifetime = lifetime;
    };
    lifetimeOf = (event) => {
      if (!isObject(event) || !(#lifetime in event)) illegalInvocation();
      const lifetime = (event as ExtendableEvent).#lifetime;
      if (lifetime === undefined) throw new DOMException("The event was not made by the platform.", "InvalidStateError");
      return lifetime;
    };
  }

  waitUntil(promise: unknown): void {
    requireArguments(arguments.length, 1, "ExtendableEvent.waitUntil");
    lifetimeOf(this).waitUntil(promise);
  }
}
defineInterface(ExtendableEvent);

export class FetchEvent extends ExtendableEvent {
  #request: object;
  #open = false;
  #answered = false;

  constructor(type: unknown, init: unknown) {
    const context = "FetchEvent constructor";
    requireArguments(arguments.length, 2, context);
    super(type, init);
    const request = toDictionary<{ request: unknown }>(init, context)?.request;
    if (!isObject(request)) throw typeError(context, "request is required and must be a Request.");
    this.#request = request;
  }

  static {
    makeFetchEvent = (request, lifetime) => {
      const event = new FetchEvent("fetch", { __proto__: null, request, cancelable: true });
      attach(event, lifetime);
      event.#open = true;
      return event;
    };
    closeFetchEvent = (event) => {
      event.#open = false;
    };
  }

  get request(): object {
    return this.#request;
  }

  respondWith(response: unknown): void {
    requireArguments(arguments.length, 1, "FetchEvent.respondWith");
    const lifetime = lifetimeOf(this);
    if (this.#answered) throw new DOMException("FetchEvent.respondWith() has already been called; it can only be called once.", "InvalidStateError");
    if (!this.#open) throw new DOMException("Too late to call FetchEvent.respondWith(). It must be called synchronously in the event handler.", "InvalidStateError");
    this.#answered = true;
    this.stopImmediatePropagation();
    lifetime.respondWith(response);
  }

  passThroughOnException(): void {
    lifetimeOf(this).passThroughOnException();
  }
}
defineInterface(FetchEvent);
registerInspectable(FetchEvent, ["request"]);
