import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { Blob, File } = await import("./blob.ts");
const { concatBytes } = await import("./bytes.ts");
const { FormData, createFormData, formDataEntries } = await import("./form-data.ts");
const { encodeMultipart, multipartHeaderBytesMax, parseMultipart } = await import("./multipart.ts");

type Entry = [string, string | InstanceType<typeof File>];
const entries = (f: object): Entry[] => [...(f as Iterable<Entry>)];
const bytes = (s: string): Uint8Array => new Uint8Array(Buffer.from(s, "latin1"));
const parse = (s: string): unknown[] => parseMultipart(bytes(s), "B");

test("what is serialised is parsed again, byte for byte", async () => {
  const form = new FormData();
  const binary = new Uint8Array(256).map((_, i) => i);
  form.append("text", "a\nb\r\nc");
  form.append('na"me\r\n', "ü");
  form.append("file", new File([binary, "\r\n--x"], 'fi"le\n.bin', { type: "application/x-thing" }));
  form.append("blob", new Blob(["z"]));
  form.append("empty", new File([], "none"));
  const { boundary, parts, size } = encodeMultipart(formDataEntries(form));
  const whole = concatBytes(parts, size);
  assert.equal(whole.length, size);
  const back = entries(createFormData(parseMultipart(whole, boundary)));
  assert.deepEqual(back.map(([k]) => k), ["text", 'na"me\r\n', "file", "blob", "empty"]);
  assert.equal(back[0]![1], "a\r\nb\r\nc");
  assert.equal(back[1]![1], "ü");
  const file = back[2]![1] as InstanceType<typeof File>;
  assert.equal(file.name, 'fi"le\n.bin');
  assert.equal(file.type, "application/x-thing");
  assert.deepEqual(await file.bytes(), new Uint8Array([...binary, 13, 10, 45, 45, 120]));
  assert.equal((back[3]![1] as InstanceType<typeof File>).name, "blob");
  assert.equal((back[3]![1] as InstanceType<typeof File>).type, "application/octet-stream");
  assert.equal((back[4]![1] as InstanceType<typeof File>).size, 0);
});

test("bodies of real clients", () => {
  const part = '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n';
  assert.deepEqual(parse(`${part}--B--`), ["a", "1"], "no line break at the end");
  assert.deepEqual(parse(`\r\n${part}--B--\r\nepilogue`), ["a", "1"]);
  assert.deepEqual(parse('--B\r\nContent-Disposition: form-data;name=a;x="y;z"\r\n\r\n\r\n--B--\r\n'), ["a", ""]);
  assert.deepEqual(parse('--B\r\ncontent-disposition: FORM-DATA; name="a\\"b"\r\nX-Other: 1\r\n\r\nv\r\n--B--\r\n'), ['a"b', "v"]);
  assert.deepEqual(parse('--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xef\xbb\xbfx\r\n--B--\r\n'), ["a", "\ufeffx"], "the byte order mark stays");
  assert.deepEqual(parse("--B--\r\n"), []);
});

test("malformed bodies are TypeErrors", () => {
  const head = '--B\r\nContent-Disposition: form-data; name="a"\r\n';
  const bad = [
    "",
    "--C\r\n",
    head,
    `${head}\r\n1`,
    `${head}\r\n1\r\n--B`,
    `${head}\r\n1\r\n--B-Random junk`,
    `--B\r\n\r\n1\r\n--B--\r\n`,
    `--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--\r\n`,
    `--B\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--B--\r\n`,
    `--B\r\nContent-Disposition: form-data; name="a\r\n\r\n1\r\n--B--\r\n`,
    `--B\r\nno colon\r\n\r\n1\r\n--B--\r\n`,
    `${head}X: ${"y".repeat(multipartHeaderBytesMax)}\r\n\r\n1\r\n--B--\r\n`,
  ];
  for (const b of bad) assert.throws(() => parse(b), TypeError, JSON.stringify(b.slice(0, 80)));
});

test("FormData: entries, files, overloads", () => {
  const f = new FormData();
  f.append("a", 1);
  f.append("b", new Blob(["x"]), "n.txt");
  f.set("a", "2");
  f.append("a", "3");
  assert.deepEqual(f.getAll("a"), ["2", "3"]);
  assert.equal((f.get("b") as InstanceType<typeof File>).name, "n.txt");
  assert.throws(() => f.append("a", "x", "y"), TypeError);
  assert.throws(() => new FormData({}), TypeError);
  f.delete("a");
  assert.equal(f.has("a"), false);
  assert.equal(f.get("a"), null);
  assert.deepEqual(entries(f).map(([k]) => k), ["b"]);
});
