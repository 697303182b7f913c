// A worker (bundled without keep_names, whose helper would be poisoned, too) that replaces, before anything else, what the language's own objects and prototypes have, and then uses the
// platform as if nothing had happened. Each check gives "ok" or what went wrong; touched lists what the platform has called
// of what was replaced. The checks themselves must use nothing of it.

const { iterator } = Symbol;
const { getOwnPropertyDescriptor, defineProperty, ownKeys } = Reflect;

let armed = false;
let touched = "";

function trap(name) {
  return function () {
    if (armed) {
      armed = false; // The report itself may touch something.
      touched += `${name} ${new Error().stack}\n`;
      armed = true;
    }
    throw new Error(`poisoned: ${name}`);
  };
}

/** What V8's own functions look at: it may be asked for, but must not be used. */
function quietTrap(name) {
  return () => {
    throw new Error(`poisoned: ${name}`);
  };
}

function label(key) {
  return typeof key === "symbol" ? `[${key.description}]` : key;
}

/** Prototypes of what a worker may get from a promise of the platform's. */
const known = [Request, Response, Blob, File, FormData, Headers, ReadableStream, WritableStream, ArrayBuffer, Uint8Array, Array, Cache, CryptoKey, ReadableStreamDefaultController];
const knownPrototypes = [];
for (let i = 0; i < known.length; i++) knownPrototypes[i] = known[i].prototype;
const { getPrototypeOf } = Object;
const call = Function.prototype.call.bind.bind(Function.prototype.call);
const byteLengthOf = call(getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get);
const lengthOf = call(getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "length").get);
const plainPrototype = Object.prototype;
function isKnown(object) {
  const prototype = getPrototypeOf(object);
  for (let i = 0; i < knownPrototypes.length; i++) if (knownPrototypes[i] === prototype) return true;
  if (prototype !== plainPrototype) return false;
  // A JSON Web Key, the result of a read, and what these checks themselves parse.
  const keys = ownKeys(object);
  return keys[0] === "kty" || keys[0] === "publicKey" || (keys.length <= 2 && (keys[0] === "value" || keys[0] === "done" || keys[0] === "a" || keys[0] === "got"));
}

/** Replaces every function and accessor of an object. */
function poison(name, object, keep = {}) {
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    const d = getOwnPropertyDescriptor(object, key);
    if (!d.configurable || key === "constructor" || keep[key]) continue;
    if (typeof d.value === "function") defineProperty(object, key, { ...d, value: trap(`${name}.${label(key)}`) });
    else if (d.get) defineProperty(object, key, { ...d, get: (key === Symbol.species ? quietTrap : trap)(`get ${name}.${label(key)}`), set: d.set && trap(`set ${name}.${label(key)}`) });
  }
}

