// First in, first out, in a ring: shifting does not move the rest as Array.prototype.shift does.

import { append } from "../../bootstrap/primordials.ts";

const nothing: never[] = []; // Shared by all that are empty; never written to.

/** A queue of any length. Costs nothing until something is pushed. */
export class Fifo<T> {
  length = 0;
  #items: (T | undefined)[] = nothing;
  #head = 0;

  push(item: T): void {
    const capacity = this.#items.length;
    if (this.length === capacity) this.#grow(capacity);
    this.#items[(this.#head + this.length) & (this.#items.length - 1)] = item;
    this.length++;
  }

  /** The oldest item; only while length is not 0. */
  peek(): T {
    return this.#items[this.#head] as T;
  }

  /** Takes the oldest item out; only while length is not 0. */
  shift(): T {
    const head = this.#head;
    const item = this.#items[head] as T;
    this.#items[head] = undefined;
    this.#head = (head + 1) & (this.#items.length - 1);
    this.length--;
    return item;
  }

  clear(): void {
    this.#items = nothing;
    this.#head = 0;
    this.length = 0;
  }

  #grow(capacity: number): void {
    const old = this.#items;
    if (capacity === 0) {
      this.#items = [undefined, undefined, undefined, undefined];
      return;
    }
    const next: (T | undefined)[] = [];
    for (let i = 0; i < capacity; i++) append(next, old[(this.#head + i) & (capacity - 1)]);
    for (let i = capacity; i < capacity * 2; i++) append(next, undefined);
    this.#items = next;
    this.#head = 0;
  }
}
