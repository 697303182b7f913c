// Text operations against Node's encoders and against readings of the specifications written out here.
import { test } from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { native, random, randomString, randomNearUtf8, seed, show } from "./support.mjs";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const fatalDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const flat = (s) => Buffer.from(s, "utf16le").toString("utf16le"); // A two-byte string, whatever its characters.

/** The UTF-8 decoder of the Encoding Standard, §8.1.1, step by step. */
function referenceUtf8(bytes, fatal) {
  let out = "", point = 0, needed = 0, seen = 0, lower = 0x80, upper = 0xbf;
  for (let i = 0; i <= bytes.length; i++) {
    if (i === bytes.length) {
      if (needed !== 0) { if (fatal) return undefined; out += "\ufffd"; }
      return out;
    }
    const b = bytes[i];
    if (needed === 0) {
      if (b <= 0x7f) out += String.fromCharCode(b);
      else if (b >= 0xc2 && b <= 0xdf) { needed = 1; point = b & 0x1f; }
      else if (b >= 0xe0 && b <= 0xef) { if (b === 0xe0) lower = 0xa0; if (b === 0xed) upper = 0x9f; needed = 2; point = b & 0xf; }
      else if (b >= 0xf0 && b <= 0xf4) { if (b === 0xf0) lower = 0x90; if (b === 0xf4) upper = 0x8f; needed = 3; point = b & 7; }
      else { if (fatal) return undefined; out += "\ufffd"; }
      continue;
    }
    if (b < lower || b > upper) {
      if (fatal) return undefined;
      point = needed = seen = 0; lower = 0x80; upper = 0xbf;
      out += "\ufffd";
      i--;
      continue;
    }
    lower = 0x80; upper = 0xbf;
    point = (point << 6) | (b & 0x3f);
    if (++seen === needed) { out += String.fromCodePoint(point); point = needed = seen = 0; }
  }
}

/** encodeInto by code points, Encoding Standard §8.2. Node 26.10 may stop early when a surrogate pair came before. */
function referenceInto(s, into) {
  let read = 0, written = 0;
  for (const c of s) {
    const bytes = encoder.encode(c);
    if (written + bytes.length > into.length) break;
    into.set(bytes, written);
    read += c.length;
    written += bytes.length;
  }
  return [read, written];
}

/** Forgiving-base64 decode, Infra §6. */
function referenceAtob(s) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  s = s.replace(/[\t\n\f\r ]/g, "");
  if (s.length % 4 === 0) s = s.endsWith("==") ? s.slice(0, -2) : s.endsWith("=") ? s.slice(0, -1) : s;
  if (s.length % 4 === 1) return undefined;
  let out = "", buffer = 0, bits = 0;
  for (const c of s) {
    const n = alphabet.indexOf(c);
    if (n < 0) return undefined;
    buffer = (buffer << 6) | n;
    bits += 6;
    if (bits === 24) { out += String.fromCharCode(buffer >> 16, (buffer >> 8) & 255, buffer & 255); buffer = bits = 0; }
  }
  if (bits === 12) out += String.fromCharCode(buffer >> 4);
  if (bits === 18) out += String.fromCharCode(buffer >> 10, (buffer >> 2) & 255);
  return out;
}

test("utf8Decode: edges of the ranges, truncation, surrogates, overlong forms", () => {
  const heads = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfe, 0xff];
  const tails = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff];
  const check = (list) => {
    const bytes = new Uint8Array(list);
    assert.equal(native.utf8Decode(bytes, false), referenceUtf8(bytes, false), show(bytes));
    assert.equal(native.utf8Decode(bytes, true), referenceUtf8(bytes, true), show(bytes));
  };
  check([]);
  for (const a of heads) {
    check([a]);
    for (const b of tails) {
      check([a, b]);
      for (const c of tails) {
        check([a, b, c]);
        for (const d of [0x41, 0x80, 0xbf, 0xc2, 0xf0]) check([a, b, c, d]);
      }
    }
  }
});

test(`utf8Decode: random bytes, seed ${seed}`, () => {
  const r = random(1);
  for (let i = 0; i < 20000; i++) {
    const bytes = randomNearUtf8(r, i % 100 === 0 ? 6000 : 60);
    assert.equal(native.utf8Decode(bytes, false), decoder.decode(bytes), show(bytes));
    let fatal;
    try { fatal = fatalDecoder.decode(bytes); } catch { fatal = undefined; }
    assert.equal(native.utf8Decode(bytes, true), fatal, show(bytes));
    if (bytes.length < 200) assert.equal(native.utf8Decode(bytes, false), referenceUtf8(bytes, false), show(bytes));
  }
});

