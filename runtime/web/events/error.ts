// ErrorEvent (https://html.spec.whatwg.org/#errorevent).

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { defineInterface, isObject, requireArguments, toDictionary, toDOMString, toUnsignedLong, toUSVString } from "../../bootstrap/webidl.ts";
import { Event, type EventInit } from "./event.ts";
import { setErrorArguments } from "./target.ts";

interface ErrorEventInit extends EventInit {
  message?: unknown;
  filename?: unknown;
  lineno?: unknown;
  colno?: unknown;
  error?: unknown;
}

export let isErrorEvent: (v: unknown) => v is ErrorEvent;

export class ErrorEvent extends Event {
  #message = "";
  #filename = "";
  #lineno = 0;
  #colno = 0;
  #error: unknown = undefined;

  constructor(type: unknown, init: unknown = undefined) {
    const context = "ErrorEvent constructor";
    requireArguments(arguments.length, 1, context);
    super(type, init);
    const d = toDictionary<ErrorEventInit>(init, context);
    if (d === undefined) return;
    const { colno, error, filename, lineno, message } = d;
    if (colno !== undefined) this.#colno = toUnsignedLong(colno, context);
    this.#error = error;
    if (filename !== undefined) this.#filename = toUSVString(filename);
    if (lineno !== undefined) this.#lineno = toUnsignedLong(lineno, context);
    if (message !== undefined) this.#message = toDOMString(message);
  }
  static {
    isErrorEvent = (v): v is ErrorEvent => isObject(v) && #message in v;
  }

  get message(): string {
    return this.#message;
  }
  get filename(): string {
    return this.#filename;
  }
  get lineno(): number {
    return this.#lineno;
  }
  get colno(): number {
    return this.#colno;
  }
  get error(): unknown {
    return this.#error;
  }
}
defineInterface(ErrorEvent);
registerInspectable(ErrorEvent, ["message", "error"]);
setErrorArguments((event) => (isErrorEvent(event) ? [event.message, event.filename, event.lineno, event.colno, event.error] : undefined));
