// URL operations against Node's URL and URLSearchParams, and against the Web Platform Tests' favourite traps.
import { test } from "node:test";
import assert from "node:assert/strict";
import { native, random, randomString, seed, show } from "./support.mjs";

const none = 0xffffffff;
const parts = ["href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

/** The getters of the URL interface from a UrlRecord, as the runtime layer computes them. */
function getters([href, protocolEnd, usernameEnd, hostStart, hostEnd, port, pathnameStart, searchStart, hashStart]) {
  const authority = href.startsWith("//", protocolEnd);
  const nameStart = authority && hostEnd > hostStart && href[hostStart] === "@" ? hostStart + 1 : hostStart;
  const pathnameEnd = searchStart !== none ? searchStart : hashStart !== none ? hashStart : href.length;
  const searchEnd = hashStart !== none ? hashStart : href.length;
  const trim = (s) => (s.length === 1 ? "" : s);
  return {
    href,
    protocol: href.slice(0, protocolEnd),
    username: protocolEnd + 2 < usernameEnd ? href.slice(protocolEnd + 2, usernameEnd) : "",
    password: hostStart - usernameEnd > 0 ? href.slice(usernameEnd + 1, hostStart) : "",
    host: href.slice(nameStart, authority && port !== none ? pathnameStart : hostEnd),
    hostname: href.slice(nameStart, hostEnd),
    port: port === none ? "" : String(port),
    pathname: href.slice(pathnameStart, pathnameEnd),
    search: searchStart === none ? "" : trim(href.slice(searchStart, searchEnd)),
    hash: hashStart === none ? "" : trim(href.slice(hashStart)),
  };
}

function same(record, url, message) {
  const mine = getters(record);
  for (const part of parts) assert.equal(mine[part], url[part], `${message}: ${part} of ${url.href}`);
}

const samples = [
  "https://user:pass@example.com:1234/foo/bar?baz#quux", "http://example.com", "http://example.com:80/", "https://a.b:443?q", "http://a/?#",
  "file:///C:/x/../y", "file://host/share", "mailto:a@b.c", "data:text/plain,hello world  #x", "about:blank", "javascript:alert(1)", "blob:https://x.y/abc",
  "http://[::1]:3000/", "http://[2001:db8:0:0:1:0:0:1]", "http://0x7f.1/", "http://256.1/", "http://1.2.3/", "http://münchen.de/ä?ö#ü", "http://xn--mnchen-3ya.de",
  "non-special://host:99/p?q#f", "non-special:/.//p", "web+demo:/.//not-a-host/", "ws://h:80/x", "wss://h:443/", "  http://trim.me/\t", "ht\ntp://a\tb/", "http://a b/", "http://a%41/",
  "http://user@/x", "http://:80/", "http://a:99999/", "http://a:b@c:d/", "//x", "/y", "?z", "#w", "", "x", "../../up", "http:x", "http:/x", "http:\\\\x\\y", "http://a/%2e%2E/b/./c",
  "http://\ud800/", "http://x/\ud800?\udc00#\ud800", "http://a/'?'#'", "foo://\u{1f600}/", "http://a.../", "http://ho%20st/", "http://h/a|b^c`{}", "http://%zz/", "http://\u00ad/", "https://\uff0e/",
];
const bases = [undefined, "http://base.example/dir/file?q#h", "file:///a/b", "mailto:x@y", "non-special://h/p/q", "about:blank", "not a url"];

test("urlParse, urlCanParse, urlOrigin: samples on bases", () => {
  for (const input of samples) {
    for (const base of bases) {
      const message = `${show(input)} on ${base}`;
      const url = URL.parse(input, base);
      const record = native.urlParse(input, base);
      assert.equal(record !== undefined, url !== null, message);
      assert.equal(native.urlCanParse(input, base), url !== null, message);
      if (url === null) continue;
      same(record, url, message);
      assert.equal(record.length, 9);
      assert.equal(native.urlOrigin(record[0]), url.origin, message);
    }
  }
});

const values = {
  href: ["http://new/", "bad", "", " data:x "],
  protocol: ["https", "https:", "ftp:", "foo", "file", "h\u00e9", "", "wss:junk", "http:"],
  username: ["u", "", "a b", "ü:@/", "\ud800"],
  password: ["p", "", "a:b@c", "%41", "\u0000"],
  host: ["h2", "h2:90", "h2:", "h2:999999", "", "[::1]:8", "a/b", "a?b", "a@b", "bad host", "H2:080x", "\u00df.de"],
  hostname: ["h2", "h2:90", "", "[::2]", "a b", "1.2.3.4.", "0x10", "A\tB"],
  port: ["80", "443", "8080", "65536", "", "12x", "x12", " 9", "9\n0", "00021"],
  pathname: ["/a", "a", "", "/../..", "/ü?#", "//x", "\\a\\b", "/a%2fb", "/C:/"],
  search: ["?a", "a=b c", "", "?", "#", "'\"<>", "ü\ud800", "??"],
  hash: ["#a", "b c", "", "#", "##", "`<>", "ü\udc00"],
};

test("urlSet: each part of each sample", () => {
  let refused = 0, set = 0;
  for (const input of samples) {
    const start = URL.parse(input);
    if (start === null) continue;
    parts.forEach((part, number) => {
      for (const value of values[part]) {
        const message = `${start.href} ${part} = ${show(value)}`;
        const url = new URL(start.href);
        let threw = false;
        try { url[part] = value; } catch { threw = true; }
        const record = native.urlSet(start.href, number, value);
        if (record === undefined) {
          refused++;
          assert.equal(url.href, start.href, message); // Refused: as before.
          if (part === "href") assert.ok(threw, message);
        } else {
          set++;
          assert.ok(!threw, message);
          same(record, url, message);
        }
      }
    });
  }
  assert.ok(refused > 100 && set > 500, `${refused} ${set}`);
  assert.throws(() => native.urlSet("http://a/", 10, ""), TypeError);
  assert.throws(() => native.urlSet("http://a/", -1, ""), TypeError);
});

test(`urlParse and urlSet: random inputs, seed ${seed}`, () => {
  const r = random(11);
  const pieces = ["http:", "https:", "file:", "foo:", "//", "/", "\\", "?", "#", "@", ":", "[", "]", "%", "%41", "%zz", ".", "..", "a", "B", "1", "0x", "é", "中", "\u200d", "\t", " ", "|", "\ud83d", "😀", "\0"];
  for (let i = 0; i < 20000; i++) {
    let input = r.chance(60) ? r.pick(["http://", "https://h/", "foo:", "file://", "http://u:p@h:1/p?q#f"]) : "";
    for (let n = r.below(8); n > 0; n--) input += r.chance(90) ? r.pick(pieces) : randomString(r, 5);
    const base = r.pick(bases);
    const message = `${show(input)} on ${base}`;
    const url = URL.parse(input, base);
    const record = native.urlParse(input, base);
    assert.equal(record !== undefined, url !== null, message);
    assert.equal(native.urlCanParse(input, base), URL.canParse(input, base), message);
    if (url === null) continue;
    same(record, url, message);
    const number = 1 + r.below(9);
    let value = "";
    for (let n = r.below(4); n > 0; n--) value += r.pick(pieces);
    url[parts[number]] = value;
    const after = native.urlSet(record[0], number, value);
    if (after === undefined) assert.equal(url.href, record[0], `${message}, ${parts[number]} = ${show(value)}`);
    else same(after, url, `${message}, ${parts[number]} = ${show(value)}`);
  }
});

// Node's Ada takes any text after "xn--" for a name; the standard does not.
test("urlParse, urlCanParse, urlSet: names that do not decode from Punycode", () => {
  for (const host of ["xn--", "a.b.c.xn--pokxncvks", "10.0.0.XN--pokxncvks", "xn--a-", "u:p@xn--.example", "xn--99999999", "xn--0"]) {
    for (const scheme of ["http", "wss", "file"]) {
      if (scheme === "file" && host.includes("@")) continue;
      const text = `${scheme}://${host}/p`;
      assert.equal(native.urlParse(text, undefined), undefined, text);
      assert.equal(native.urlCanParse(text, undefined), false, text);
      assert.equal(native.urlCanParse("/q", text), false, text);
    }
    assert.equal(native.urlSet("http://before/", 5, host.replace("u:p@", "")), undefined, host);
  }
  for (const text of ["http://xn--mnchen-3ya.de/", "http://xn--fiqs8s.xn--0zwm56d/", "http://a.xn--p1ai/", "foo://xn--/", "http://axn--/", "http://h/xn--", "http://xn--@h/"]) {
    assert.equal(native.urlParse(text, undefined)?.[0], text, text);
    assert.equal(native.urlCanParse(text, undefined), true, text);
  }
});

test("urlParse: long input", () => {
  const long = "http://h/" + "é".repeat(100000) + "?" + "x".repeat(100000);
  same(native.urlParse(long, undefined), new URL(long), "long");
  const urls = native.urlParse("p".repeat(5000), "http://h/" + "d/".repeat(5000));
  assert.equal(urls[0], new URL("p".repeat(5000), "http://h/" + "d/".repeat(5000)).href);
});

/** application/x-www-form-urlencoded parsing, URL §5.1. Node's URLSearchParams errs where "%XX" and raw non-ASCII meet. */
function referenceForm(text) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const decode = (piece) => {
    const bytes = [...new TextEncoder().encode(piece.replaceAll("+", " "))];
    const out = [];
    for (let i = 0; i < bytes.length; i++) {
      const hex = bytes[i] === 0x25 ? String.fromCharCode(...bytes.slice(i + 1, i + 3)) : "";
      if (/^[0-9a-fA-F]{2}$/.test(hex)) {
        out.push(parseInt(hex, 16));
        i += 2;
      } else out.push(bytes[i]);
    }
    return decoder.decode(new Uint8Array(out));
  };
  return text.split("&").filter((s) => s !== "").flatMap((s) => {
    const at = s.indexOf("=");
    return at < 0 ? [decode(s), ""] : [decode(s.slice(0, at)), decode(s.slice(at + 1))];
  });
}
const pairs = (p) => [...p].flat();

