// CloseEvent (https://websockets.spec.whatwg.org/#the-closeevent-interface).

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { defineInterface, requireArguments, toDictionary, toUnsignedShort, toUSVString } from "../../bootstrap/webidl.ts";
import { Event, type EventInit } from "./event.ts";

interface CloseEventInit extends EventInit {
  wasClean?: unknown;
  code?: unknown;
  reason?: unknown;
}

export class CloseEvent extends Event {
  #wasClean = false;
  #code = 0;
  #reason = "";

  constructor(type: unknown, init: unknown = undefined) {
    const context = "CloseEvent constructor";
    requireArguments(arguments.length, 1, context);
    super(type, init);
    const d = toDictionary<CloseEventInit>(init, context);
    if (d === undefined) return;
    const { code, reason, wasClean } = d;
    if (code !== undefined) this.#code = toUnsignedShort(code, context);
    if (reason !== undefined) this.#reason = toUSVString(reason);
    this.#wasClean = !!wasClean;
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }
  get code(): number {
    return this.#code;
  }
  get reason(): string {
    return this.#reason;
  }
}
defineInterface(CloseEvent);
registerInspectable(CloseEvent, ["code", "reason", "wasClean"]);
