// What is around a test in its worker: the runner puts this text and, in place of the last line, the scripts of the test into
// one script in service worker syntax. Not strict: the scripts choose for themselves.
((config, scripts, expressions) => {
  const { addEventListener: listen, JSON, Map, Object, Promise, Proxy, Reflect, Request, Response, String, URL, setTimeout } = globalThis;
  const { stringify } = JSON;

  // The tests expect a scope with a base URL. A platform without one gets what follows from it: `location`, and relative
  // URLs that are made absolute before the platform sees them. Nothing else of the platform is touched.
  const base = new URL(config.location);
  const location = { toString: () => base.href };
  for (const part of ["href", "origin", "protocol", "host", "hostname", "port", "pathname", "search", "hash"]) location[part] = base[part];
  function absolute(input, scheme) {
    if (typeof input === "symbol" || input instanceof Request) return input;
    let text;
    try {
      text = String(input);
      new URL(text);
      return input;
    } catch {}
    try {
      const url = new URL(text, base);
      if (scheme !== undefined) url.protocol = scheme;
      return url.href;
    } catch {
      return input;
    }
  }
  function install(name, value) {
    const old = Reflect.getOwnPropertyDescriptor(globalThis, name);
    Reflect.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: old === undefined ? false : old.enumerable });
  }
  function constructorWithBase(name, scheme) {
    const original = globalThis[name];
    if (typeof original !== "function") return;
    const wrapped = new Proxy(original, {
      construct(target, args, newTarget) {
        if (args.length > 0) args[0] = absolute(args[0], scheme);
        return Reflect.construct(target, args, newTarget === wrapped ? target : newTarget);
      },
    });
    Reflect.defineProperty(original.prototype, "constructor", { value: wrapped, writable: true, configurable: true, enumerable: false });
    install(name, wrapped);
  }
  function functionWithBase(owner, name) {
    const descriptor = Reflect.getOwnPropertyDescriptor(owner, name);
    const original = owner[name];
    if (typeof original !== "function") return;
    const value = new Proxy(original, {
      apply(target, self, args) {
        if (args.length > 0) args[0] = absolute(args[0]);
        return Reflect.apply(target, self, args);
      },
    });
    Reflect.defineProperty(owner, name, { writable: true, configurable: true, enumerable: descriptor === undefined || descriptor.enumerable, value });
  }
  function installBase() {
    install("location", Object.freeze(location));
    functionWithBase(Response, "redirect");
    constructorWithBase("Request");
    constructorWithBase("EventSource");
    constructorWithBase("WebSocket", base.protocol === "https:" ? "wss:" : "ws:");
    functionWithBase(globalThis, "fetch");
  }

  // What a script declares at its top level is to be a property of the global object: an accessor, so that no assignment is
  // missed. The runner has only seen how lines begin. Before the script runs, type() tells what it does declare: it throws for
  // let, const and class, and a function is there already, and is not the one that another script has declared.
  function expose(name, keyword, type, get, set) {
    try {
      const found = type();
      if (keyword === "function" ? found !== "function" || (name in globalThis && get() === globalThis[name]) : keyword !== "var") return;
    } catch {}
    Reflect.defineProperty(globalThis, name, { get, set: assign, configurable: true, enumerable: true });
    function assign(value) {
      try {
        set(value);
      } catch {
        // A constant: scripts may have it beside a property of the same name.
        Reflect.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
      }
    }
  }

  // The scopes of workers have this; what a test names is part of the worker already and has been run.
  function importScripts(...urls) {
    for (const url of urls) {
      if (!config.imported.includes(url)) throw new Error("importScripts: " + url + " is not known when the worker is made");
    }
  }

  // Tests of interfaces evaluate strings, which a platform may refuse. The strings are known when the worker is made.
  function installExpressions() {
    const original = globalThis.eval;
    const known = new Map(expressions);
    install("eval", (text) => (known.has(text) ? known.get(text)() : original(text)));
  }

  const none = class { static [Symbol.hasInstance]() { return false; } };

  async function answer() {
    installBase();
    install("importScripts", importScripts);
    if (expressions.length > 0) installExpressions();
    install("GLOBAL", { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false });
    if (config.title !== "") install("META_TITLE", config.title);
    let failed;
    let begun = false;
    const results = await new Promise((resolve) => {
      const complete = (tests, status) => resolve({
        status: status.status, message: status.message,
        tests: tests.map((t) => ({ name: String(t.name), status: t.status, message: t.message })),
      });
      setTimeout(() => {
        try { globalThis.timeout(); } catch {}
        // Only if that did not end the tests.
        setTimeout(() => resolve({ status: 2, message: "the tests did not end after their time limit", tests: [] }), 2000);
      }, config.limit);
      for (const [i, script] of scripts.entries()) {
        try {
          // testharness.js is to run as in a shell, whatever the global scope of the platform says that it is: there are
          // no messages between this scope and the runner.
          if (i === 0) script.call(globalThis, none, none, none, none);
          else script.call(globalThis, expose);
        } catch (error) {
          failed = error ?? new Error(String(error));
          if (!begun) resolve({ status: 1, message: "", tests: [] });
          break;
        }
        if (i === 0) {
          globalThis.add_completion_callback(complete);
          globalThis.add_start_callback(() => { begun = true; });
        }
      }
      if (config.done || failed !== undefined) globalThis.done?.();
    });
    if (failed !== undefined) {
      results.status = 1;
      results.message = "script failed: " + String(failed) + "\n" + (failed !== null && failed.stack);
    }
    return new Response(stringify(results), { headers: { "content-type": "application/json" } });
  }

  listen("fetch", (event) => event.respondWith(answer()));
})(/*SCRIPTS*/);
