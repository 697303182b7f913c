import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { URL } = await import("./url.ts");
const { URLSearchParams } = await import("./url-search-params.ts");
type Props = "href" | "origin" | "protocol" | "username" | "password" | "host" | "hostname" | "port" | "pathname" | "search" | "hash";
const props: Props[] = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
const NodeURL = (globalThis as never as { URL: new (u: string) => Record<Props, string> }).URL;

test("getters cut the right parts", () => {
  const urls = [
    "https://user:pass@example.com:1234/foo/bar?baz#quux",
    "https://user@example.com/",
    "https://:pass@example.com/?#",
    "http://[::1]:8080/?a=b",
    "http://example.com",
    "file:///etc/passwd",
    "mailto:a@b.c?subject=x#y",
    "data:text/plain,hello",
    "web+demo:/.//not-a-host/",
    "blob:https://example.com/id",
    "ftp://h/;type=a",
  ];
  for (const text of urls) {
    const ours = new URL(text);
    const node = new NodeURL(text);
    for (const p of props) assert.equal(ours[p], node[p], `${text} ${p}`);
    assert.equal(String(ours), node.href);
    assert.equal(JSON.stringify(ours), JSON.stringify(node.href));
  }
});

test("searchParams and search follow each other", () => {
  const u = new URL("https://h/p?a=1&b=2#f");
  const params = u.searchParams;
  assert.equal(u.searchParams, params);
  assert.equal(params.get("b"), "2");
  params.append("c", "x y");
  assert.equal(u.href, "https://h/p?a=1&b=2&c=x+y#f");
  u.search = "?z=9";
  assert.equal(params.size, 1);
  assert.equal(params.get("z"), "9");
  u.href = "https://h/?q=%F0%9F%98%80";
  assert.equal(params.get("q"), "😀");
  params.delete("q");
  assert.equal(u.href, "https://h/");
});

test("invalid URLs are TypeErrors or null, and setters that fail change nothing", () => {
  assert.throws(() => new URL("nope"), TypeError);
  assert.equal(URL.parse("nope"), null);
  assert.equal(URL.parse("x", "https://h/a/b")!.href, "https://h/a/x");
  assert.equal(URL.canParse("x", "https://h"), true);
  assert.equal(URL.canParse("nope"), false);
  const u = new URL("https://h:8443/");
  u.port = "";
  assert.equal(u.href, "https://h/");
  u.protocol = "mailto";
  assert.equal(u.protocol, "https:");
  assert.throws(() => {
    u.href = "nope";
  }, TypeError);
  assert.equal(u.href, "https://h/");
});

test("URLSearchParams: lists, values, order", () => {
  const p = new URLSearchParams("?a=1&a=2&b=%zz");
  assert.deepEqual(p.getAll("a"), ["1", "2"]);
  assert.equal(p.has("a", "2"), true);
  assert.equal(p.has("a", "3"), false);
  assert.equal(p.has("a", undefined), true);
  p.delete("a", "1");
  assert.equal(String(p), "a=2&b=%25zz");
  p.set("b", "3");
  p.set("c", "4");
  assert.equal(String(p), "a=2&b=3&c=4");
  const s = new URLSearchParams([["\ufffd", "1"], ["\ud83d\ude00", "2"], ["a", "3"], ["a", "4"]]);
  s.sort();
  assert.deepEqual([...(s as unknown as Iterable<[string, string]>)].map(([, v]) => v), ["3", "4", "2", "1"]);
  assert.equal(String(new URLSearchParams({ a: "b", c: 1 })), "a=b&c=1");
  assert.equal(String(new URLSearchParams({ "\ud835x": "1", xx: "2", "\ud83dx": "3" })), "%EF%BF%BDx=3&xx=2");
  assert.throws(() => new URLSearchParams([["a"]]), TypeError);
});
