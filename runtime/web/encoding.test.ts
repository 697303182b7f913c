import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { TextDecoder, TextEncoder } = await import("./encoding.ts");
const { atob, btoa } = await import("./base64.ts");

const bytes = (...b: number[]): Uint8Array => new Uint8Array(b);

const decodings: [string, number[], string][] = [
  ["utf-8", [0xef, 0xbb, 0xbf, 0x61], "a"],
  ["utf-8", [0x61, 0xff, 0x62], "a\ufffdb"],
  [" UTF8\n", [0xe2, 0x82, 0xac], "\u20ac"],
  ["utf-16le", [0xff, 0xfe, 0x61, 0x00], "a"],
  ["utf-16", [0x61, 0x00, 0x62], "a\ufffd"],
  ["utf-16be", [0xd8, 0x3d, 0xde, 0x00], "\u{1f600}"],
  ["utf-16le", [0x3d, 0xd8], "\ufffd"],
  ["latin1", [0x80, 0x81, 0x9f, 0xe9], "\u20ac\u0081\u0178\u00e9"],
  ["ascii", [0xef, 0xbb, 0xbf], "\u00ef\u00bb\u00bf"],
];
for (const [label, input, expected] of decodings) {
  test(`${label.trim()} decodes ${input}`, () => assert.equal(new TextDecoder(label).decode(bytes(...input)), expected));
}

const streams: [string, number[], string[]][] = [
  // Input bytes one at a time; what each call gives, and the last one without stream.
  ["utf-8", [0xf0, 0x9f, 0x98, 0x80], ["", "", "", "\u{1f600}", ""]],
  ["utf-8", [0xf0, 0x9f], ["", "", "\ufffd"]],
  ["utf-8", [0xe0, 0x80, 0x61], ["", "\ufffd\ufffd", "a", ""]],
  ["utf-8", [0xed, 0xa0], ["", "\ufffd\ufffd", ""]],
  ["utf-8", [0xc0, 0xf5], ["\ufffd", "\ufffd", ""]],
  ["utf-8", [0xef, 0xbb, 0xbf, 0x61], ["", "", "", "a", ""]],
  ["utf-16le", [0x3d, 0xd8, 0x00, 0xde], ["", "", "", "\u{1f600}", ""]],
  ["utf-16le", [0x3d, 0xd8, 0x61, 0x00], ["", "", "", "\ufffda", ""]],
  ["utf-16be", [0xfe, 0xff, 0x00, 0x61], ["", "", "", "a", ""]],
];
for (const [label, input, expected] of streams) {
  test(`${label} streams ${input}`, () => {
    const d = new TextDecoder(label);
    for (let round = 0; round < 2; round++) {
      const got = input.map((b) => d.decode(bytes(b), { stream: true }));
      got.push(d.decode());
      assert.deepEqual(got, expected);
    }
  });
}

test("every split of a text gives the text", () => {
  const text = "a\u00e9\u20ac\u{1f600}z";
  const all = new TextEncoder().encode(text);
  for (let i = 0; i <= all.length; i++) {
    for (let j = i; j <= all.length; j++) {
      const d = new TextDecoder("utf-8", { fatal: true });
      const got = d.decode(all.subarray(0, i), { stream: true }) + d.decode(all.subarray(i, j), { stream: true }) + d.decode(all.subarray(j));
      assert.equal(got, text);
    }
  }
});

test("fatal throws a TypeError and starts afresh", () => {
  const d = new TextDecoder("utf-8", { fatal: true });
  assert.throws(() => d.decode(bytes(0xff)), TypeError);
  assert.throws(() => d.decode(bytes(0xe2)), TypeError);
  assert.equal(d.decode(bytes(0x61)), "a");
  assert.throws(() => new TextDecoder("utf-16le", { fatal: true }).decode(bytes(0x61)), TypeError);
});

test("ignoreBOM keeps the mark", () => {
  assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf)), "\ufeff");
});

test("labels", () => {
  assert.equal(new TextDecoder().encoding, "utf-8");
  assert.equal(new TextDecoder("ISO-8859-1").encoding, "windows-1252");
  assert.throws(() => new TextDecoder("nope"), { name: "RangeError", message: /"nope"/ });
  assert.throws(() => new TextDecoder("replacement"), RangeError);
  assert.equal(new TextDecoder("SJIS").decode(bytes(0x93, 0xfa)), "\u65e5");
  assert.throws(() => new TextDecoder("\u212aoi8-r"), { name: "RangeError", message: /is not the label/ });
});

test("decode wants bytes", () => {
  assert.equal(new TextDecoder().decode(undefined), "");
  assert.equal(new TextDecoder().decode(new DataView(bytes(0x61, 0x62, 0x63).buffer, 1, 1)), "b");
  assert.throws(() => new TextDecoder().decode("a"), TypeError);
  assert.throws(() => TextDecoder.prototype.decode.call({}, bytes()), TypeError);
});

test("TextEncoder", () => {
  const e = new TextEncoder();
  assert.deepEqual([...e.encode()], []);
  assert.deepEqual([...e.encode("\u20ac\ud800")], [0xe2, 0x82, 0xac, 0xef, 0xbf, 0xbd]);
  const into = bytes(0, 0, 0, 0);
  assert.deepEqual(e.encodeInto("a\u20acb", into), { read: 2, written: 4 });
  assert.throws(() => e.encodeInto("a", new Uint16Array(1)), TypeError);
});

test("atob and btoa", () => {
  assert.equal(btoa("a\u00ff"), "Yf8=");
  assert.equal(atob(" Yf8= "), "a\u00ff");
  assert.throws(() => btoa("\u0100"), { name: "InvalidCharacterError" });
  assert.throws(() => atob("a"), { name: "InvalidCharacterError" });
  assert.throws(() => (atob as () => void)(), TypeError);
});