const TypedArray = Object.getPrototypeOf(Uint8Array);
const ArrayIterator = Object.getPrototypeOf([][Symbol.iterator]());
const AsyncGenerator = Object.getPrototypeOf(async function* () {}).prototype;
const all = [
  ["Function.prototype", Function.prototype],
  ["Array.prototype", Array.prototype],
  ["String.prototype", String.prototype],
  ["Number.prototype", Number.prototype],
  ["Boolean.prototype", Boolean.prototype],
  ["Symbol.prototype", Symbol.prototype, { description: true }],
  ["BigInt.prototype", BigInt.prototype],
  ["RegExp.prototype", RegExp.prototype],
  ["Date.prototype", Date.prototype],
  ["Promise.prototype", Promise.prototype],
  ["Map.prototype", Map.prototype],
  ["Set.prototype", Set.prototype],
  ["WeakMap.prototype", WeakMap.prototype],
  ["WeakSet.prototype", WeakSet.prototype],
  ["WeakRef.prototype", WeakRef.prototype],
  ["ArrayBuffer.prototype", ArrayBuffer.prototype],
  ["DataView.prototype", DataView.prototype],
  ["TypedArray.prototype", TypedArray.prototype],
  ["ArrayIterator.prototype", ArrayIterator],
  ["Iterator.prototype", Object.getPrototypeOf(ArrayIterator)],
  ["AsyncGenerator.prototype", AsyncGenerator],
  ["Error.prototype", Error.prototype],
  ["Array", Array],
  ["String", String],
  ["Number", Number],
  ["Symbol", Symbol],
  ["RegExp", RegExp],
  ["Promise", Promise],
  ["Map", Map],
  ["Set", Set],
  ["ArrayBuffer", ArrayBuffer],
  ["TypedArray", TypedArray],
  ["Date", Date],
  ["JSON", JSON],
  ["Math", Math],
  ["Error", Error],
  ["Reflect", Reflect],
  ["Object", Object],
];
const members = ["get", "set", "value", "writable", "enumerable", "configurable", "done", "next", "index", "length", "flags", "global", "exec", "cause"];
// Who makes arrays, typed arrays and buffers from others asks for their constructors.
const made = [["Array", Array], ["TypedArray", TypedArray], ["Uint8Array", Uint8Array], ["ArrayBuffer", ArrayBuffer], ["RegExp", RegExp]];
for (let i = 0; i < made.length; i++) {
  const name = made[i][0];
  defineProperty(made[i][1].prototype, "constructor", { __proto__: null, configurable: true, get: trap(`get ${name}.prototype.constructor`) });
}
const symbols = [Symbol.iterator, Symbol.asyncIterator, Symbol.split, Symbol.replace, Symbol.match, Symbol.search, Symbol.species, Symbol.isConcatSpreadable, Symbol.toPrimitive, Symbol.toStringTag, Symbol.unscopables];
for (let i = 0; i < all.length; i++) poison(all[i][0], all[i][1], all[i][2]);
for (let i = 0; i < members.length; i++) {
  const name = members[i];
  defineProperty(Object.prototype, name, { __proto__: null, configurable: true, get: trap(`get Object.prototype.${name}`), set: trap(`set Object.prototype.${name}`) });
}
// What lists and records of the platform's would be filled through, if they inherited from Object.prototype or were filled as
// arrays are; and what is looked for where it is not.
for (let i = 0; i < 100; i++) defineProperty(Object.prototype, i, { __proto__: null, configurable: true, get: trap(`get Object.prototype[${i}]`), set: trap(`set Object.prototype[${i}]`) });
const records = [
  "abort", "algorithm", "autoAllocateChunkSize", "body", "callback", "cancel", "capture", "cf", "close", "code", "detail", "error", "fatal", "fn", "handler", "headers", "highWaterMark", "id",
  "ignoreBOM", "json", "kind", "list", "message", "method", "min", "mode", "name", "once", "options", "passive", "prototype", "pull", "reason", "reject", "resolve", "signal", "size", "stack", "start",
  "state", "status", "stores", "stream", "thisArg", "transfer", "transform", "type", "url", "write", "baseURL", "bubbles", "buffered", "cache", "cancelable", "colno", "comments", "composed",
  "credentials", "data", "doctype", "duplex", "duration", "element", "encodeBody", "encodeResponseBody", "end", "endings", "entryTypes", "event", "extractable", "filename", "first", "flush", "groups",
  "hash", "hostname", "html", "ignoreCase", "input", "integrity", "iv", "keepalive", "label", "last", "lastEventId", "lastModified", "lineno", "origin", "pathname", "port", "ports", "preventAbort",
  "preventCancel", "preventClose", "priority", "promise", "protocol", "queue", "readable", "redirect", "referrer", "referrerPolicy", "search", "source", "startTime", "statusText", "tail", "takes",
  "takesRest", "target", "text", "usages", "webSocket", "window", "digest", "sign", "verify", "encrypt", "decrypt", "importKey", "exportKey", "generateKey", "deriveBits", "wrapKey", "unwrapKey",
];
for (let i = 0; i < records.length; i++) {
  const name = records[i];
  defineProperty(Object.prototype, name, { __proto__: null, configurable: true, get: trap(`get Object.prototype.${name}`), set: trap(`set Object.prototype.${name}`) });
}
// Every object that a promise is resolved with is asked for it, as the language has it: no object of the inside may be.
defineProperty(Object.prototype, "then", {
  __proto__: null,
  configurable: true,
  get() {
    if (!armed || isKnown(this)) return undefined;
    armed = false;
    const keys = ownKeys(this);
    let shown = "";
    for (let i = 0; i < keys.length; i++) shown += ` ${label(keys[i])}`;
    touched += `get Object.prototype.then of an object with${shown} ${new Error().stack}\n`;
    armed = true;
    return undefined;
  },
  set: trap("set Object.prototype.then"),
});
for (let i = 0; i < symbols.length; i++) {
  const symbol = symbols[i];
  defineProperty(Object.prototype, symbol, { __proto__: null, configurable: true, get: trap(`get Object.prototype.${label(symbol)}`) });
}

