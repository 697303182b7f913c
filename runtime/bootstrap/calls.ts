// Host calls that wait for their answer: the one table behind native.call and handlers.callResult, for fetch and for
// bindings. Whose event has ended must be forgotten by its owner (see web/fetch/resources.ts).

import { native } from "./native.ts";
import { Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet } from "./primordials.ts";
import type { CallOp } from "./wire.gen.ts";

export interface CallOwner {
  /** Once. code is a CallCode; stream a download body, 0 if none; length its bytes, -1 if unknown; socket a WebSocket, 0 if none. */
  result(code: number, message: string, stream: number, length: number, bytes: Uint8Array, socket: number): void;
}

const calls = new Map<number, CallOwner>();

/** stream: an upload, 0 for none. Returns the call's id. */
export function startCall(event: number, slot: number, op: CallOp, stream: number, args: Uint8Array, owner: CallOwner): number {
  const id = native.call(event, slot, op, stream, args);
  MapPrototypeSet(calls, id, owner);
  return id;
}

/** Nobody waits for the answer any more; the host cuts the work short. */
export function abortCall(call: number): void {
  native.callAbort(call);
  MapPrototypeDelete(calls, call);
}

/** The call's event has ended. */
export function forgetCall(call: number): void {
  MapPrototypeDelete(calls, call);
}

/** handlers.callResult */
export function onCallResult(call: number, code: number, message: string, stream: number, length: number, result: Uint8Array, socket = 0): void {
  const owner = MapPrototypeGet(calls, call);
  if (owner === undefined) {
    if (stream !== 0) native.streamCancel(stream, "not wanted");
    if (socket !== 0) native.socketClose(socket, 1006, "");
    return;
  }
  MapPrototypeDelete(calls, call);
  owner.result(code, message, stream, length, result, socket);
}
