// codecNew, codecStep and codecFree against Node's zlib module.
import { test } from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import zlib from "node:zlib";
import { native, random, seed } from "./support.mjs";

const names = ["deflate", "deflate-raw", "gzip", "brotli", "zstd"];
const ours = { wantsInput: 0, hasMore: 1, ended: 2, corrupt: 3, noMemory: 4 };
const theirs = {
  deflate: [zlib.deflateSync, zlib.inflateSync], "deflate-raw": [zlib.deflateRawSync, zlib.inflateRawSync], gzip: [zlib.gzipSync, zlib.gunzipSync],
  brotli: [zlib.brotliCompressSync, zlib.brotliDecompressSync], zstd: [zlib.zstdCompressSync, zlib.zstdDecompressSync],
};

/** Everything through one codec: the output, the status at the end and how much input was taken. */
function run(format, decompress, pieces) {
  const codec = native.codecNew(names.indexOf(format), decompress);
  const out = [];
  let taken = 0, status = ours.wantsInput;
  const feed = (bytes, finish) => {
    let at = 0;
    for (;;) {
      const [output, n, now] = native.codecStep(codec, bytes, at, finish);
      assert.ok(output === undefined || (output.length > 0 && output.length <= 65536));
      assert.ok(n <= 65536);
      if (output !== undefined) out.push(output);
      at += n;
      taken += n;
      status = now;
      if (status >= ours.ended || (status === ours.wantsInput && at === bytes.length)) return;
    }
  };
  for (const piece of pieces) if (status < ours.ended && piece.length > 0) feed(piece, false);
  if (status < ours.ended) feed(new Uint8Array(0), true);
  native.codecFree(codec);
  return { bytes: Buffer.concat(out), status, taken };
}

function sample(r, size) {
  const kind = r.below(3);
  return Buffer.from(new Uint8Array(size).map((_, i) => (kind === 0 ? 0 : kind === 1 ? r.below(256) : "the quick brown fox "[(i * 7 + (i >> 5)) % 20].charCodeAt(0))));
}
function cut(r, bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length;) {
    const size = r.chance(50) ? 1 + r.below(16) : r.below(bytes.length - at) + 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

for (const format of names) {
  test(`${format}: both ways, in pieces, seed ${seed}`, () => {
    const r = random(names.indexOf(format));
    for (let i = 0; i < 60; i++) {
      const text = sample(r, i === 0 ? 0 : i % 10 === 0 ? r.below(2_000_000) : r.below(3000));
      const packed = run(format, false, cut(r, text));
      assert.equal(packed.status, ours.ended);
      assert.equal(packed.taken, text.length);
      assert.ok(theirs[format][1](packed.bytes).equals(text));
      const theirPacked = theirs[format][0](text);
      const unpacked = run(format, true, cut(r, theirPacked));
      assert.equal(unpacked.status, ours.ended);
      assert.ok(unpacked.bytes.equals(text));
    }
  });

  test(`${format}: every truncation is seen, input after the end is not taken`, () => {
    const packed = theirs[format][0](Buffer.from("expected output, and some more of it"));
    for (let size = 0; size < packed.length; size++) assert.equal(run(format, true, [packed.subarray(0, size)]).status, ours.wantsInput, `${size}`);
    const extra = run(format, true, [Buffer.concat([packed, Buffer.from([0])])]);
    assert.equal(extra.bytes.toString(), "expected output, and some more of it");
    if (format === "zstd") assert.equal(extra.status, ours.corrupt); // It expects another frame.
    else assert.deepEqual([extra.status, extra.taken], [ours.ended, packed.length]);
  });

  test(`${format}: damaged input never does harm, seed ${seed}`, () => {
    const r = random(10 + names.indexOf(format));
    const packed = theirs[format][0](sample(r, 20000));
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(packed);
      for (let n = 1 + r.below(4); n > 0; n--) bytes[r.below(Math.min(bytes.length, r.chance(50) ? 40 : bytes.length))] = r.below(256);
      assert.ok(run(format, true, cut(r, bytes)).status !== undefined);
    }
  });
}

test("gzip: header fields, checksums, one member", () => {
  const plain = zlib.gzipSync("text");
  const head = (flags, ...extra) => Buffer.concat([Buffer.from([31, 139, 8, flags, 0, 0, 0, 0, 0, 3, ...extra]), plain.subarray(10)]);
  const status = (bytes) => run("gzip", true, [bytes]).status;
  assert.equal(status(head(1)), ours.ended);
  assert.equal(status(head(4, 3, 0, 9, 9, 9)), ours.ended);
  assert.equal(status(head(8, 65, 66, 0)), ours.ended);
  assert.equal(status(head(16, 65, 0)), ours.ended);
  assert.equal(status(head(2, 0, 0)), ours.corrupt, "wrong CRC16");
  assert.equal(status(head(32)), ours.corrupt, "reserved flag");
  for (let i = 1; i <= 8; i++) {
    const bytes = Buffer.from(plain);
    bytes[bytes.length - i] ^= 1;
    assert.equal(status(bytes), ours.corrupt, `trailer ${i}`);
  }
  const two = run("gzip", true, [Buffer.concat([plain, plain])]);
  assert.deepEqual([two.status, two.taken], [ours.ended, plain.length]);
});

