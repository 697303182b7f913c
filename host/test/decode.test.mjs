// decodeText against Node's decoders, which come from ICU and from simdutf, and against readings of the Encoding Standard.
import { test } from "node:test";
import assert from "node:assert/strict";
import { native, random, randomNearUtf8, randomString, seed, show } from "./support.mjs";

const names = ["utf-8", "ibm866", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-8-i", "iso-8859-10", "iso-8859-13",
  "iso-8859-14", "iso-8859-15", "iso-8859-16", "koi8-r", "koi8-u", "macintosh", "windows-874", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",
  "windows-1255", "windows-1256", "windows-1257", "windows-1258", "x-mac-cyrillic", "gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "euc-kr", "replacement", "utf-16be", "utf-16le",
  "x-user-defined"];
const number = (name) => names.indexOf(name);
const more = 1, fatal = 2, keepBOM = 4;
const decode = (name, bytes, flags = keepBOM) => native.decodeText(number(name), Uint8Array.from(bytes), 0, flags);

/** What TextDecoder does with the pieces of a stream: the text, and where errors were found. */
function stream(name, pieces, flags) {
  let state = 0, text = "", offset = 0;
  const errors = [];
  const all = Buffer.concat(pieces);
  for (let i = 0; i < pieces.length; i++) {
    let bytes = new Uint8Array(pieces[i]);
    for (;;) {
      const got = native.decodeText(number(name), bytes, state, flags | more);
      state = got[1];
      if (got[0] !== undefined) { text += got[0]; break; }
      errors.push(offset + got[2]);
      offset += got[2];
      bytes = bytes.slice(got[2]);
      assert.ok(errors.length <= all.length, "errors without end");
    }
    offset += bytes.length;
  }
  const last = native.decodeText(number(name), new Uint8Array(0), state, flags);
  return { text: last === undefined ? text : text + last, errors, ended: last !== undefined };
}