test("utf8Decode: an error at each place of a long text, so in each lane of a vector", () => {
  for (const filler of ["a", "é", "中", "😀"]) {
    const whole = encoder.encode(filler.repeat(300));
    for (let at = 0; at < 300; at++) {
      const bytes = whole.slice();
      bytes[at] = 0xff;
      assert.equal(native.utf8Decode(bytes, false), referenceUtf8(bytes, false), `${filler} ${at}`);
      assert.equal(native.utf8Decode(bytes, true), undefined, `${filler} ${at}`);
      const cut = whole.subarray(0, whole.length - at);
      assert.equal(native.utf8Decode(cut, false), referenceUtf8(cut, false), `${filler} cut ${at}`);
    }
  }
});

test("utf8Decode: keeps a byte order mark, takes every kind of buffer", () => {
  assert.equal(native.utf8Decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x41]), false), "\ufeffA");
  const buffer = encoder.encode("xhéllo 中y").buffer;
  const part = [1, buffer.byteLength - 2];
  assert.equal(native.utf8Decode(buffer, false), "xhéllo 中y");
  assert.equal(native.utf8Decode(new DataView(buffer, ...part), false), "héllo 中");
  assert.equal(native.utf8Decode(new Int8Array(buffer, ...part), false), "héllo 中");
  const shared = new SharedArrayBuffer(3);
  new Uint8Array(shared).set([0x61, 0xc3, 0xa9]);
  assert.equal(native.utf8Decode(shared, false), "aé");
  assert.equal(native.utf8Decode(new Uint8Array(shared, 1), false), "é");
  const resizable = new ArrayBuffer(4, { maxByteLength: 8 });
  const tracking = new Uint8Array(resizable);
  tracking.fill(0x61);
  assert.equal(native.utf8Decode(tracking, false), "aaaa");
  resizable.resize(2);
  assert.equal(native.utf8Decode(tracking, false), "aa");
  assert.equal(native.utf8Decode(new Uint8Array(new ArrayBuffer(8)).subarray(8), false), "");
  const detached = new Uint8Array([1, 2, 3]);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  assert.equal(native.utf8Decode(detached, false), "");
  assert.equal(native.utf8Decode(detached.buffer, false), "");
  assert.throws(() => native.utf8Decode("text", false), TypeError);
});

test(`utf8Encode, utf8Length, toUSVString, isLatin1: random strings, seed ${seed}`, () => {
  const r = random(2);
  for (let i = 0; i < 20000; i++) {
    let s = randomString(r, i % 50 === 0 ? 5000 : 40);
    if (r.chance(20)) s = flat(s);
    if (r.chance(20)) s += randomString(r, 40); // Makes a rope.
    const expected = encoder.encode(s);
    const bytes = native.utf8Encode(s);
    assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
    assert.equal(Buffer.compare(bytes, expected), 0, show(s));
    assert.equal(bytes.buffer.byteLength, bytes.length);
    assert.equal(native.utf8Length(s), expected.length, show(s));
    assert.equal(native.toUSVString(s), s.toWellFormed(), show(s));
    assert.equal(native.isLatin1(s), !/[^\0-\xff]/.test(s), show(s));
  }
  assert.equal(native.utf8Encode("").length, 0);
  assert.throws(() => native.utf8Encode(undefined), { name: "TypeError", message: "utf8Encode: argument 0 is not a string" });
});