test("deflate: a preset dictionary is an error", () => {
  const packed = zlib.deflateSync("hello hello", { dictionary: Buffer.from("hello") });
  assert.equal(run("deflate", true, [packed]).status, ours.corrupt);
});

test("zstd: frames in a row, skippable ones, a window over 8 MiB", () => {
  const a = zlib.zstdCompressSync("one "), b = zlib.zstdCompressSync("two");
  const skip = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
  const r = random(20);
  for (let i = 0; i < 50; i++) assert.deepEqual(run("zstd", true, cut(r, Buffer.concat([skip, a, skip, b]))), { bytes: Buffer.from("one two"), status: ours.ended, taken: a.length + b.length + 20 });
  const { ZSTD_c_windowLog } = zlib.constants;
  const stream = (log) => zlib.zstdCompressSync(Buffer.alloc(20 << 20, "x"), { params: { [ZSTD_c_windowLog]: log, [zlib.constants.ZSTD_c_contentSizeFlag]: 0 } });
  assert.equal(run("zstd", true, [stream(23)]).status, ours.ended);
  assert.equal(run("zstd", true, [stream(24)]).status, ours.corrupt);
});

test("a bomb comes out piece by piece", () => {
  const bomb = zlib.gzipSync(Buffer.alloc(50 << 20));
  const codec = native.codecNew(2, true);
  let at = 0, steps = 0;
  while (steps < 10) {
    const [output, n, status] = native.codecStep(codec, bomb, at, false);
    assert.equal(output.length, 65536);
    assert.equal(status, ours.hasMore);
    at += n;
    steps++;
  }
  assert.ok(at <= 65536);
  native.codecFree(codec);
});

test("what is not a codec, or was freed, is refused", () => {
  const codec = native.codecNew(0, false);
  native.codecFree(codec);
  for (const not of [codec, new ArrayBuffer(1 << 20), new ArrayBuffer(0), {}, undefined, new Uint8Array(1 << 20)]) {
    assert.throws(() => native.codecStep(not, new Uint8Array(1), 0, false), { name: "TypeError", message: /is not a codec/ });
    assert.throws(() => native.codecFree(not), TypeError);
  }
  assert.throws(() => native.codecNew(5, true), TypeError);
  assert.throws(() => native.codecNew("gzip", true), TypeError);
  const good = native.codecNew(0, false);
  for (const from of [-1, 2, NaN, Infinity, "0"]) assert.throws(() => native.codecStep(good, new Uint8Array(1), from, false), TypeError);
  assert.throws(() => native.codecStep(good, "text", 0, false), TypeError);
});

test("codecs are freed when they are collected, and V8 knows what they cost", () => {
  const code = `
    import { native } from ${JSON.stringify(new URL("./support.mjs", import.meta.url).href)};
    const input = new Uint8Array(100000).map((_, i) => i * i);
    for (let format = 0; format < 5; format++)
      for (const decompress of [false, true])
        for (let i = 0; i < 500; i++) native.codecStep(native.codecNew(format, decompress), decompress ? input.subarray(0, 0) : input, 0, false);
    console.log(process.resourceUsage().maxRSS < 700000);`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
  assert.equal(stdout, "true\n", stderr);
});

test("no memory is a RangeError, not the end of the process", () => {
  const code = `
    import { native } from ${JSON.stringify(new URL("./support.mjs", import.meta.url).href)};
    const kept = [];
    try { for (;;) kept.push(native.codecNew(3, false)); } catch (e) { console.log(kept.length > 0, e instanceof RangeError); }
    kept.length = 0;
    console.log(native.utf8Encode("still here").length);`;
  // What is left when the operation gets nothing may be too little for V8's own collector, which ends the process. With
  // another limit something else is left.
  let limit = 1_500_000; // KiB
  const run = () => spawnSync("sh", ["-c", 'ulimit -v "$0"; exec "$1" --input-type=module -e "$2"', String(limit), process.execPath, code], { encoding: "utf8" });
  let { stdout, stderr } = run();
  for (; stdout === "" && stderr.includes("JavaScript heap out of memory") && limit < 4_500_000; limit += 150_000) ({ stdout, stderr } = run());
  assert.equal(stdout, "true true\n10\n", `with ${limit} KiB: ${stderr}`);
});
