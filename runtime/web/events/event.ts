// Event (https://dom.spec.whatwg.org/#interface-event), without trees: a path has one target.

import { registerInspectable } from "../../bootstrap/interfaces.ts";
import { native } from "../../bootstrap/native.ts";
import { defineConstants, defineInterface, illegalInvocation, isObject, requireArguments, toDictionary, toDOMString } from "../../bootstrap/webidl.ts";
import { ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ObjectSetPrototypeOf } from "../../bootstrap/primordials.ts";

export interface EventInit {
  bubbles?: unknown;
  cancelable?: unknown;
  composed?: unknown;
}

export const NONE = 0;
export const CAPTURING_PHASE = 1;
export const AT_TARGET = 2;
export const BUBBLING_PHASE = 3;

/** The flags and slots that dispatch works on (§2.2, §2.9). One per event, never seen by workers. */
export interface EventRecord {
  target: object | null;
  currentTarget: object | null;
  phase: number;
  dispatching: boolean;
  initialized: boolean;
  canceled: boolean;
  stopped: boolean;
  stoppedNow: boolean;
  inPassive: boolean;
  trusted: boolean;
}

const trustedGetter = {
  get isTrusted(): boolean {
    return recordOf(this).trusted;
  },
};
const unforgeable = ObjectGetOwnPropertyDescriptor(trustedGetter, "isTrusted")!;
unforgeable.configurable = false;
ObjectSetPrototypeOf(unforgeable, null);

/** The record of an event; throws TypeError for anything else. */
export let recordOf: (v: unknown) => EventRecord;
export let isEvent: (v: unknown) => v is Event;
/** Sets type, bubbles and cancelable again (§2.2, "initialize"). */
export let initialize: (event: Event, type: string, bubbles: boolean, cancelable: boolean) => void;

export class Event {
  declare static readonly NONE: number;
  #type: string;
  #bubbles = false;
  #cancelable = false;
  #composed = false;
  readonly #timeStamp = native.monotonic();
  readonly #record: EventRecord = {
    target: null,
    currentTarget: null,
    phase: NONE,
    dispatching: false,
    initialized: true,
    canceled: false,
    stopped: false,
    stoppedNow: false,
    inPassive: false,
    trusted: false,
  };

  constructor(type: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "Event constructor");
    this.#type = toDOMString(type);
    const dictionary = toDictionary<EventInit>(init, "Event constructor");
    if (dictionary !== undefined) {
      this.#bubbles = !!dictionary.bubbles;
      this.#cancelable = !!dictionary.cancelable;
      this.#composed = !!dictionary.composed;
    }
    ObjectDefineProperty(this, "isTrusted", unforgeable);
  }

  static {
    isEvent = (v): v is Event => isObject(v) && #record in v;
    recordOf = (v) => {
      if (!isObject(v) || !(#record in v)) illegalInvocation();
      return (v as Event).#record;
    };
    initialize = (event, type, bubbles, cancelable) => {
      const r = event.#record;
      r.initialized = true;
      r.stopped = r.stoppedNow = r.canceled = false;
      r.trusted = false;
      r.target = null;
      event.#type = type;
      event.#bubbles = bubbles;
      event.#cancelable = cancelable;
    };
  }

  get type(): string {
    return this.#type;
  }
  get target(): object | null {
    return this.#record.target;
  }
  get srcElement(): object | null {
    return this.#record.target;
  }
  get currentTarget(): object | null {
    return this.#record.currentTarget;
  }
  composedPath(): object[] {
    const r = this.#record;
    return r.currentTarget === null ? [] : [r.currentTarget];
  }

  get eventPhase(): number {
    return this.#record.phase;
  }

  stopPropagation(): void {
    this.#record.stopped = true;
  }
  get cancelBubble(): boolean {
    return this.#record.stopped;
  }
  set cancelBubble(value: unknown) {
    const r = this.#record;
    if (value) r.stopped = true;
  }
  stopImmediatePropagation(): void {
    const r = this.#record;
    r.stopped = true;
    r.stoppedNow = true;
  }

  get bubbles(): boolean {
    return this.#bubbles;
  }
  get cancelable(): boolean {
    return this.#cancelable;
  }
  get returnValue(): boolean {
    return !this.#record.canceled;
  }
  set returnValue(value: unknown) {
    const r = this.#record;
    if (!value && this.#cancelable && !r.inPassive) r.canceled = true;
  }
  preventDefault(): void {
    const r = this.#record;
    if (this.#cancelable && !r.inPassive) r.canceled = true;
  }
  get defaultPrevented(): boolean {
    return this.#record.canceled;
  }
  get composed(): boolean {
    return this.#composed;
  }
  get timeStamp(): number {
    return this.#timeStamp;
  }

  initEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false): void {
    const r = this.#record;
    requireArguments(arguments.length, 1, "Event.initEvent");
    const name = toDOMString(type);
    if (!r.dispatching) initialize(this, name, !!bubbles, !!cancelable);
  }
}

defineInterface(Event);
registerInspectable(Event, ["type", "defaultPrevented", "cancelable", "timeStamp"]);
defineConstants(Event, { NONE, CAPTURING_PHASE, AT_TARGET, BUBBLING_PHASE });

/** An event that the platform itself makes: isTrusted is true. */
export function trusted<E extends Event>(event: E): E {
  recordOf(event).trusted = true;
  return event;
}
