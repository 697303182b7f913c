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
const symbols = [Symbol.iterator, Symbol.asyncIterator, Symbol.split, Symbol.replace, Symbol.match, Symbol.search, Symbol.species, Symbol.isConcatSpreadable, Symbol.toPrimitive, Symbol.toStringTag, Symbol.unscopables];
for (let i = 0; i < all.length; i++) poison(all[i][0], all[i][1], all[i][2]);
for (let i = 0; i < members.length; i++) {
  const name = members[i];
  defineProperty(Object.prototype, name, { __proto__: null, configurable: true, get: trap(`get Object.prototype.${name}`), set: trap(`set Object.prototype.${name}`) });
}
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
    for (const name in checks) {
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