test(`utf8EncodeInto: random strings into buffers of every length, seed ${seed}`, () => {
  const r = random(3);
  for (let i = 0; i < 5000; i++) {
    let s = randomString(r, 30);
    if (r.chance(20)) s = flat(s);
    for (const size of [0, 1, 2, 3, 4, 7, r.below(40), 100]) {
      const guard = new Uint8Array(size + 16).fill(0xaa);
      const mine = guard.subarray(8, 8 + size);
      const theirs = new Uint8Array(size).fill(0xaa);
      const expected = referenceInto(s, theirs);
      assert.deepEqual(native.utf8EncodeInto(s, mine), expected, `${show(s)} into ${size}`);
      assert.equal(Buffer.compare(mine, theirs), 0, `${show(s)} into ${size}`);
      assert.ok(guard.subarray(0, 8).every((b) => b === 0xaa) && guard.subarray(8 + size).every((b) => b === 0xaa), "wrote outside");
    }
  }
  for (const filler of ["a", "é", "中", "😀"]) {
    const s = filler.repeat(2000);
    for (const size of [10, 1999, 2000, 2001, 3999, 4000, 5999, 6000, 7999, 8000]) {
      const mine = new Uint8Array(size), theirs = new Uint8Array(size);
      const expected = referenceInto(s, theirs);
      assert.deepEqual(native.utf8EncodeInto(s, mine), expected, `${filler} into ${size}`);
      assert.equal(Buffer.compare(mine, theirs), 0);
    }
  }
});

test("latin1", () => {
  const all = new Uint8Array(256).map((_, i) => i);
  const text = native.latin1Decode(all);
  assert.equal(text.length, 256);
  for (let i = 0; i < 256; i++) assert.equal(text.charCodeAt(i), i);
  assert.deepEqual(native.latin1Encode(text), all);
  assert.deepEqual(native.latin1Encode(flat("a\u0141\uffff")), new Uint8Array([0x61, 0x41, 0xff]));
  assert.equal(native.latin1Decode(new ArrayBuffer(0)), "");
  assert.equal(native.latin1Encode("").length, 0);
});

test("atob: every string of up to five of the interesting characters", () => {
  const alphabet = ["A", "/", "=", " ", "-", "\u00e9", "\u0100"];
  const go = (s, left) => {
    assert.equal(native.atob(s), referenceAtob(s), show(s));
    assert.equal(native.atob(flat(s)), referenceAtob(s), show(s));
    if (left > 0) for (const c of alphabet) go(s + c, left - 1);
  };
  go("", 5);
});

test(`atob, btoa: random, seed ${seed}`, () => {
  const r = random(5);
  for (let i = 0; i < 20000; i++) {
    const n = i % 100 === 0 ? r.below(9000) : r.below(80);
    const binary = native.latin1Decode(new Uint8Array(n).map(() => r.below(256)));
    const encoded = native.btoa(binary);
    assert.equal(encoded, Buffer.from(binary, "latin1").toString("base64"));
    assert.equal(native.btoa(flat(binary)), encoded);
    assert.equal(native.atob(encoded), binary);
    // Spread white space, then damage it.
    let text = "";
    for (const c of encoded) text += r.chance(5) ? c + r.pick(["\t", "\n", "\f", "\r", " "]) : c;
    if (r.chance(50)) text = text.replace(/=/g, "");
    if (r.chance(50) && text.length > 0) {
      const at = r.below(text.length);
      text = text.slice(0, at) + r.pick(["=", "", "\v", "\0", "-", "_", "A", "\u0141", " "]) + text.slice(at + r.below(2));
    }
    assert.equal(native.atob(text), referenceAtob(text), show(text));
  }
  assert.equal(native.btoa("\u0100"), undefined);
  assert.equal(native.btoa("a".repeat(5000) + "\u0141"), undefined);
  assert.equal(native.btoa(""), "");
});

test("a string that cannot be had is a RangeError", () => {
  // 2^29 - 24 is the longest string of V8.
  assert.throws(() => native.latin1Decode(new ArrayBuffer(2 ** 29)), RangeError);
  assert.throws(() => native.utf8Decode(new ArrayBuffer(2 ** 29), false), RangeError);
});

test("a buffer that cannot be had is a RangeError, not the end of the process", () => {
  // In a process of 2 GB of addresses: fill them with results of 128 MB.
  const code = `
    import { native } from ${JSON.stringify(new URL("./support.mjs", import.meta.url).href)};
    const kept = [], text = "\\u00e9".repeat(2 ** 26);
    try { while (kept.length < 100) kept.push(native.utf8Encode(text)); } catch (e) { console.log(kept.length > 0, e instanceof RangeError, e.message); }
    kept.length = 0;
    console.log(native.utf8Encode("still here").length);`;
  const { stdout } = spawnSync("sh", ["-c", 'ulimit -v 2000000; exec "$0" --input-type=module -e "$1"', process.execPath, code], { encoding: "utf8" });
  assert.equal(stdout, "true true Array buffer allocation failed\n10\n");
});
