// What a WebSocket is doing, whoever is on its other end: the host (a client of the worker, or a server it has called), or the
// other end of a WebSocketPair in this isolate. Events are made here; the interface is in websocket.ts.

import { type AsyncFrame, currentEvent, currentFrame, type EventState, holdEvent, releaseEvent, requireOwnEvent, runInFrame } from "../../bootstrap/context.ts";
import { hasCompatFlag } from "../../bootstrap/modules.ts";
import { native } from "../../bootstrap/native.ts";
import { append, ArrayBufferIsView, ArrayPrototypeShift, Error, Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength, TypeError, Uint8Array } from "../../bootstrap/primordials.ts";
import { createBlob } from "../blob.ts";
import { copyBytes } from "../bytes.ts";
import { CloseEvent } from "../events/close.ts";
import { ErrorEvent } from "../events/error.ts";
import { Event } from "../events/event.ts";
import { MessageEvent } from "../events/message.ts";
import { dispatchTrusted, isListenedTo } from "../events/target.ts";
import { addResource, removeResource, type Resource } from "../fetch/resources.ts";

export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

/** Codes of Close frames (RFC 6455 §7.4.1). */
export const closeNone = 1005;
export const closeAbnormal = 1006;

/** The reason of a 1006 that is nobody's mistake. The supervisor says the same. */
const disconnected = "WebSocket disconnected without sending Close frame.";

/** A message that is received or sent, or the sender's last word. */
type Item = string | ArrayBuffer | Uint8Array | LastWord;

let isLastWord: (item: Item) => item is LastWord;

class LastWord {
  readonly #code: number;
  readonly reason: string;
  constructor(code: number, reason: string) {
    this.#code = code;
    this.reason = reason;
  }
  get code(): number {
    return this.#code;
  }
  static {
    isLastWord = (item): item is LastWord => typeof item === "object" && #code in item;
  }
}

/** The sockets that the host knows, by id. */
const remotes = new Map<number, SocketState>();

export class SocketState implements Resource {
  target!: object;
  /** Made by `new WebSocket(url)`: the standard's rules, where the platform's are others. */
  readonly client: boolean;
  url: string | null = null;
  origin = "";
  protocol: string | null = null;
  extensions: string | null = null;
  binaryType: "blob" | "arraybuffer";
  halfOpen: boolean;
  event: EventState | undefined;
  #frame: AsyncFrame | undefined;
  connecting = false;
  /** Protocols that the worker asks for. */
  wanted: readonly string[] = [];
  /** Ends the attempt to connect. */
  onAbort: (() => void) | undefined;
  accepted = false;
  /** Given away in a Response. */
  used = false;
  #closedIn = false;
  closedOut = false;
  /** There is no connection any more. */
  failed = false;
  /** The last word is on its way and not behind what is unsent. */
  #flushed = true;
  #held = false;
  /** The host's id; 0: the other end is peer, or nobody yet. */
  #remote = 0;
  peer: SocketState | undefined;
  /** What has come and cannot be given to the worker yet. */
  #inbox: Item[] = [];
  #draining = false;
  /** Bytes that were to be sent after the end. */
  #unsendable = 0;

  constructor(client: boolean) {
    this.client = client;
    this.binaryType = hasCompatFlag("websocket_standard_binary_type") ? "blob" : "arraybuffer";
    this.halfOpen = !client && !hasCompatFlag("web_socket_auto_reply_to_close");
  }

