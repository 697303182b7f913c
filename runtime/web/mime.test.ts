import crypto from "node:crypto";
import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { extractMimeType, parseMimeType, serializeMimeType, splitHeaderValue } = await import("./mime.ts");
const { processDataUrl } = await import("./fetch/data-url.ts");
const { hasIntegrity, matchesIntegrity } = await import("./fetch/integrity.ts");

const round = (s: string): string | undefined => {
  const m = parseMimeType(s);
  return m && serializeMimeType(m);
};

test("MIME types are parsed and serialised as the standard says", () => {
  const table: [string, string | undefined][] = [
    ["text/html", "text/html"],
    [" TEXT/HTML ; Charset=UTF-8 ;x", "text/html;charset=UTF-8"],
    ['a/b;c="d e\\"f";c=g', 'a/b;c="d e\\"f"'],
    ['a/b;c="d', "a/b;c=d"],
    ['a/b;c="";d=;e=f', 'a/b;c="";e=f'],
    ["a/b;ü=1;x=\u0100", "a/b"],
    ["", undefined],
    ["a", undefined],
    ["/b", undefined],
    ["a/", undefined],
    ["a b/c", undefined],
    ["a/b c", undefined],
  ];
  for (const [input, expected] of table) assert.equal(round(input), expected, input);
});

test("the last usable value of Content-Type counts", () => {
  const extract = (s: string | null): string | undefined => {
    const m = extractMimeType(s);
    return m && serializeMimeType(m);
  };
  assert.equal(extract(null), undefined);
  assert.equal(extract("*/*"), undefined);
  assert.equal(extract("text/plain;charset=gbk, text/html"), "text/html");
  assert.equal(extract("text/html;charset=gbk;a=b, text/html;x=y"), "text/html;x=y;charset=gbk");
  assert.equal(extract("text/plain, nonsense, */*"), "text/plain");
  assert.deepEqual(splitHeaderValue('a, "b,\\"c" ,d'), ["a", '"b,\\"c"', "d"]);
});

test("data: URLs", () => {
  const run = (s: string): [string, string] | undefined => {
    const d = processDataUrl(s);
    return d && [d.type, Buffer.from(d.body).toString("latin1")];
  };
  assert.deepEqual(run("data:,a%20b%zz%4"), ["text/plain;charset=US-ASCII", "a b%zz%4"]);
  assert.deepEqual(run("data:;charset=x,"), ["text/plain;charset=x", ""]);
  assert.deepEqual(run("data:a/b;  BASE64,%61A=="), ["a/b", "h"]);
  assert.deepEqual(run("data:base64,aA"), ["text/plain;charset=US-ASCII", "aA"]);
  assert.equal(run("data:;base64,a"), undefined);
  assert.equal(run("data:text/plain"), undefined);
});

test("integrity takes the strongest algorithm", () => {
  const bytes = new TextEncoder().encode("x");
  const digest = (name: string): string => Buffer.from(crypto.createHash(name).update(bytes).digest()).toString("base64");
  assert.equal(hasIntegrity("md5-x nothing"), false);
  assert.equal(matchesIntegrity(bytes, `sha256-${digest("sha256")}`), true);
  assert.equal(matchesIntegrity(bytes, `sha256-${digest("sha256")} sha512-AAAA`), false);
  assert.equal(matchesIntegrity(bytes, `sha512-AAAA\tsha512-${digest("sha512")}?x`), true);
});
