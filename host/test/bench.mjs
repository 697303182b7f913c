// How long the hot operations take, beside what Node offers for the same: `make -C host/test bench`. Nanoseconds per
// call, the least of several rounds, so that a busy machine disturbs little.
import { native } from "./support.mjs";

const rounds = 15;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const scratch = new Uint8Array(65536);
let sink;

function measure(f) {
  let n = 1;
  for (;;) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < n; i++) sink = f();
    if (process.hrtime.bigint() - start > 4_000_000n) break;
    n *= 2;
  }
  let best = Infinity;
  for (let r = 0; r < rounds; r++) {
    globalThis.gc?.();
    const start = process.hrtime.bigint();
    for (let i = 0; i < n; i++) sink = f();
    const each = Number(process.hrtime.bigint() - start) / n;
    if (each < best) best = each;
  }
  return best;
}

const repeat = (s, bytes) => s.repeat(Math.ceil(bytes / encoder.encode(s).length));
const texts = {
  "11 ASCII": "hello world",
  "100 ASCII": repeat("hello world, ", 100),
  "10 KB ASCII": repeat("hello world, ", 10240),
  "20 Latin-1": "größer, schöner, süß",
  "10 KB Latin-1": repeat("größer, schöner, süß ", 10240),
  "30 Chinese": "天地玄黃宇宙洪荒",
  "10 KB Chinese": repeat("天地玄黃宇宙洪荒", 10240),
  "10 KB mixed": repeat("a mostly ASCII text — with dashes… and 😀 ", 10240),
};

const rows = [];
const row = (name, mine, theirs) => rows.push([name, measure(mine), theirs === undefined ? NaN : measure(theirs)]);

row("(call of an operation)", () => native.isLatin1(""), undefined);
for (const [name, text] of Object.entries(texts)) {
  const s = Buffer.from(text).toString(); // Flat.
  const bytes = new Uint8Array(encoder.encode(s));
  row(`utf8Encode ${name}`, () => native.utf8Encode(s), () => encoder.encode(s));
  row(`utf8EncodeInto ${name}`, () => native.utf8EncodeInto(s, scratch), () => encoder.encodeInto(s, scratch));
  row(`utf8Decode ${name}`, () => native.utf8Decode(bytes, false), () => decoder.decode(bytes));
}
const invalid = new Uint8Array(10240).map((_, i) => (i % 7 === 0 ? 0xff : 0x61));
row("utf8Decode 10 KB invalid", () => native.utf8Decode(invalid, false), () => decoder.decode(invalid));
const long = "https://user:pass@www.example.com:8443/a/long/path/with/segments?query=string&and=more#fragment";
row("urlParse short", () => native.urlParse("https://example.com/", undefined), () => new URL("https://example.com/"));
row("urlParse long", () => native.urlParse(long, undefined), () => new URL(long));
row("urlParse relative", () => native.urlParse("../x?y", long), () => new URL("../x?y", long));
row("urlCanParse long", () => native.urlCanParse(long, undefined), () => URL.canParse(long));
const url = new URL(long);
row("urlSet search", () => native.urlSet(long, 8, "?a=b"), () => { url.search = "?a=b"; return url; });
const form = "name=value&other=some+words&escaped=%E4%B8%AD%20x&last=";
const pairs = native.formDecode(form);
const params = new URLSearchParams(form);
row("formDecode 4 pairs", () => native.formDecode(form), () => new URLSearchParams(form));
row("formEncode 4 pairs", () => native.formEncode(pairs), () => params.toString());
const large = form.repeat(100);
row("formDecode 400 pairs", () => native.formDecode(large), () => new URLSearchParams(large));
const base64 = btoa("x".repeat(10240));
const binary = atob(base64);
row("atob 10 KB", () => native.atob(base64), () => atob(base64));
row("btoa 10 KB", () => native.btoa(binary), () => btoa(binary));
row("btoa 11", () => native.btoa("user:secret"), () => btoa("user:secret"));
row("randomUUID", () => native.randomUUID(), () => crypto.randomUUID());
const sixteen = new Uint8Array(16);
row("randomFill 16", () => native.randomFill(sixteen), () => crypto.getRandomValues(sixteen));
row("digest SHA-256 of 16", () => native.digest("SHA-256", sixteen), undefined);
row("digest SHA-256 of 64 KB", () => native.digest("SHA-256", scratch), undefined);
row("typeTag", () => native.typeTag(sixteen), undefined);
const value = { a: 1, b: ["x", { c: true }], d: new Date(0) };
const no = () => false;
row("structuredClone small", () => native.structuredClone(value, [], no, no, no, no), () => structuredClone(value));

console.log("ns per call".padEnd(32) + "native".padStart(10) + "Node".padStart(10));
for (const [name, mine, theirs] of rows) console.log(name.padEnd(32) + mine.toFixed(0).padStart(10) + (Number.isNaN(theirs) ? "-" : theirs.toFixed(0)).padStart(10));