  get readyState(): number {
    if (this.failed || (this.#closedIn && this.closedOut)) return CLOSED;
    if (this.closedOut || this.#closedIn) return CLOSING;
    return this.connecting ? CONNECTING : OPEN;
  }

  get buffered(): number {
    return this.#unsendable + (this.#remote === 0 ? 0 : native.socketBuffered(this.#remote));
  }

  // ---- beginning

  /** Belongs to the running event from now on. */
  join(event: EventState): void {
    this.event = event;
    this.#frame = currentFrame();
    addResource(event, this);
  }

  /** The event must not end before this is over. */
  hold(): void {
    if (this.#held || this.event === undefined || this.event.ended) return;
    this.#held = true;
    holdEvent(this.event);
  }

  /** The host's socket is the other end. */
  connect(remote: number): void {
    this.#remote = remote;
    MapPrototypeSet(remotes, remote, this);
    if (this.accepted) this.#open();
  }

  #open(): void {
    this.hold();
    native.socketAccept(this.#remote);
  }

  /** Events may come from now on, in the context of who accepts. */
  accept(): void {
    this.accepted = true;
    this.#frame = currentFrame(); // what a fetch has opened has joined its event in no context at all
    if (this.#remote !== 0) this.#open();
    if (this.#inbox.length > 0) this.#drainLater();
  }

  /**
   * Gives a WebSocket away with the response of an event. Returns the host's id; when the response is sent, coupled must be called.
   */
  couple(event: EventState): number {
    if (this.client) throw new TypeError("Can't return WebSocket in a Response if it was created with `new WebSocket()`");
    if (this.used) throw new TypeError("Can't return WebSocket that was already used in a response.");
    if (this.accepted) throw new TypeError("Can't return WebSocket in a Response after calling accept().");
    if (this.event !== undefined) requireOwnEvent(this.event);
    const peer = this.peer;
    if (peer === undefined) {
      // What a fetch has opened: the supervisor joins both connections.
      this.used = true;
      MapPrototypeDelete(remotes, this.#remote);
      removeResource(event, this);
      return this.#remote;
    }
    if (peer.used) throw new TypeError("Can't return both ends of a WebSocketPair in responses.");
    if (peer.event !== undefined) requireOwnEvent(peer.event);
    const remote = native.socketOpen(event.id);
    if (remote === 0) throw new TypeError("The event that the WebSocket belongs to is over.");
    this.used = true;
    if (peer.event === undefined) peer.join(event);
    return remote;
  }

  /** The response has been sent: what the other end sends goes to the client. */
  coupled(remote: number): void {
    const peer = this.peer;
    if (peer === undefined) return;
    this.peer = peer.peer = undefined;
    // What the other end has sent so far.
    const sent = this.#inbox;
    this.#inbox = [];
    for (let i = 0; i < sent.length; i++) {
      const item = sent[i]!;
      if (isLastWord(item)) peer.#flushed = native.socketClose(remote, item.code, item.reason);
      else if (!native.socketSend(remote, item)) peer.#full(remote);
    }
    peer.connect(remote);
  }

  // ---- sending

  /** size: bytes of the message. */
  send(data: string | ArrayBuffer | ArrayBufferView, size: number): void {
    if (this.failed || this.closedOut || (this.client && this.#closedIn)) {
      this.#unsendable += size;
      return;
    }
    if (this.#remote !== 0) {
      if (!native.socketSend(this.#remote, data as string)) {
        this.#unsendable += size;
        this.#full(this.#remote);
      }
      return;
    }
    if (this.peer !== undefined) this.peer.#receive(typeof data === "string" ? data : copyBytes(data));
  }

  /** More waits to be sent than may wait (the buffer is full, in the words of the standard): the connection is given up. */
  #full(remote: number): void {
    this.closedOut = true;
    this.#flushed = native.socketClose(remote, closeAbnormal, "");
    this.#receive(new LastWord(closeAbnormal, "The WebSocket's buffer is full: the other side takes messages more slowly than they are sent."));
  }

  close(code: number, reason: string): void {
    if (this.failed || this.closedOut) return;
    this.closedOut = true;
    if (this.connecting) {
      this.onAbort?.();
      this.#receive(new LastWord(closeAbnormal, "WebSocket is closed before the connection is established."));
      return;
    }
    if (this.#remote !== 0) this.#flushed = native.socketClose(this.#remote, code, reason);
    else if (this.peer !== undefined) this.peer.#receive(new LastWord(code, reason));
    this.#settle();
  }

  // ---- receiving

  #receive(item: Item): void {
    append(this.#inbox, item);
    if (this.accepted || this.connecting) this.#drainLater();
  }

  #drainLater(): void {
    if (this.#draining) return;
    this.#draining = true;
    native.enqueueMicrotask(() => this.#drain());
  }

  #drain(): void {
    this.#draining = false;
    while (this.#inbox.length > 0 && !(this.failed && this.#closedIn)) {
      if (this.event?.ended === true) return;
      this.#take(ArrayPrototypeShift(this.#inbox)!);
    }
  }

  #take(item: Item): void {
    if (isLastWord(item)) this.#close(item);
    else if (!this.closedOut && !this.failed) this.#message(item);
  }

  #message(data: string | ArrayBuffer | Uint8Array): void {
    if (!isListenedTo(this.target, "message")) return;
    let value: unknown = data;
    if (typeof data !== "string") {
      if (this.binaryType === "blob") {
        const bytes = ArrayBufferIsView(data) ? data : new Uint8Array(data);
        value = createBlob([bytes], TypedArrayPrototypeGetByteLength(bytes), "");
      } else if (ArrayBufferIsView(data)) value = TypedArrayPrototypeGetBuffer(data);
    }
    this.#dispatch(new MessageEvent("message", { __proto__: null, data: value, origin: this.origin }));
  }

  #close(word: LastWord): void {
    if (this.#closedIn) return;
    const clean = word.code !== closeAbnormal;
    this.#closedIn = true;
    this.connecting = false;
    if (!clean) this.failed = true;
    else if (!this.halfOpen && !this.closedOut) {
      this.closedOut = true;
      if (this.#remote !== 0) this.#flushed = native.socketClose(this.#remote, word.code, word.reason);
      else if (this.peer !== undefined) this.peer.#receive(new LastWord(word.code, word.reason));
    }
    if (!clean && (this.client || word.reason !== disconnected)) {
      this.#dispatch(new ErrorEvent("error", { __proto__: null, message: word.reason, error: new Error(word.reason) }));
    }
    this.#dispatch(new CloseEvent("close", { __proto__: null, code: word.code, reason: !clean && this.client ? "" : word.reason, wasClean: clean }));
    this.#settle();
  }

  /** The connection that was wanted is there. */
  opened(remote: number, protocol: string, extensions: string): void {
    this.connecting = false;
    this.accepted = true;
    this.protocol = protocol;
    this.extensions = extensions;
    this.connect(remote);
    this.#dispatch(new Event("open"));
  }

  /** The connection that was wanted will not be there. */
  refused(reason: string): void {
    this.#close(new LastWord(closeAbnormal, reason));
  }

  #dispatch(event: Event): void {
    runInFrame(this.#frame, dispatchTrusted as never, undefined, [this.target, event]);
  }

  // ---- the end

  #settle(): void {
    if (this.readyState !== CLOSED || !this.#flushed) return;
    this.#forget();
    if (this.#held && this.event !== undefined) {
      this.#held = false;
      releaseEvent(this.event);
    }
  }

  #forget(): void {
    if (this.#remote !== 0) MapPrototypeDelete(remotes, this.#remote);
    this.#remote = 0;
    this.#flushed = true;
    if (this.event !== undefined) removeResource(this.event, this);
  }

  eventEnded(): void {
    if (this.#remote !== 0) MapPrototypeDelete(remotes, this.#remote);
    this.#remote = 0;
    this.#held = false;
    this.failed = this.#closedIn = this.closedOut = true;
    this.#inbox = [];
  }

  /** From the host. */
  fromHost(item: Item): void {
    if (this.accepted && this.#inbox.length === 0) this.#take(item);
    else this.#receive(item);
  }

  flushed(): void {
    this.#flushed = true;
    this.#settle();
  }
}

/** The running code may use a socket that belongs to an event only in that event. */
export function checkEvent(state: SocketState): void {
  if (state.event !== undefined && !state.event.ended && currentEvent() !== state.event) requireOwnEvent(state.event);
}

// ---- handlers

/** handlers.socketMessage */
export function onSocketMessage(socket: number, data: string | ArrayBuffer): void {
  MapPrototypeGet(remotes, socket)?.fromHost(data);
}

/** handlers.socketClosed */
export function onSocketClosed(socket: number, code: number, reason: string): void {
  MapPrototypeGet(remotes, socket)?.fromHost(new LastWord(code, reason));
}

/** handlers.socketFlushed */
export function onSocketFlushed(socket: number): void {
  MapPrototypeGet(remotes, socket)?.flushed();
}