function cut(r, bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length;) {
    const size = r.below(bytes.length - at + 1);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const edges = [0x00, 0x0e, 0x1b, 0x21, 0x24, 0x28, 0x30, 0x39, 0x40, 0x42, 0x5c, 0x7e, 0x80, 0x81, 0x8e, 0x8f, 0xa0, 0xa1, 0xdf, 0xe0, 0xfc, 0xfe, 0xff];
function randomBytes(r, max) {
  return new Uint8Array(r.below(max + 1)).map(() => (r.chance(40) ? r.pick(edges) : r.chance(40) ? r.below(128) : r.below(256)));
}

test(`single-byte encodings decode as Node's, seed ${seed}`, () => {
  const r = random(1);
  const all = new Uint8Array(256).map((_, i) => i);
  for (const name of names.slice(1, 29)) {
    const decoder = new TextDecoder(name);
    assert.equal(show(decode(name, all)), show(decoder.decode(all)), name);
    for (let i = 0; i < 300; i++) {
      const bytes = randomBytes(r, i % 100 === 0 ? 9000 : 24);
      assert.equal(show(decode(name, bytes)), show(decoder.decode(bytes)), `${name} ${show(bytes)}`);
    }
  }
});

// ---- The standard's decoders of several bytes, to the letter: bytes are taken from a queue and given back to it. What is
// in the indexes is host/tables' business; here they are read off the decoders under test, pair by pair.

const EOQ = -1, CONTINUE = -2, FINISHED = -3, ERROR = -4;
const ascii = (b) => b >= 0 && b <= 0x7f;
const within = (b, first, last) => b >= first && b <= last;
const point = (name, bytes) => {
  const text = decode(name, bytes);
  return text.includes("\ufffd") ? null : [...text].map((c) => c.codePointAt(0));
};
const memo = new Map();
function indexed(name, pointer, bytes) {
  const key = `${name} ${pointer}`;
  if (!memo.has(key)) memo.set(key, point(name, bytes));
  return memo.get(key);
}

class PairReference {
  lead = 0;
  constructor(name) { this.name = name; }
  step(b, queue) {
    const { name } = this;
    if (b === EOQ) { if (this.lead === 0) return FINISHED; this.lead = 0; return ERROR; }
    if (this.lead !== 0) {
      const lead = this.lead;
      this.lead = 0;
      const trail = name === "big5" ? within(b, 0x40, 0x7e) || within(b, 0xa1, 0xfe) : name === "shift_jis" ? within(b, 0x40, 0x7e) || within(b, 0x80, 0xfc) : within(b, 0x41, 0xfe);
      const got = trail ? indexed(name, lead * 256 + b, [lead, b]) : null;
      if (got !== null) return got;
      if (ascii(b)) queue.unshift(b);
      return ERROR;
    }
    if (ascii(b)) return b;
    if (name === "shift_jis") {
      if (b === 0x80) return b;
      if (within(b, 0xa1, 0xdf)) return 0xff61 - 0xa1 + b;
      if (within(b, 0x81, 0x9f) || within(b, 0xe0, 0xfc)) { this.lead = b; return CONTINUE; }
      return ERROR;
    }
    if (within(b, 0x81, 0xfe)) { this.lead = b; return CONTINUE; }
    return ERROR;
  }
}

class EucJpReference {
  lead = 0;
  jis0212 = false;
  step(b, queue) {
    if (b === EOQ) { if (this.lead === 0) return FINISHED; this.lead = 0; return ERROR; }
    if (this.lead === 0x8e && within(b, 0xa1, 0xdf)) { this.lead = 0; return 0xff61 - 0xa1 + b; }
    if (this.lead === 0x8f && within(b, 0xa1, 0xfe)) { this.jis0212 = true; this.lead = b; return CONTINUE; }
    if (this.lead !== 0) {
      const lead = this.lead;
      this.lead = 0;
      const got = within(lead, 0xa1, 0xfe) && within(b, 0xa1, 0xfe) ? indexed("euc-jp", (this.jis0212 ? 65536 : 0) + lead * 256 + b, this.jis0212 ? [0x8f, lead, b] : [lead, b]) : null;
      this.jis0212 = false;
      if (got !== null) return got;
      if (ascii(b)) queue.unshift(b);
      return ERROR;
    }
    if (ascii(b)) return b;
    if (b === 0x8e || b === 0x8f || within(b, 0xa1, 0xfe)) { this.lead = b; return CONTINUE; }
    return ERROR;
  }
}

class Gb18030Reference {
  first = 0; second = 0; third = 0;
  step(b, queue) {
    if (b === EOQ) {
      if (this.first === 0 && this.second === 0 && this.third === 0) return FINISHED;
      this.first = this.second = this.third = 0;
      return ERROR;
    }
    if (this.third !== 0) {
      const { first, second, third } = this;
      this.first = this.second = this.third = 0;
      if (!within(b, 0x30, 0x39)) { queue.unshift(second, third, b); return ERROR; }
      return indexed("gb18030", ((first * 256 + second) * 256 + third) * 256 + b, [first, second, third, b]) ?? ERROR;
    }
    if (this.second !== 0) {
      if (within(b, 0x81, 0xfe)) { this.third = b; return CONTINUE; }
      queue.unshift(this.second, b);
      this.first = this.second = 0;
      return ERROR;
    }
    if (this.first !== 0) {
      if (within(b, 0x30, 0x39)) { this.second = b; return CONTINUE; }
      const lead = this.first;
      this.first = 0;
      const got = within(b, 0x40, 0x7e) || within(b, 0x80, 0xfe) ? indexed("gb18030", lead * 256 + b, [lead, b]) : null;
      if (got !== null) return got;
      if (ascii(b)) queue.unshift(b);
      return ERROR;
    }
    if (ascii(b)) return b;
    if (b === 0x80) return 0x20ac;
    if (within(b, 0x81, 0xfe)) { this.first = b; return CONTINUE; }
    return ERROR;
  }
}

class Iso2022JpReference {
  state = "ascii"; output = "ascii"; lead = 0; flag = false;
  step(b, queue) {
    switch (this.state) {
      case "ascii":
      case "roman":
        if (b === 0x1b) { this.state = "escape start"; return CONTINUE; }
        if (b === EOQ) return FINISHED;
        this.flag = false;
        if (!ascii(b) || b === 0x0e || b === 0x0f) return ERROR;
        return this.state === "roman" && b === 0x5c ? 0xa5 : this.state === "roman" && b === 0x7e ? 0x203e : b;
      case "katakana":
        if (b === 0x1b) { this.state = "escape start"; return CONTINUE; }
        if (b === EOQ) return FINISHED;
        this.flag = false;
        return within(b, 0x21, 0x5f) ? 0xff61 - 0x21 + b : ERROR;
      case "lead byte":
        if (b === 0x1b) { this.state = "escape start"; return CONTINUE; }
        if (b === EOQ) return FINISHED;
        this.flag = false;
        if (!within(b, 0x21, 0x7e)) return ERROR;
        this.lead = b;
        this.state = "trail byte";
        return CONTINUE;
      case "trail byte":
        if (b === 0x1b) { this.state = "escape start"; return ERROR; }
        this.state = "lead byte";
        if (!within(b, 0x21, 0x7e)) return ERROR;
        return indexed("euc-jp", (this.lead + 0x80) * 256 + b + 0x80, [this.lead + 0x80, b + 0x80]) ?? ERROR;
      case "escape start":
        if (b === 0x24 || b === 0x28) { this.lead = b; this.state = "escape"; return CONTINUE; }
        if (b !== EOQ) queue.unshift(b);
        this.flag = false;
        this.state = this.output;
        return ERROR;
      case "escape": {
        const lead = this.lead;
        this.lead = 0;
        const set = { 0x2842: "ascii", 0x284a: "roman", 0x2849: "katakana", 0x2440: "lead byte", 0x2442: "lead byte" }[b === EOQ ? 0 : lead * 256 + b];
        if (set !== undefined) {
          this.state = this.output = set;
          const flag = this.flag;
          this.flag = true;
          return flag ? ERROR : CONTINUE;
        }
        if (b === EOQ) queue.unshift(lead); else queue.unshift(lead, b);
        this.flag = false;
        this.state = this.output;
        return ERROR;
      }
    }
  }
}

function reference(decoder, bytes) {
  const queue = [...bytes];
  let text = "";
  for (;;) {
    const result = decoder.step(queue.length === 0 ? EOQ : queue.shift(), queue);
    if (result === FINISHED) return text;
    if (result === CONTINUE) continue;
    text += result === ERROR ? "\ufffd" : Array.isArray(result) ? String.fromCodePoint(...result) : String.fromCodePoint(result);
  }
}

const references = {
  gbk: () => new Gb18030Reference(), gb18030: () => new Gb18030Reference(), big5: () => new PairReference("big5"), "euc-jp": () => new EucJpReference(),
  "iso-2022-jp": () => new Iso2022JpReference(), shift_jis: () => new PairReference("shift_jis"), "euc-kr": () => new PairReference("euc-kr"),
};
test(`encodings of several bytes: the standard's decoders step by step, seed ${seed}`, () => {
  const r = random(5);
  for (const [name, make] of Object.entries(references)) {
    for (let i = 0; i < 6000; i++) {
      const bytes = randomBytes(r, i % 300 === 0 ? 3000 : 16);
      assert.equal(show(decode(name, bytes)), show(reference(make(), bytes)), `${name} ${show(bytes).slice(0, 200)}`);
    }
  }
});

// Bytes in hex; the text, with U+FFFD for errors; read off the standard's decoders step by step.
const cases = [
  ["gb18030", "80", "\u20ac"], ["gb18030", "ff", "\ufffd"], ["gb18030", "81", "\ufffd"], ["gb18030", "8130", "\ufffd"], ["gb18030", "813081", "\ufffd"],
  ["gb18030", "8130812f", "\ufffd0\ufffd/"], ["gb18030", "81308130", "\u0080"], ["gb18030", "8135f437", "\ue7c7"], ["gb18030", "a8bc", "\u1e3f"],
  ["gb18030", "8431a530", "\ufffd"], ["gb18030", "90308130", "\u{10000}"], ["gb18030", "e3329a35", "\u{10ffff}"],
  ["gb18030", "e3329a36", "\ufffd"], ["gb18030", "a6d9fe59", "\ufe10\u9fb4"], ["gb18030", "a3a0", "\u3000"], ["gb18030", "8120", "\ufffd "], ["gb18030", "81ff", "\ufffd"],
  ["gb18030", "81308181", "\ufffd0\u4e96"], ["gbk", "81308130", "\u0080"], ["gbk", "fe50", "\u2e81"],
  ["big5", "8862", "\u00ca\u0304"], ["big5", "8864", "\u00ca\u030c"], ["big5", "88a3", "\u00ea\u0304"], ["big5", "88a5", "\u00ea\u030c"], ["big5", "8740", "\u43f0"],
  ["big5", "8140", "\ufffd@"], ["big5", "8180", "\ufffd"], ["big5", "8789", "\ufffd"],
  ["euc-jp", "8ea1", "\uff61"], ["euc-jp", "8ee0", "\ufffd"], ["euc-jp", "8fa2af", "\u02d8"], ["euc-jp", "8fa2", "\ufffd"], ["euc-jp", "8fa241", "\ufffdA"], ["euc-jp", "a141", "\ufffdA"],
  ["euc-jp", "8f41", "\ufffdA"], ["euc-jp", "a1a1", "\u3000"], ["euc-jp", "80", "\ufffd"],
  ["shift_jis", "5c7e80", "\\~\u0080"], ["shift_jis", "a1df", "\uff61\uff9f"], ["shift_jis", "f040", "\ue000"], ["shift_jis", "f9fc", "\ue757"], ["shift_jis", "a0", "\ufffd"],
  ["shift_jis", "fd", "\ufffd"], ["shift_jis", "8130", "\ufffd0"], ["shift_jis", "8540", "\ufffd@"], ["shift_jis", "85ff", "\ufffd"], ["shift_jis", "ed40", "\u7e8a"],
  ["euc-kr", "8141", "\uac02"], ["euc-kr", "81", "\ufffd"], ["euc-kr", "8130", "\ufffd0"], ["euc-kr", "81ff", "\ufffd"], ["euc-kr", "80", "\ufffd"],
  ["iso-2022-jp", "1b284a5c7e", "\u00a5\u203e"], ["iso-2022-jp", "1b284921", "\uff61"], ["iso-2022-jp", "1b24422121", "\u3000"], ["iso-2022-jp", "1b244221", "\ufffd"],
  ["iso-2022-jp", "1b24401b2842", "\ufffd"], ["iso-2022-jp", "1b", "\ufffd"], ["iso-2022-jp", "1b24", "\ufffd$"], ["iso-2022-jp", "1b2443", "\ufffd$C"], ["iso-2022-jp", "1b41", "\ufffdA"],
  ["iso-2022-jp", "1b2442211b2842", "\ufffd"], ["iso-2022-jp", "80", "\ufffd"], ["iso-2022-jp", "0e0f", "\ufffd\ufffd"], ["iso-2022-jp", "1b244224", "\ufffd"], ["iso-2022-jp", "1b24421b24", "\ufffd\ufffd"],
  ["iso-2022-jp", "1b2442211b24", "\ufffd\ufffd\ufffd"],
  ["x-user-defined", "417f80ff", "A\u007f\uf780\uf7ff"], ["windows-1252", "80819f", "\u20ac\u0081\u0178"], ["iso-8859-7", "ae", "\ufffd"], ["windows-1255", "d9", "\ufffd"],
];
for (const [name, hex, expected] of cases) {
  test(`${name} ${hex}`, () => {
    const bytes = Buffer.from(hex, "hex");
    assert.equal(show(decode(name, bytes)), show(expected));
    assert.equal(decode(name, bytes, keepBOM | fatal), expected.includes("\ufffd") ? undefined : expected);
    assert.equal(show(stream(name, [...bytes].map((b) => Buffer.of(b)), keepBOM).text), show(expected), "byte by byte");
  });
}

test(`every encoding: pieces give what the whole gives, seed ${seed}`, () => {
  const r = random(2);
  for (const name of names) {
    if (name === "replacement") continue;
    for (let i = 0; i < 1500; i++) {
      const bytes = name === "utf-8" ? randomNearUtf8(r, 24) : name.startsWith("utf-16") ? new Uint8Array(Buffer.from(randomString(r, 12), "utf16le")).subarray(r.below(2)) : randomBytes(r, 24);
      const flags = r.pick([0, keepBOM]);
      const whole = native.decodeText(number(name), bytes, 0, flags);
      assert.equal(show(stream(name, cut(r, bytes), flags).text), show(whole), `${name} ${show(bytes)}`);
      const strict = native.decodeText(number(name), bytes, 0, flags | fatal);
      const one = stream(name, [bytes], flags | fatal);
      const pieces = stream(name, cut(r, bytes), flags | fatal);
      // What a piece decoded before its error is lost with it, and an error may only be known when the next piece comes.
      assert.deepEqual([pieces.errors.length, pieces.ended], [one.errors.length, one.ended], `${name} ${show(bytes)}`);
      assert.equal(strict, one.ended && one.errors.length === 0 ? one.text : undefined);
    }
  }
});

test(`utf-16: random units, aligned and not, seed ${seed}`, () => {
  const r = random(4);
  for (let i = 0; i < 5000; i++) {
    const s = randomString(r, i % 50 === 0 ? 4000 : 30);
    const raw = Buffer.from(s, "utf16le");
    const shifted = new Uint8Array(raw.length + 1);
    shifted.set(raw, 1);
    const bytes = shifted.subarray(1);
    const swapped = new Uint8Array(Buffer.from(raw).swap16());
    const wellFormed = s.toWellFormed();
    assert.equal(decode("utf-16le", bytes), wellFormed, show(s));
    assert.equal(decode("utf-16be", swapped), wellFormed, show(s));
    const strict = s.isWellFormed() ? s : undefined;
    assert.equal(decode("utf-16le", bytes, keepBOM | fatal), strict, show(s));
    assert.equal(decode("utf-16be", swapped, keepBOM | fatal), strict, show(s));
    assert.equal(decode("utf-16le", [...bytes, 0x41]), `${wellFormed}\ufffd`);
  }
});

test("a byte order mark goes once, from UTF-8 and UTF-16 alone", () => {
  assert.equal(decode("utf-8", [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0x41], 0), "\ufeffA");
  assert.equal(decode("utf-8", [0xef, 0xbb, 0xbf, 0x41], keepBOM), "\ufeffA");
  assert.equal(decode("utf-16be", [0xfe, 0xff, 0xfe, 0xff], 0), "\ufeff");
  assert.equal(decode("utf-16le", [0xfe, 0xff], 0), "\ufffe");
  assert.equal(decode("gb18030", [0x84, 0x31, 0x95, 0x33], 0), "\ufeff");
  for (const [name, bytes] of [["utf-8", [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf]], ["utf-16le", [0xff, 0xfe, 0xff, 0xfe]]]) {
    assert.equal(stream(name, bytes.map((b) => Buffer.of(b)), 0).text, "\ufeff");
    assert.equal(stream(name, [Buffer.from(bytes.slice(0, bytes.length / 2)), Buffer.from(bytes.slice(bytes.length / 2))], 0).text, "\ufeff");
  }
});

test("after a fatal error the rest of the queue is decoded", () => {
  assert.deepEqual(stream("utf-8", [Buffer.from([0x41, 0xff, 0x42, 0xe2, 0x28])], fatal), { text: "(", errors: [2, 4], ended: true });
  // The second half of a unit was there before the unit turned out to be wrong.
  assert.deepEqual(stream("utf-16le", [Buffer.from([0x3d, 0xd8, 0x61]), Buffer.from([0x00])], fatal), { text: "a", errors: [3], ended: true });
});

test("bad arguments are told", () => {
  for (const args of [[36, new Uint8Array(0), 0, 0], [40, new Uint8Array(0), 0, 0], [-1, new Uint8Array(0), 0, 0], [0, "text", 0, 0], [0, new Uint8Array(0), -1, 0], [0, new Uint8Array(0), 0]]) {
    assert.throws(() => native.decodeText(...args), TypeError);
  }
  assert.throws(() => native.decodeText(number("big5"), new ArrayBuffer(2 ** 29), 0, 0), RangeError);
});
