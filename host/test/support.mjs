// What the tests of the host's leaf operations share: the addon, and random input from a printed seed.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const native = createRequire(import.meta.url)(fileURLToPath(new URL(`../../build/host-test/${process.env.SKERRY_LEAF ?? "leaf.node"}`, import.meta.url)));

/** Set SEED to repeat a failure. */
export const seed = Number(process.env.SEED ?? 20240607);

/** mulberry32: next() is a uint32, below(n) is in [0, n). */
export function random(salt = 0) {
  let state = (seed + salt * 0x9e3779b9) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n) => next() % n;
  return { next, below, pick: (list) => list[below(list.length)], chance: (percent) => below(100) < percent };
}

/** A string of up to max units drawn from one of several alphabets, lone surrogates among them. */
export function randomString(r, max) {
  const kind = r.below(6);
  const n = r.below(max + 1);
  let s = "";
  for (let i = 0; i < n; i++) {
    const c = kind === 0 ? r.below(128)
      : kind === 1 ? r.below(256)
      : kind === 2 ? r.below(0x800)
      : kind === 3 ? r.below(0x10000)
      : kind === 4 ? 0x10000 + r.below(0x100000)
      : r.chance(10) ? 0xd800 + r.below(0x800) : r.chance(50) ? r.below(128) : r.below(0x110000);
    s += c < 0x10000 ? String.fromCharCode(c) : String.fromCodePoint(c);
  }
  return s;
}

/** Bytes that are nearly UTF-8: valid text with bytes cut out, changed and put in. */
export function randomNearUtf8(r, max) {
  let bytes = Buffer.from(randomString(r, max));
  for (let i = r.below(4); i > 0 && bytes.length > 0; i--) {
    const at = r.below(bytes.length);
    const kind = r.below(3);
    if (kind === 0) bytes[at] = r.below(256);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([r.pick([0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff])]), bytes.subarray(at)]);
  }
  return new Uint8Array(bytes);
}

/** For messages: the units of a string, or the bytes of an array, in hex. */
export function show(v) {
  if (typeof v === "string") return `"${[...Array(v.length).keys()].map((i) => v.charCodeAt(i).toString(16)).join(" ")}"`;
  return Buffer.from(v.buffer ?? v, v.byteOffset, v.byteLength).toString("hex");
}
