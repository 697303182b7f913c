import assert from "node:assert/strict";
import { test } from "node:test";
import { Fifo } from "./fifo.ts";

test("behaves as an array does, whatever is pushed and shifted", () => {
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const fifo = new Fifo<number>();
  const model: number[] = [];
  for (let i = 0; i < 5000; i++) {
    if (model.length > 0 && random(100) < 48) assert.equal(fifo.shift(), model.shift());
    else {
      fifo.push(i);
      model.push(i);
    }
    assert.equal(fifo.length, model.length);
    if (model.length > 0) assert.equal(fifo.peek(), model[0]);
    if (i % 997 === 0) {
      fifo.clear();
      model.length = 0;
    }
  }
});
