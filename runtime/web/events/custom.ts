// CustomEvent (https://dom.spec.whatwg.org/#interface-customevent).

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { defineInterface, requireArguments, toDictionary, toDOMString } from "../../bootstrap/webidl.ts";
import { Event, type EventInit, initialize, recordOf } from "./event.ts";

interface CustomEventInit extends EventInit {
  detail?: unknown;
}

export class CustomEvent extends Event {
  #detail: unknown;

  constructor(type: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "CustomEvent constructor");
    super(type, init);
    const detail = toDictionary<CustomEventInit>(init, "CustomEvent constructor")?.detail;
    this.#detail = detail === undefined ? null : detail;
  }

  get detail(): unknown {
    return this.#detail;
  }

  initCustomEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false, detail: unknown = null): void {
    this.#detail; // brand check
    requireArguments(arguments.length, 1, "CustomEvent.initCustomEvent");
    const name = toDOMString(type);
    if (recordOf(this).dispatching) return;
    initialize(this, name, !!bubbles, !!cancelable);
    this.#detail = detail;
  }
}
defineInterface(CustomEvent);
registerInspectable(CustomEvent, ["detail"]);
