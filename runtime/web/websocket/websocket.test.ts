// WebSocket and WebSocketPair as workers see them, over a host that the tests play.
import { mock } from "../../testing/mock-native.ts";

await import("../../bootstrap/main.ts");
const { WebSocket } = await import("./websocket.ts");
const { WebSocketPair } = await import("./pair.ts");
const { Response } = await import("../fetch/response.ts");
const { Blob } = await import("../blob.ts");
const { encodeFetchResult, decodeFetchCall, CallCode } = await import("../../bootstrap/wire.gen.ts");

const node = (globalThis as any).process.getBuiltinModule as (name: string) => any;
const { it, beforeEach } = node("node:test");
const assert = node("node:assert/strict");

const handlers = mock.handlers!;
const tick = (): Promise<void> => new Promise((r) => (globalThis as any).setImmediate(r));
const ops = (name: string): unknown[][] => mock.calls.filter((c: unknown[]) => c[0] === name).map((c: unknown[]) => c.slice(1));
let event = 0;
let flags: string[] = [];
let handler: (request: any) => unknown;

function begin(with_: string[] = []): void {
  flags = with_;
  handlers.init(JSON.stringify({ name: "w", compatDate: "2026-01-01", compatFlags: flags, dev: false, env: [] }));
  handlers.start({ default: { fetch: (request: unknown) => handler(request) } });
}
beforeEach(() => {
  mock.reset();
  mock.native.eventHeaders = () => "Upgrade\nWebSocket\n";
  mock.native.socketSend = (...args: unknown[]) => (mock.calls.push(["socketSend", ...args]), true);
  mock.native.socketClose = (...args: unknown[]) => (mock.calls.push(["socketClose", ...args]), true);
  begin();
});
/** Runs fn as the handler of a new event. */
async function run(fn: (request: any) => unknown): Promise<number> {
  handler = fn;
  const id = ++event;
  mock.native.socketOpen = () => 2 * id + 1;
  handlers.fetch(id, "GET", "https://h/", 0, -1);
  for (let i = 0; i < 8; i++) await tick();
  return id;
}
const done = (id: number): boolean => ops("eventDone").some((c) => c[0] === id);
const ends = (): any[] => Object.values(new WebSocketPair() as object);
const record = (ws: any): unknown[] => {
  const log: unknown[] = [];
  ws.addEventListener("message", (e: any) => log.push(e.data));
  ws.addEventListener("error", (e: any) => log.push(`error ${e.message}`));
  ws.addEventListener("close", (e: any) => log.push([e.code, e.reason, e.wasClean, ws.readyState]));
  return log;
};

it("both ends of a pair talk to each other, in order, and close", async () => {
  let a: unknown[] = [];
  let b: unknown[] = [];
  let bytes = new Uint8Array([1, 2, 3]);
  await run(async () => {
    const [one, two] = ends();
    one.accept();
    a = record(one);
    one.send("early"); // waits for the other end
    one.send(bytes.subarray(1));
    bytes.fill(9);
    one.send(new Blob(["blob"]));
    await tick();
    two.accept({ allowHalfOpen: true });
    b = record(two);
    await tick();
    two.send("answer");
    one.close(3000, "over");
    assert.equal(one.readyState, 2);
    assert.throws(() => one.send("more"), /after close/);
    await tick();
    two.send("half open");
    two.close(3001);
    await tick();
    return new Response("x");
  });
  assert.deepEqual(b.map((v) => (v instanceof ArrayBuffer ? [...new Uint8Array(v)] : v)), ["early", [2, 3], [98, 108, 111, 98], [3000, "over", true, 2]]);
  assert.deepEqual(a, [[3001, "", true, 3]], "what comes after close() is not wanted");
});