function same(got, wanted) {
  if (got !== wanted) throw new Error(`got ${got}, want ${wanted}`);
}
/** An iterable of one item, since an array is one by what it inherits. */
function one(item) {
  let over = false;
  const next = () => {
    const step = { __proto__: null, done: over, value: item };
    over = true;
    return step;
  };
  return { __proto__: null, [iterator]: () => ({ __proto__: null, next }) };
}
/** A promise that fn settles. */
function later(fn) {
  return new Promise(fn);
}

const checks = {
  __proto__: null,
  response() {
    const response = new Response("body", { __proto__: null, status: 201, headers: { __proto__: null, "x-a": "1" } });
    same(response.headers.get("X-A"), "1");
    same(response.status, 201);
  },
  async text() {
    same(await new Response("text").text(), "text");
    same((await new Response("text").arrayBuffer()) !== undefined, true);
  },
  async json() {
    same((await new Response('{"a":1}').json()).a, 1);
    same(await Response.json({ __proto__: null, a: "b" }).text(), '{"a":"b"}');
  },
  headers() {
    const headers = new Headers({ __proto__: null, a: "1", b: "2" });
    headers.append("a", "3");
    headers.set("c", "4");
    headers.delete("b");
    let seen = "";
    headers.forEach((value, name) => {
      seen += `${name}=${value};`;
    });
    same(seen, "a=1, 3;c=4;");
    headers.append("set-cookie", "x=1");
    same(headers.getSetCookie()[0], "x=1");
  },
  url() {
    const url = new URL("../b?x=1&y=2#z", "https://user@example.com:8080/a/c");
    same(url.href, "https://user@example.com:8080/b?x=1&y=2#z");
    same(url.searchParams.get("y"), "2");
    url.searchParams.append("w", "a b");
    url.searchParams.sort();
    same(url.search, "?w=a+b&x=1&y=2");
    url.pathname = "/new";
    same(`${url.origin}${url.pathname}`, "https://example.com:8080/new");
    same(new URLSearchParams("a=1&a=2").getAll("a")[1], "2");
  },
  async form() {
    const form = new FormData();
    form.append("a", "1");
    form.append("f", new Blob(one("file \u00e9"), { __proto__: null, type: "text/plain" }), "f.txt");
    const sent = new Response(form);
    const back = await new Response(await sent.text(), { __proto__: null, headers: { __proto__: null, "content-type": sent.headers.get("content-type") } }).formData();
    same(back.get("a"), "1");
    same(back.get("f").name, "f.txt");
    same(await back.get("f").text(), "file \u00e9");
    same((await new Response("q=1&r=a+b", { __proto__: null, headers: { __proto__: null, "content-type": "application/x-www-form-urlencoded" } }).formData()).get("r"), "a b");
  },
  async streams() {
    let n = 0;
    const source = new ReadableStream({
      __proto__: null,
      pull(c) {
        n++;
        if (n > 3) c.close();
        else c.enqueue(`chunk ${n};`);
      },
    });
    const upper = new TransformStream({
      __proto__: null,
      transform(chunk, c) {
        c.enqueue(`<${chunk}>`);
      },
    });
    const reader = source.pipeThrough(upper).pipeThrough(new TextEncoderStream()).pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const step = await reader.read();
      if (step.done) break;
      text += step.value;
    }
    same(text, "<chunk 1;><chunk 2;><chunk 3;>");
  },
  async bytes() {
    const body = new Response("0123456789").body;
    const branches = body.tee();
    same(await new Response(branches[0]).text(), "0123456789");
    const reader = branches[1].getReader({ __proto__: null, mode: "byob" });
    const step = await reader.read(new Uint8Array(4));
    same(`${step.value[0]} ${step.value[3]}`, "48 51");
    await reader.cancel();
    let written = "";
    const writable = new WritableStream({
      __proto__: null,
      write(chunk) {
        written += chunk;
      },
    });
    const writer = writable.getWriter();
    await writer.write("a");
    await writer.close();
    same(written, "a");
    const fixed = new FixedLengthStream(2);
    const filling = fixed.writable.getWriter();
    filling.write(new TextEncoder().encode("ab"));
    filling.close();
    same(await new Response(fixed.readable).text(), "ab");
  },
  async queues() {
    // More than any queue has room for at first.
    let controller;
    const stream = new ReadableStream({ __proto__: null, start: (c) => (controller = c) }, { __proto__: null, highWaterMark: 100 });
    for (let i = 0; i < 40; i++) controller.enqueue(i);
    const branches = stream.tee();
    const readers = [branches[0].getReader(), branches[1].getReader()];
    let waiting = [];
    for (let i = 0; i < 50; i++) defineProperty(waiting, i, { __proto__: null, value: readers[0].read() });
    for (let i = 40; i < 50; i++) controller.enqueue(i);
    controller.close();
    for (let i = 0; i < 50; i++) same((await waiting[i]).value, i);
    for (let i = 0; i < 50; i++) same((await readers[1].read()).value, i);
    same((await readers[1].read()).done, true);
    const bytes = new IdentityTransformStream();
    const writer = bytes.writable.getWriter();
    const reader = bytes.readable.getReader({ __proto__: null, mode: "byob" });
    const reads = [reader.readAtLeast(3, new Uint8Array(4)), reader.read(new Uint8Array(4))];
    writer.write(new Uint8Array(2));
    writer.write(new Uint8Array(2));
    writer.write(new Uint8Array(2));
    same(lengthOf((await reads[0]).value), 4);
    same(lengthOf((await reads[1]).value), 2);
  },
  async aborts() {
    const controllers = [new AbortController(), new AbortController()];
    let n = 0;
    const any = AbortSignal.any({ __proto__: null, [iterator]: () => { let i = 0; return { __proto__: null, next: () => ({ __proto__: null, done: i > 1, value: controllers[i++ % 2].signal }) }; } });
    for (let i = 0; i < 20; i++) any.addEventListener("abort", () => n++);
    const other = AbortSignal.any(one(any));
    const waiting = scheduler.wait(100000, { __proto__: null, signal: other });
    controllers[1].abort("now");
    same(n, 20);
    same(other.reason, "now");
    let got = "";
    try {
      await waiting;
    } catch (e) {
      got = e;
    }
    same(got, "now");
  },
  async rewriter() {
    const rewriter = new HTMLRewriter()
      .on("a[href]", { __proto__: null, element(e) { e.setAttribute("href", `${e.getAttribute("href")}!`); e.before("<", { __proto__: null, html: false }); e.after("2"); e.after("1"); } })
      .on("p", { __proto__: null, async element(e) { await null; e.append("</b>", { __proto__: null, html: true }); }, text(t) { if (t.lastInTextNode) t.after("."); } })
      .onDocument({ __proto__: null, comments(c) { c.text = "c"; }, end(e) { e.append("end"); } });
    same(await rewriter.transform(new Response('<a href="x">a</a><!-- x --><p>b</p>')).text(), '&lt;<a href="x!">a</a>12<!--c--><p>b.</b></p>end');
  },
  async compression() {
    const packed = new Response("text").body.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"));
    same(await new Response(packed).text(), "text");
  },
  patterns() {
    const pattern = new URLPattern({ __proto__: null, pathname: "/:a/*" });
    same(pattern.exec("https://h/x/y").pathname.groups.a, "x");
    same(pattern.test("https://h/x"), false);
  },
  async sockets() {
    const pair = new WebSocketPair();
    const got = later((resolve) => {
      let text = "";
      pair[1].addEventListener("message", (e) => {
        text += e.data;
        if (text === "0123456789") resolve(text);
      });
    });
    pair[0].accept();
    for (let i = 0; i < 10; i++) pair[0].send(`${i}`);
    pair[1].accept();
    same(await got, "0123456789");
    pair[0].close(1000, "over");
  },
  async clones() {
    const request = new Request("https://h/", { __proto__: null, method: "POST", body: "text", headers: { __proto__: null, a: "1" }, cf: { __proto__: null, b: 1 } });
    const copy = request.clone();
    same(copy.headers.get("a"), "1");
    same(copy.cf.b, 1);
    same(await copy.text(), "text");
    const headers = new Headers(request.headers);
    for (let i = 0; i < 30; i++) headers.append(`h${i}`, "v");
    let n = 0;
    headers.forEach(() => n++);
    same(n, 32);
    const params = new URLSearchParams();
    for (let i = 0; i < 30; i++) params.append("k", `${i}`);
    params.delete("k", "3");
    same(params.getAll("k").length, 29);
    params.set("k", "x");
    same(`${params.size}`, "1");
    const form = new FormData();
    for (let i = 0; i < 30; i++) form.append("k", `${i}`);
    form.set("k", "y");
    same(form.getAll("k")[0], "y");
  },
  async observers() {
    let seen = "";
    const done = later((resolve) => {
      const observer = new PerformanceObserver((list) => {
        seen += list.getEntries()[0].name;
        resolve();
      });
      observer.observe({ __proto__: null, type: "mark" });
      performance.mark("observed");
    });
    await done;
    same(seen, "observed");
  },
  async keys() {
    const key = await crypto.subtle.importKey("jwk", { __proto__: null, kty: "oct", k: "AAAA", alg: "HS256", ext: true, key_ops: one("sign") }, { __proto__: null, name: "HMAC", hash: "SHA-256" }, true, one("sign"));
    same((await crypto.subtle.exportKey("jwk", key)).k, "AAAA");
    const data = new Uint8Array(16);
    const uses = { __proto__: null, [iterator]: () => { let i = 0; return { __proto__: null, next: () => ({ __proto__: null, done: i > 1, value: i++ === 0 ? "encrypt" : "decrypt" }) }; } };
    const aes = await crypto.subtle.generateKey({ __proto__: null, name: "AES-GCM", length: 256 }, true, uses);
    const sealed = await crypto.subtle.encrypt({ __proto__: null, name: "AES-GCM", iv: data }, aes, data);
    same(byteLengthOf(await crypto.subtle.decrypt({ __proto__: null, name: "AES-GCM", iv: data }, aes, sealed)), 16);
    const pair = await crypto.subtle.generateKey({ __proto__: null, name: "ECDSA", namedCurve: "P-256" }, true, one("sign"));
    same(byteLengthOf(await crypto.subtle.sign({ __proto__: null, name: "ECDSA", hash: "SHA-256" }, pair.privateKey, data)), 64);
    same((await crypto.subtle.exportKey("jwk", pair.publicKey)).crv, "P-256");
    same(byteLengthOf(await crypto.subtle.sign("HMAC", key, new Uint8Array(1))), 32);
  },
  async digest() {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc")));
    same(`${digest[0]} ${digest[31]}`, "186 173");
    same(crypto.randomUUID() === crypto.randomUUID(), false);
    crypto.getRandomValues(new Uint8Array(8));
  },
  async timers() {
    let order = "";
    await later((resolve) => {
      const second = () => {
        order += "b";
        resolve();
      };
      setTimeout(
        (a) => {
          order += a;
          setTimeout(second, 1);
        },
        0,
        "a",
      );
      const every = setInterval(() => clearInterval(every), 1);
      queueMicrotask(() => (order += "m"));
    });
    await scheduler.wait(1);
    same(order, "mab");
  },
  async events() {
    const target = new EventTarget();
    let seen = "";
    const controller = new AbortController();
    target.addEventListener("x", () => (seen += "1"), { __proto__: null, once: true });
    target.addEventListener("x", (e) => (seen += e.detail), { __proto__: null, signal: controller.signal });
    target.dispatchEvent(new CustomEvent("x", { __proto__: null, detail: "2" }));
    target.dispatchEvent(new CustomEvent("x", { __proto__: null, detail: "3" }));
    controller.signal.onabort = () => (seen += "!");
    controller.abort("why");
    target.dispatchEvent(new Event("x"));
    same(seen, "123!");
    same(controller.signal.reason, "why");
  },
  async messages() {
    const channel = new MessageChannel();
    const data = await later((resolve) => {
      channel.port2.onmessage = (e) => resolve(e.data);
      channel.port1.postMessage({ __proto__: null, a: "b" });
    });
    same(data.a, "b");
  },
  clone() {
    const copy = structuredClone({ __proto__: null, a: new Date(5), b: new Uint8Array(2), c: new Blob(one("x")) });
    same(copy.c.size, 1);
    same(copy.b[1], 0);
  },
  encodings() {
    const bytes = new TextEncoder().encode("h\u00e9");
    same(bytes[1], 0xc3);
    same(new TextDecoder().decode(bytes), "h\u00e9");
    same(new TextDecoder("utf-16le").decode(new Uint8Array(2)), "\0");
    same(btoa("abc"), "YWJj");
    same(atob("YWJj"), "abc");
  },
  performance() {
    same(performance.mark("m").name, "m");
    same(performance.measure("d", "m").entryType, "measure");
    same(performance.getEntriesByName("m")[0].name, "m");
    performance.clearMarks();
  },
  console() {
    console.log("a %s b", "c", { __proto__: null, a: 1, b: [1, "x"] }, new Map(), new Error("shown"), /x/g);
  },
  async fetch(request) {
    const url = new URL(request.url).searchParams.get("echo");
    const answer = await fetch(url, { __proto__: null, method: "POST", body: "sent", headers: { __proto__: null, "x-a": "1" } });
    same(answer.status, 200);
    same(await answer.text(), "POST 1 sent");
    const data = await fetch("data:text/plain,hi");
    same(await data.text(), "hi");
  },
  async failures() {
    let message = "";
    try {
      await fetch("ftp://x/");
    } catch (e) {
      message = e.message;
    }
    same(message, "Fetch API cannot load: ftp://x/");
    try {
      new URL("nowhere");
    } catch (e) {
      message = e.name;
    }
    same(message, "TypeError");
  },
};

export default {
  async fetch(request, env, ctx) {
    const only = new URL(request.url).pathname;
    if (only === "/hello") return new Response("hello");
    if (only === "/async") return await later((resolve) => resolve(new Response("later")));
    if (only === "/echo-body") return new Response(request.body, { __proto__: null, headers: { __proto__: null, "x-method": request.method } });
    if (only === "/json") return Response.json({ __proto__: null, got: await request.json() });
    let report = "";
    const one = new URL(request.url).searchParams.get("only");
    for (const name in checks) {
      if (one !== null && one !== name) continue;
      touched = "";
      let result = "ok";
      armed = true;
      try {
        await checks[name](request);
      } catch (e) {
        armed = false;
        result = e.stack;
      }
      armed = false;
      if (touched !== "") result = `${result}\n  touched ${touched}`;
      report += `${name}: ${result}\n`;
    }
    ctx.waitUntil(later((resolve) => resolve()));
    return new Response(report);
  },
};
