// Walks everything that a worker can reach from its global object and from what it is given, by own properties (symbols
// too), prototypes and the functions of accessors, and lists it: one line for each property, with its flags. It calls no
// accessor. Objects are listed where they are found first, nearest to the global object. Functions that have nothing but a
// name and a length, inherit from Function.prototype and can be extended have no lines of their own.

const flags = (d) => `${d.writable ? "w" : "-"}${d.enumerable ? "e" : "-"}${d.configurable ? "c" : "-"}`;
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const keyName = (key) => (typeof key === "symbol" ? `[${String(key.description)}]` : `.${key}`);

function describe(value) {
  if (typeof value === "function") return `function ${JSON.stringify(Object.getOwnPropertyDescriptor(value, "name")?.value)}/${String(Object.getOwnPropertyDescriptor(value, "length")?.value)}`;
  if (typeof value === "object" && value !== null) return "object";
  if (typeof value === "symbol") return String(value);
  if (typeof value === "string") return "string";
  return `${typeof value} ${String(value)}`;
}

/** What no property leads to, but syntax and calls do. */
function seeds(request, env, ctx) {
  const iterator = (o) => o[Symbol.iterator]();
  const form = new FormData();
  return {
    arguments: (function () { return arguments; })(),
    arrayIterator: iterator([]), mapIterator: iterator(new Map()), setIterator: iterator(new Set()), stringIterator: iterator(""), regExpIterator: "a".matchAll(/a/g),
    generator: (function* () {})(), asyncGenerator: (async function* () {})(), asyncFunction: async () => {},
    iteratorHelper: iterator([]).map((v) => v), wrapIterator: Iterator.from({ next() {} }),
    error: new Error("x"), exception: new DOMException("x"), aggregate: new AggregateError([]), promise: Promise.resolve(), regExp: /x/, bound: describe.bind(null), proxied: new Proxy({}, {}),
    headersIterator: iterator(new Headers()), paramsIterator: iterator(new URLSearchParams()), formIterator: iterator(form),
    request, requestHeaders: request.headers, requestSignal: request.signal, cf: request.cf, body: new Response("x").body, streamIterator: new Response("x").body.values(), context: ctx, environment: env, props: ctx.props,
    subtle: crypto.subtle, wasm: new WebAssembly.Memory({ initial: 0 }), segmenter: iterator(new Intl.Segmenter().segment("x")), event: new Event("x"), signal: AbortSignal.abort(), port: new MessageChannel().port1,
  };
}

export default {
  fetch(request, env, ctx) {
    const paths = new Map();
    const queue = [];
    const lines = [];
    const visit = (path, value) => {
      if ((typeof value !== "object" || value === null) && typeof value !== "function") return "";
      const known = paths.get(value);
      if (known !== undefined) return ` = ${known}`;
      paths.set(value, path);
      queue.push(value);
      return "";
    };
    visit("Object.prototype", Object.prototype);
    visit("Function.prototype", Function.prototype);
    visit("globalThis", globalThis);
    const given = seeds(request, env, ctx);
    let globalsDone = false;
    for (let at = 0; ; at++) {
      if (at === queue.length) {
        if (globalsDone) break;
        globalsDone = true;
        for (const name of Object.keys(given).sort(compare)) lines.push(`<${name}> ${describe(given[name])}${visit(`<${name}>`, given[name])}`);
        if (at === queue.length) break;
      }
      const object = queue[at];
      const path = paths.get(object);
      const prototype = Reflect.getPrototypeOf(object);
      const plain = typeof object === "function" && prototype === Function.prototype && Reflect.isExtensible(object);
      if (!plain) lines.push(`${path} inherits ${prototype === null ? "null" : `object${visit(`${path}.__proto__`, prototype)}`}${Reflect.isExtensible(object) ? "" : ", not extensible"}`);
      if (typeof object === "function" && !Function.prototype.toString.call(object).includes("[native code]")) lines.push(`${path} shows its source text`);
      const keys = Reflect.ownKeys(object).map((key) => [keyName(key), key]).sort((a, b) => compare(a[0], b[0]));
      for (const [name, key] of keys) {
        const d = Reflect.getOwnPropertyDescriptor(object, key);
        if (d === undefined) continue;
        if (typeof object === "function" && (key === "name" || key === "length") && flags(d) === "--c") continue;
        if ("value" in d) {
          lines.push(`${path}${name} ${flags(d)} ${describe(d.value)}${visit(`${path}${name}`, d.value)}`);
          continue;
        }
        lines.push(`${path}${name} ${flags(d)} ${["get", "set"].filter((part) => d[part] !== undefined).map((part) => part + visit(`${path}${name}.${part}`, d[part])).join(" ")}`);
      }
    }
    return new Response(lines.join("\n") + "\n");
  },
};