it("an end that goes out with a response is the client's", async () => {
  let log: unknown[] = [];
  let server: any;
  const id = await run(() => {
    const [client, mine] = ends();
    server = mine;
    server.accept();
    log = record(server);
    server.send("sent before");
    return new Response(null, { status: 101, webSocket: client, headers: { "x-a": "1" } });
  });
  const socket = 2 * id + 1;
  assert.deepEqual(ops("respond"), [[id, 101, "", "x-a\n1\n", null, 0, 0, socket]]);
  const order = mock.calls.map((c: unknown[]) => c[0]).filter((n: string) => /^(respond|socket)/.test(n));
  assert.deepEqual(order, ["respond", "socketSend", "socketAccept"], "nothing is said about a socket before the response names it");
  assert.equal(done(id), false, "the event lives");
  handlers.socketMessage(socket, "from outside");
  handlers.socketMessage(socket, new Uint8Array([7]).buffer);
  handlers.socketClosed(socket, 1000, "bye");
  assert.deepEqual([log[0], (log[1] as ArrayBuffer).byteLength, log[2]], ["from outside", 1, [1000, "bye", true, 2]]);
  assert.equal(done(id), false, "half open, as before the flag");
  // Another event may not use it.
  await run(() => {
    assert.throws(() => server.send("x"), /on behalf of a different request/);
    return new Response("y");
  });
  mock.native.setAsyncFrame(undefined);
});

it("the flag answers a Close frame, and the event ends", async () => {
  begin(["web_socket_auto_reply_to_close", "websocket_standard_binary_type", "web_socket_compression"]);
  let log: unknown[] = [];
  const id = await run(() => {
    const [client, server] = ends();
    assert.equal(server.binaryType, "blob");
    server.accept();
    log = record(server);
    return new Response(null, { status: 101, webSocket: client });
  });
  assert.equal(ops("respond")[0]![3], "sec-websocket-extensions\npermessage-deflate\n");
  handlers.socketMessage(2 * id + 1, new Uint8Array([104, 105]).buffer);
  assert.equal(await (log[0] as any).text(), "hi");
  handlers.socketClosed(2 * id + 1, 1005, "");
  assert.deepEqual(log[1], [1005, "", true, 3]);
  assert.deepEqual(ops("socketClose"), [[2 * id + 1, 1005, ""]]);
  assert.equal(done(id), true);
});

it("what is said last may have to wait for the client", async () => {
  let server: any;
  const id = await run(() => {
    const [client, mine] = ends();
    server = mine;
    server.accept();
    server.addEventListener("close", () => {
      mock.native.socketClose = () => false;
      server.close(1000);
    });
    return new Response(null, { status: 101, webSocket: client });
  });
  handlers.socketClosed(2 * id + 1, 1000, "");
  assert.equal(done(id), false);
  handlers.socketFlushed(2 * id + 1);
  assert.equal(done(id), true);
});

it("a client that goes is a close event; a full buffer is an error, too", async () => {
  for (const full of [false, true]) {
    let log: unknown[] = [];
    let server: any;
    const id = await run(() => {
      const [client, mine] = ends();
      server = mine;
      server.accept();
      log = record(server);
      server.addEventListener("message", () => {
        mock.native.socketSend = () => false;
        server.send("too much");
      });
      return new Response(null, { status: 101, webSocket: client });
    });
    if (full) handlers.socketMessage(2 * id + 1, "go");
    else handlers.socketClosed(2 * id + 1, 1006, "WebSocket disconnected without sending Close frame.");
    await tick();
    if (full) assert.match(log[1] as string, /buffer is full/);
    assert.deepEqual((log.at(-1) as unknown[]).toSpliced(1, 1), [1006, false, 3]);
    server.send; // dead, and quiet
    assert.equal(done(id), true);
  }
});

