// WebSocketPair (https://developers.cloudflare.com/workers/runtime-apis/websockets/): two WebSockets, each the other's other
// end. One is accepted by the worker, the other goes to the client in a Response; or both stay in the worker.

import { defineData } from "../../bootstrap/primordials.ts";
import { defineInterface } from "../../bootstrap/webidl.ts";
import { SocketState } from "./state.ts";
import { makeSocket, type WebSocket } from "./websocket.ts";

export class WebSocketPair {
  declare readonly 0: WebSocket;
  declare readonly 1: WebSocket;

  constructor() {
    const first = new SocketState(false);
    const second = new SocketState(false);
    first.peer = second;
    second.peer = first;
    defineData(this, "0", makeSocket(first), true, true, true);
    defineData(this, "1", makeSocket(second), true, true, true);
  }
}
defineInterface(WebSocketPair);
