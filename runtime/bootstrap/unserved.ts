// What stands in env for a binding that the project asks for and the platform does not have yet: using it says so by name,
// where `undefined` would say that a property of undefined cannot be read.

import { Proxy, TypeError } from "./primordials.ts";

/** key is that of the project file, such as "kv_namespaces". */
export function unserved(name: string, key: string): object {
  return new Proxy(
    { __proto__: null },
    {
      __proto__: null,
      // Whoever asks whether it is a thenable, or how to print it, does not use it yet.
      get(_target, property) {
        if (typeof property === "symbol" || property === "then" || property === "toJSON" || property === "constructor") return undefined;
        throw new TypeError(`env.${name}.${property}: bindings of "${key}" are not served yet.`);
      },
    } as ProxyHandler<object>,
  );
}