it("what cannot go out with a response", async () => {
  await run(() => {
    const [a, b] = ends();
    assert.throws(() => new Response(null, { status: 101 }), RangeError);
    assert.throws(() => new Response(null, { status: 200, webSocket: a }), RangeError);
    assert.throws(() => new Response(null, { webSocket: a }), RangeError);
    assert.throws(() => new Response("body", { status: 101, webSocket: a }), TypeError);
    assert.throws(() => new Response(null, { status: 101, webSocket: {} }), TypeError);
    assert.throws(() => a.send("x"), /accept/);
    assert.throws(() => a.close(), /accept/);
    const response = new Response(null, { status: 101, webSocket: a });
    assert.equal(response.webSocket, a);
    assert.throws(() => response.clone(), TypeError);
    b.accept();
    for (const [code, reason] of [[999], [1004], [1005], [1006], [1015], [5000], [3000, "x".repeat(124)], [undefined, "reason"]] as const) {
      assert.throws(() => b.close(code, reason), (e: any) => e.name === (reason?.length === 124 ? "SyntaxError" : "InvalidAccessError"), `${code}`);
    }
    return new Response(null, { status: 101, webSocket: b });
  });
  assert.match(String(ops("eventDone").at(-1)![3]), /after calling accept/);
  mock.native.eventHeaders = () => "accept\n*/*\n";
  await run(() => new Response(null, { status: 101, webSocket: ends()[0] }));
  assert.match(String(ops("eventDone").at(-1)![3]), /did not contain the header "Upgrade: websocket"/);
});

// ---- clients

const answer = (status: number, headers: string, socket: number): void =>
  handlers.callResult(call, CallCode.ok, "", 0, 0, encodeFetchResult({ status, status_text: "", url: "", redirected: false, headers }), socket);
let call = 0;
beforeEach(() => {
  mock.native.call = (...args: unknown[]) => (mock.calls.push(["call", ...args]), ++call);
});

it("new WebSocket asks the supervisor, opens, talks and closes", async () => {
  let ws: any;
  let log: unknown[] = [];
  const id = await run(() => {
    ws = new WebSocket("https://u:p%40@h.example/chat?x", ["one", "two"]);
    ws.addEventListener("open", () => log.push("open"));
    log = record(ws);
    assert.throws(() => ws.send("x"), (e: any) => e.name === "InvalidStateError");
    assert.throws(() => ws.accept(), TypeError);
    return new Response("answered");
  });
  assert.deepEqual([ws.url, ws.readyState, ws.protocol, ws.extensions], ["wss://u:p%40@h.example/chat?x", 0, "", ""]);
  const args = decodeFetchCall(ops("call")[0]![4] as Uint8Array);
  assert.equal(args.url, "https://u:p%40@h.example/chat?x");
  assert.match(args.headers, /^upgrade\nwebsocket\n[^]*sec-websocket-protocol\none, two\nauthorization\nBasic dTpwQA==\n$/);
  assert.equal(done(id), false);
  answer(101, "sec-websocket-protocol\ntwo\n", 42);
  assert.deepEqual([log, ws.readyState, ws.protocol], [["open"], 1, "two"]);
  assert.deepEqual(ops("socketAccept"), [[42]]);
  mock.native.setAsyncFrame(undefined);
  handlers.socketMessage(42, "hello");
  handlers.socketClosed(42, 4000, "enough");
  assert.deepEqual(log, ["open", "hello", [4000, "enough", true, 3]]);
  assert.deepEqual(ops("socketClose"), [[42, 4000, "enough"]]);
  assert.equal(done(id), true);
});

it("a connection that fails is an error and a close event, never an exception", async () => {
  const fail = async (after: () => void, protocols: unknown = undefined): Promise<unknown[]> => {
    let log: unknown[] = [];
    const id = await run(() => {
      log = record(protocols === undefined ? new WebSocket("ws://h/") : new WebSocket("ws://h/", protocols));
      return new Response("x");
    });
    after();
    await tick();
    assert.deepEqual(log[1], [1006, "", false, 3]);
    assert.equal(done(id), true);
    return log;
  };
  assert.match(String((await fail(() => answer(404, "", 0)))[0]), /received 404/);
  assert.match(String((await fail(() => handlers.callResult(call, CallCode.refused, "not allowed", 0, 0, new Uint8Array(), 0)))[0]), /not allowed/);
  await fail(() => answer(101, "", 50), "chat");
  await fail(() => answer(101, "sec-websocket-protocol\nother\n", 52), "chat");
  await fail(() => answer(101, "sec-websocket-protocol\nother\n", 54));
  assert.deepEqual(ops("socketClose").map((c) => c[0]), [50, 52, 54]);
});

