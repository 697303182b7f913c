// Randomness and digests against node:crypto.
import { test } from "node:test";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { native, random, seed } from "./support.mjs";

test(`digest: random messages of every length around the block sizes, seed ${seed}`, () => {
  const r = random(21);
  for (const [name, node] of [["SHA-1", "sha1"], ["SHA-256", "sha256"], ["SHA-384", "sha384"], ["SHA-512", "sha512"], ["MD5", "md5"]]) {
    for (let n = 0; n < 300; n++) {
      const bytes = new Uint8Array(n).map(() => r.below(256));
      const hash = native.digest(name, bytes);
      assert.ok(hash instanceof ArrayBuffer);
      assert.equal(Buffer.from(hash).toString("hex"), createHash(node).update(bytes).digest("hex"), `${name} of ${n} bytes`);
    }
    const view = new DataView(new ArrayBuffer(100), 3, 50);
    assert.equal(Buffer.from(native.digest(name, view)).toString("hex"), createHash(node).update(view).digest("hex"));
    assert.equal(Buffer.from(native.digest(name, view.buffer)).toString("hex"), createHash(node).update(new Uint8Array(100)).digest("hex"));
  }
});

test("digest: unknown names are undefined, bad arguments a TypeError", () => {
  for (const name of ["", "sha-256", "SHA-224", "SHA256", "x".repeat(100000), "SHA-256\0", "\ud800"]) assert.equal(native.digest(name, new Uint8Array(1)), undefined);
  assert.throws(() => native.digest("SHA-256", "text"), TypeError);
  assert.throws(() => native.digest(1, new Uint8Array(1)), TypeError);
});

test("randomUUID: version 4, variant 10, no repeats", () => {
  const seen = new Set();
  for (let i = 0; i < 20000; i++) {
    const uuid = native.randomUUID();
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    seen.add(uuid);
  }
  assert.equal(seen.size, 20000);
});

test("randomFill: fills the view and nothing else, every byte value comes up", () => {
  for (const size of [0, 1, 16, 63, 64, 65, 1000, 65536]) {
    const buffer = new Uint8Array(size + 16);
    native.randomFill(buffer.subarray(8, 8 + size));
    assert.ok(buffer.subarray(0, 8).every((b) => b === 0) && buffer.subarray(8 + size).every((b) => b === 0), String(size));
    if (size >= 16) assert.ok(buffer.some((b) => b !== 0));
  }
  const counts = new Uint32Array(256);
  const small = new Uint8Array(50);
  for (let i = 0; i < 2000; i++) {
    native.randomFill(small);
    for (const b of small) counts[b]++;
  }
  // 100000 draws: about 390 of each; outside 200..600 is ten standard deviations off.
  assert.ok(counts.every((n) => n > 200 && n < 600), String(counts));
  const words = new Uint32Array(4);
  native.randomFill(words);
  assert.ok(words.some((n) => n !== 0));
  native.randomFill(new DataView(new ArrayBuffer(4)));
  assert.throws(() => native.randomFill(new ArrayBuffer(4)), TypeError);
});