test("formDecode: samples", () => {
  const form = ["", "&", "&&", "=", "a", "a=", "=a", "a=b", "a=b&c=d", "a=b&&c=d&", "a=b=c", "a+b=c+d", "%61=%62", "%", "%4", "%4x=%x4", "%zz", "%E4%B8%AD=%ff", "é=中", "%C3é", "\u00c3%A9",
    "%ef%bb%bfx=1", "a%00b", "?a=b", "a=%26%3d%2B", "\ud800=\udc00", "%F0%9F%98=1", "+%2B", "a=1&a=2", "%%41%41", "a\u0100=+%20"];
  for (const text of form) {
    assert.deepEqual(native.formDecode(text), referenceForm(text), show(text));
    if (/^[^?\x80-\uffff][\0-\x7f]*$/.test(text)) assert.deepEqual(native.formDecode(text), pairs(new URLSearchParams(text)), show(text));
  }
});

test(`formDecode, formEncode: random, seed ${seed}`, () => {
  const r = random(12);
  const pieces = ["a", "B", "&", "=", "+", "%", "%2", "%41", "%C3", "%a9", "é", "\u00c3", "中", "😀", "\ud800", " ", "~", "*", "-._", "\0"];
  for (let i = 0; i < 20000; i++) {
    let text = "a";
    for (let n = r.below(12); n > 0; n--) text += r.pick(pieces);
    if (i % 500 === 0) text = text.repeat(300);
    const decoded = native.formDecode(text);
    assert.deepEqual(decoded, referenceForm(text), show(text));
    const list = [];
    for (let n = r.below(4) * 2; n > 0; n--) list.push(randomString(r, 10));
    const other = new URLSearchParams();
    for (let n = 0; n < list.length; n += 2) other.append(list[n], list[n + 1]);
    assert.equal(native.formEncode(list), other.toString(), list.map(show).join());
    assert.deepEqual(native.formDecode(native.formEncode(list)), list.map((s) => s.toWellFormed()));
  }
  assert.equal(native.formEncode([]), "");
  assert.throws(() => native.formEncode(["a"]), TypeError);
  assert.throws(() => native.formEncode(["a", 1]), TypeError);
  assert.throws(() => native.formEncode("a"), TypeError);
});

test("formEncode: more than a string can hold is a RangeError", () => {
  const big = "\u00e9".repeat(2 ** 17);
  assert.throws(() => native.formEncode(new Array(4096).fill(big)), RangeError);
  assert.equal(native.formEncode([big, big]).length, 2 * 6 * 2 ** 17 + 1);
});
