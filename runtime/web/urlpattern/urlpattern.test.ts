import assert from "node:assert/strict";
import { test } from "node:test";
import "../../testing/mock-native.ts";

const { URLPattern } = await import("./urlpattern.ts");

type Result = { [name: string]: { input: string; groups: { [name: string]: string | undefined } } } & { inputs: unknown[] };
const pattern = (...args: unknown[]): InstanceType<typeof URLPattern> => new (URLPattern as new (...args: unknown[]) => InstanceType<typeof URLPattern>)(...args);
const exec = (p: InstanceType<typeof URLPattern>, ...args: unknown[]): Result | null => (p.exec as (...args: unknown[]) => Result | null).call(p, ...args);

test("a string is taken apart", () => {
  const p = pattern("https://:user@*.example.com:8080/a/:id(\\d+)/*\\?q=:q#top");
  const { protocol, username, password, hostname, port, pathname, search, hash } = p;
  assert.deepEqual([protocol, username, password, hostname, port, pathname, search, hash], ["https", ":user", "*", "*.example.com", "8080", "/a/:id(\\d+)/*", "q=:q", "top"]);
  assert.equal(p.hasRegExpGroups, true);
  const found = exec(p, "https://me@x.example.com:8080/a/12/b/c?q=z#top")!;
  assert.deepEqual({ ...found["pathname"]!.groups }, { 0: "b/c", id: "12" });
  assert.deepEqual({ ...found["username"]!.groups }, { user: "me" });
  assert.deepEqual(found.inputs, ["https://me@x.example.com:8080/a/12/b/c?q=z#top"]);
  assert.deepEqual(Object.keys(found), ["hash", "hostname", "inputs", "password", "pathname", "port", "protocol", "search", "username"]);
  assert.equal(p.test("https://me@x.example.com:8080/a/x/b/c?q=z#top"), false);
});

test("relative strings, base URLs, dictionaries", () => {
  assert.equal(pattern("/foo?", "https://example.com/x/y?z").pathname, "/foo");
  assert.equal(pattern({ pathname: "b", baseURL: "https://example.com/a/c" }).pathname, "/a/b");
  assert.equal(pattern({ protocol: "https", port: "443" }).port, "");
  assert.equal(pattern("data\\:foobar").pathname, "foobar");
  assert.equal(pattern("https://{[\\:\\:ab\\:1]}/").hostname, "[\\:\\:ab\\:1]");
  assert.equal(pattern({ pathname: "/A" }, { ignoreCase: true }).test({ pathname: "/a" }), true);
  assert.throws(() => pattern("/foo"), TypeError);
  assert.throws(() => pattern({}, "https://example.com"), TypeError);
  assert.throws(() => pattern({}).test({}, "https://example.com"), TypeError);
  assert.equal(pattern({}).test("/x", "https://example.com"), true);
  assert.equal(pattern({}).test("/x"), false);
});

test("mistakes are TypeErrors", () => {
  for (const wrong of ["(", "(?x)", "(a(b))", "{a", "a}", ":", "/:a/:a", "\\", "(\u00e9)", "([)", "(*)"]) assert.throws(() => pattern({ pathname: wrong }), TypeError, wrong);
  assert.throws(() => pattern({ protocol: "\u2764" }), TypeError);
});

test("overloads", () => {
  assert.equal(pattern().pathname, "*");
  assert.equal(pattern(undefined, undefined).pathname, "*");
  assert.equal(pattern("/a", "https://h", {}).pathname, "/a");
  assert.throws(() => pattern("https://h/a", undefined, {}), TypeError, "undefined is a string here");
  assert.throws(() => pattern("https://h/a", 5), TypeError);
});

test("compareComponent, generate", () => {
  assert.equal(URLPattern.compareComponent("pathname", pattern({ pathname: "/foo/:b" }), pattern({ pathname: "/foo/*" })), 1);
  assert.throws(() => URLPattern.compareComponent("x", pattern(), pattern()), TypeError);
  assert.throws(() => URLPattern.compareComponent("hash", pattern(), {}), TypeError);
  assert.equal(pattern({ pathname: "/a/:b/c" }).generate("pathname", { b: "x y" }), "/a/x%20y/c");
  assert.throws(() => pattern({ pathname: "/a/:b" }).generate("pathname", { b: "x/y" }), TypeError);
  assert.throws(() => pattern({ pathname: "/a/:b" }).generate("pathname", { b: "" }), TypeError);
});

test("names of groups that objects have already", () => {
  const groups = exec(pattern({ pathname: "/:__proto__/:constructor" }), { pathname: "/a/b" })!["pathname"]!.groups;
  assert.deepEqual(Object.getOwnPropertyDescriptor(groups, "__proto__"), { value: "a", writable: true, enumerable: true, configurable: true });
  assert.equal(groups["constructor"], "b");
  assert.equal(Object.getPrototypeOf(groups), Object.prototype);
});

test("poisoned prototypes change nothing", () => {
  const { exec: regExpExec, test: regExpTest } = RegExp.prototype;
  const original = { flags: Object.getOwnPropertyDescriptor(RegExp.prototype, "flags")!, replace: String.prototype.replace, push: Array.prototype.push, slice: String.prototype.slice };
  const poison = (): never => {
    throw new Error("poisoned");
  };
  let result: Result | null;
  RegExp.prototype.exec = poison;
  RegExp.prototype.test = poison;
  Object.defineProperty(RegExp.prototype, "flags", { get: poison, configurable: true });
  String.prototype.replace = poison;
  String.prototype.slice = poison;
  Array.prototype.push = poison;
  try {
    result = exec(pattern({ pathname: "/:id(\\d+)/*" }), { pathname: "/12/x" });
  } finally {
    RegExp.prototype.exec = regExpExec;
    RegExp.prototype.test = regExpTest;
    Object.defineProperty(RegExp.prototype, "flags", original.flags);
    String.prototype.replace = original.replace;
    String.prototype.slice = original.slice;
    Array.prototype.push = original.push;
  }
  assert.equal(result!["pathname"]!.groups["id"], "12");
});

test("a regular expression is only made when it is needed", () => {
  const p = pattern({ hostname: "example.com" });
  assert.equal(p.test("https://example.com/any?thing#here"), true);
  assert.equal(p.test("https://example.org/"), false);
});
