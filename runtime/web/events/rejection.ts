// PromiseRejectionEvent (https://html.spec.whatwg.org/#promiserejectionevent).

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { defineInterface, isObject, noMembers, requireArguments, typeError } from "../../bootstrap/webidl.ts";
import { Event, type EventInit } from "./event.ts";

interface PromiseRejectionEventInit extends EventInit {
  promise?: unknown;
  reason?: unknown;
}

export class PromiseRejectionEvent extends Event {
  #promise: object;
  #reason: unknown;

  constructor(type: unknown, init: unknown) {
    const context = "PromiseRejectionEvent constructor";
    requireArguments(arguments.length, 2, context);
    super(type, init);
    const promise = ((init ?? noMembers) as PromiseRejectionEventInit).promise;
    if (!isObject(promise)) throw typeError(context, "promise is required and must be an object.");
    this.#promise = promise;
    this.#reason = (init as PromiseRejectionEventInit).reason;
  }

  get promise(): object {
    return this.#promise;
  }
  get reason(): unknown {
    return this.#reason;
  }
}
defineInterface(PromiseRejectionEvent);
registerInspectable(PromiseRejectionEvent, ["promise", "reason"]);
