// Web IDL `iterable<K, V>` (https://webidl.spec.whatwg.org/#idl-iterable): entries, keys, values, forEach, @@iterator and
// the iterator prototype object of an interface, shared by Headers, URLSearchParams and FormData.

import { defineData, FunctionPrototypeCall, IteratorPrototype, ObjectSetPrototypeOf, SymbolIterator, SymbolToStringTag } from "../bootstrap/primordials.ts";
import { requireArguments, toCallback } from "../bootstrap/webidl.ts";

/**
 * Makes cls iterable. pairs(self) returns the pairs as a flat list, key before value, in their order right now: it is
 * asked again at every step, which makes iteration live. It must throw a TypeError if self is not an instance of cls.
 * Call after defineInterface.
 */
export function defineIterable<T extends object>(cls: { prototype: T; name: string }, pairs: (self: T) => readonly unknown[]): void {
  class PairIterator {
    #target: T;
    #kind: 0 | 1 | 2; // keys, values, entries
    #index = 0;

    constructor(target: T, kind: 0 | 1 | 2) {
      this.#target = target;
      this.#kind = kind;
    }

    next(): { value: unknown; done: boolean } {
      const list = pairs(this.#target);
      const i = this.#index;
      if (i >= list.length) return { value: undefined, done: true };
      this.#index = i + 2;
      if (this.#kind === 0) return { value: list[i], done: false };
      if (this.#kind === 1) return { value: list[i + 1], done: false };
      return { value: [list[i], list[i + 1]], done: false };
    }
  }
  const prototype = PairIterator.prototype as unknown as { constructor?: unknown };
  delete prototype.constructor;
  ObjectSetPrototypeOf(prototype, IteratorPrototype);
  defineData(prototype, "next", PairIterator.prototype.next, true, true, true);
  defineData(prototype, SymbolToStringTag, `${cls.name} Iterator`, false, false, true);

  const name = cls.name;
  const methods = {
    entries(this: T): PairIterator {
      pairs(this);
      return new PairIterator(this, 2);
    },
    keys(this: T): PairIterator {
      pairs(this);
      return new PairIterator(this, 0);
    },
    values(this: T): PairIterator {
      pairs(this);
      return new PairIterator(this, 1);
    },
    forEach(this: T, callback: unknown, thisArg: unknown = undefined): void {
      let list = pairs(this);
      requireArguments(arguments.length, 1, `${name}.forEach`);
      const fn = toCallback<(value: unknown, key: unknown, self: T) => void>(callback, `${name}.forEach`);
      for (let i = 0; i < list.length; i += 2) {
        FunctionPrototypeCall(fn, thisArg, list[i + 1], list[i], this);
        list = pairs(this);
      }
    },
  };
  define(cls.prototype, "entries", methods.entries, true);
  define(cls.prototype, "forEach", methods.forEach, true);
  define(cls.prototype, "keys", methods.keys, true);
  define(cls.prototype, "values", methods.values, true);
  define(cls.prototype, SymbolIterator, methods.entries, false);
}

function define(target: object, key: PropertyKey, value: unknown, enumerable: boolean): void {
  defineData(target, key, value, true, enumerable, true);
}