it("close() while it connects gives the attempt up", async () => {
  let log: unknown[] = [];
  const id = await run(() => {
    const ws = new WebSocket("ws://h/") as any;
    log = record(ws);
    ws.close();
    assert.equal(ws.readyState, 2);
    assert.deepEqual(log, []);
    return new Response("x");
  });
  assert.equal(ops("callAbort").length, 1);
  assert.deepEqual(log[1], [1006, "", false, 3]);
  assert.equal(done(id), true);
});

it("bad URLs and protocols", async () => {
  await run(() => {
    for (const url of ["", "/path", "ftp://h/", "ws://h/#x", "ws://h:99999/"]) assert.throws(() => new WebSocket(url), (e: any) => e.name === "SyntaxError", url);
    for (const p of ["", "a b", ["a", "A"], ["a", "é"]]) assert.throws(() => new WebSocket("ws://h/", p), (e: any) => e.name === "SyntaxError", String(p));
    assert.throws(() => (WebSocket as any)("ws://h/"), TypeError);
    assert.throws(() => new (WebSocket as any)(), TypeError);
    return new Response("x");
  });
  assert.equal(ops("call").length, 0);
});

it("fetch with Upgrade gives a WebSocket, which can be passed on untouched", async () => {
  let passed: any;
  const id = await run(async () => {
    const response: any = await ((globalThis as any).fetch("https://h/", { headers: { upgrade: "websocket" } }));
    passed = response.webSocket;
    return response;
  });
  answer(101, "x-from\nabove\n", 60);
  await tick();
  assert.ok(passed instanceof WebSocket);
  assert.deepEqual(ops("respond")[0], [id, 101, "", "x-from\nabove\n", null, 0, 0, 60]);
  assert.equal(ops("socketAccept").length, 0);
  assert.equal(done(id), true, "the supervisor joins both without us");
});

it("what fetch has opened talks in its event once it is accepted", async () => {
  let log: unknown[] = [];
  const id = await run(async () => {
    const { webSocket } = (await (globalThis as any).fetch("https://h/", { headers: { upgrade: "websocket" } })) as any;
    log = record(webSocket);
    webSocket.addEventListener("message", () => webSocket.send("thanks"));
    webSocket.accept();
    return new Response("x");
  });
  answer(101, "", 70);
  await tick();
  mock.native.setAsyncFrame(undefined);
  handlers.socketMessage(70, "hello");
  assert.deepEqual([log, ops("socketSend")], [["hello"], [[70, "thanks"]]]);
  handlers.socketClosed(70, 1000, "");
  assert.equal(done(id), false, "half open");
});

it("nothing that a worker does to prototypes changes what is sent", async () => {
  const poisoned = ["code", "reason", "byteOffset", "peer"];
  for (const name of poisoned) Object.defineProperty(Object.prototype, name, { configurable: true, get: () => 1000, set() {} });
  try {
    let log: unknown[] = [];
    await run(async () => {
      const [one, two] = [new WebSocketPair() as any].map((p) => [p[0], p[1]])[0]!;
      one.accept();
      two.accept();
      two.addEventListener("message", (e: any) => (log = [e.data]));
      one.send(new Uint8Array([5]));
      await tick();
      return new Response("x");
    });
    assert.equal((log[0] as ArrayBuffer).byteLength, 1);
  } finally {
    for (const name of poisoned) delete (Object.prototype as any)[name];
  }
});
