import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { runInFrame } = await import("../bootstrap/context.ts");
const { crypto, Crypto } = await import("./crypto.ts");
const { CryptoKey } = await import("./crypto/key.ts");
const { SubtleCrypto } = await import("./crypto/subtle.ts");

const inEvent = <R>(fn: () => R): R => runInFrame({ event: { id: 1, ended: false }, stores: undefined }, fn as never, undefined, []) as R;
const hex = (b: ArrayBuffer): string => Buffer.from(b).toString("hex");

test("getRandomValues fills integer arrays, at most 65536 bytes", () => {
  inEvent(() => {
    const array = new Uint32Array(64);
    assert.equal(crypto.getRandomValues(array), array);
    assert.ok(array.some((x) => x !== 0));
    assert.throws(() => crypto.getRandomValues(new Float64Array(1)), { name: "TypeMismatchError" });
    assert.throws(() => crypto.getRandomValues(new DataView(new ArrayBuffer(1))), { name: "TypeMismatchError" });
    assert.throws(() => crypto.getRandomValues([]), TypeError);
    assert.throws(() => crypto.getRandomValues(new Uint8Array(65537)), { name: "QuotaExceededError", quota: null, requested: null });
    crypto.getRandomValues(new Uint8Array(65536));
  });
});

test("randomness is refused in global scope", () => {
  assert.throws(() => crypto.getRandomValues(new Uint8Array(1)), /global scope/);
  assert.throws(() => crypto.randomUUID(), /global scope/);
  assert.match(inEvent(() => crypto.randomUUID()), /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
});

const abc = new TextEncoder().encode("abc");
const digests: [unknown, string][] = [
  ["SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  [{ name: "sha-256" }, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["md5", "900150983cd24fb0d6963f7d28e17f72"],
];
for (const [algorithm, expected] of digests) {
  test(`digest ${JSON.stringify(algorithm)}`, async () => {
    assert.equal(hex(await crypto.subtle.digest(algorithm, abc)), expected);
    assert.equal(hex(await crypto.subtle.digest(algorithm, new DataView(new TextEncoder().encode("xabcx").buffer, 1, 3))), expected);
  });
}

test("digest takes the data as it was at the call", async () => {
  const data = new TextEncoder().encode("abc");
  const result = crypto.subtle.digest("SHA-1", data);
  data[0] = 0;
  assert.equal(hex(await result), digests[0]![1]);
  // The algorithm is read first.
  const altered = new TextEncoder().encode("xbc");
  const algorithm = {
    get name() {
      altered[0] = 0x61;
      return "SHA-1";
    },
  };
  assert.equal(hex(await crypto.subtle.digest(algorithm, altered)), digests[0]![1]);
  const gone = new Uint8Array(3);
  gone.buffer.transfer();
  assert.equal(hex(await crypto.subtle.digest("SHA-1", gone)), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
});

test("digest rejects, and throws nothing", async () => {
  await assert.rejects(crypto.subtle.digest("SHA-3", abc), { name: "NotSupportedError" });
  await assert.rejects(crypto.subtle.digest({}, abc), TypeError);
  await assert.rejects(crypto.subtle.digest("SHA-1", "abc"), TypeError);
  await assert.rejects(crypto.subtle.digest.call({} as never, "SHA-1", abc), TypeError);
});

test("interfaces cannot be constructed", () => {
  for (const c of [Crypto, SubtleCrypto, CryptoKey]) assert.throws(() => new (c as never)(), TypeError);
});
