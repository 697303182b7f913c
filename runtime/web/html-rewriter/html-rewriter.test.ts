// How HTMLRewriter reads, waits, writes and fails. What it makes of markup is compared with the original platform's in
// test/e2e/htmlrewriter_test.go; the parser has tests of its own in host/test.
import { leaf, mock } from "../../testing/mock-native.ts";

const { test } = await import("node:test" as string);
const assert = (await import("node:assert/strict" as string)).default;
const { HTMLRewriter } = await import("./html-rewriter.ts");
const { Response } = await import("../fetch/response.ts");
const { ReadableStream } = await import("../streams/readable.ts");

type Any = any;

// The mock decodes Unicode alone.
mock.native.decodeText = leaf().decodeText as typeof mock.native.decodeText;

const encoder = new TextEncoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);
const html = (body: unknown, type = "text/html"): Any => new Response(body, { headers: { "content-type": type } });
const rewrite = (rewriter: Any, body: unknown, type?: string): Promise<string> => rewriter.transform(html(body, type)).text();
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** A body that comes in these chunks; pulled and cancelled say what happened to it. */
function source(chunks: string[]): Any {
  const s = { pulled: 0, cancelled: undefined as unknown, stream: undefined as unknown };
  s.stream = new ReadableStream(
    {
      pull(c: Any) {
        s.pulled++;
        const chunk = chunks.shift();
        if (chunk === undefined) c.close();
        else c.enqueue(bytes(chunk));
      },
      cancel(reason: unknown) {
        s.cancelled = reason;
      },
    },
    { highWaterMark: 0 },
  );
  return s;
}

test("handlers are called in order with their object as this, and each gets a token of its own", async () => {
  const calls: unknown[] = [];
  const tokens: unknown[] = [];
  const first = {
    element(this: unknown, e: Any) {
      calls.push("first", this === first);
      tokens.push(e);
      e.mine = 1;
      e.setAttribute("a", "1");
    },
  };
  const rewriter = new HTMLRewriter().on("p", first).on("p", {
    element(e: Any) {
      calls.push("second", e.mine, e.getAttribute("A"));
      tokens.push(e);
    },
  });
  assert.equal(await rewrite(rewriter, "<p>x</p>"), '<p a="1">x</p>');
  assert.deepEqual(calls, ["first", true, "second", undefined, "1"]);
  assert.notEqual(tokens[0], tokens[1]);
});

test("asynchronous handlers are waited for, one after the other", async () => {
  const log: string[] = [];
  const slow = (name: string) => ({
    async element(e: Any) {
      log.push(`${name} begins`);
      await new Promise((r) => setTimeout(r, 1));
      e.before(name);
      log.push(`${name} ends`);
    },
  });
  assert.equal(await rewrite(new HTMLRewriter().on("b", slow("1")).on("*", slow("2")), "<i><b></b></i>"), "2<i>12<b></b></i>");
  assert.deepEqual(log, ["2 begins", "2 ends", "1 begins", "1 ends", "2 begins", "2 ends"]);
});

test("what is done goes out while a handler is waited for", async () => {
  let release!: () => void;
  const released = new Promise<void>((r) => (release = r));
  const rewriter = new HTMLRewriter().on("b", { element: () => released });
  const reader = (rewriter.transform(html("<i>before</i><b>after</b>")) as Any).body.getReader();
  const chunk = await reader.read();
  assert.equal(new TextDecoder().decode(chunk.value), "<i>before</i>");
  release();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "<b>after</b>");
  assert.equal((await reader.read()).done, true);
});

test("a token is over when its handler is done", async () => {
  const kept: Any[] = [];
  let during: unknown;
  await rewrite(
    new HTMLRewriter()
      .on("p", {
        async element(e: Any) {
          kept.push(e, e.attributes);
          e.onEndTag((t: Any) => void kept.push(t));
          await null;
          during = e.tagName;
        },
        text: (t: Any) => void kept.push(t),
        comments: (c: Any) => void kept.push(c),
      })
      .onDocument({ doctype: (d: Any) => void kept.push(d), end: (e: Any) => void kept.push(e) }),
    "<!doctype html><p a=b>x<!--y--></p>",
  );
  assert.equal(during, "p");
  const error = { name: "TypeError", message: "This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler." };
  const uses: ((t: Any) => unknown)[] = [(t) => t.name, (t) => t.tagName, (t) => t.next(), (t) => t.text, (t) => t.text, (t) => t.text, (t) => t.name, (t) => t.append("x")];
  assert.equal(kept.length, uses.length);
  kept.forEach((token, i) => assert.throws(() => uses[i]!(token), error, `${i}`));
  for (const token of kept) assert.throws(() => new token.constructor(), { name: "TypeError", message: "Illegal constructor" });
});

test("attributes are an iterator that changes end", async () => {
  const seen: unknown[] = [];
  const rewriter = new HTMLRewriter().on("p", {
    element(e: Any) {
      seen.push([...e.attributes]);
      const iterator = e.attributes;
      iterator.next();
      e.setAttribute("c", "3");
      assert.throws(() => iterator.next(), { name: "Error", message: "The attributes of this element have been modified during iteration. You must create a new iterator after modifying attributes." });
      seen.push([...e.attributes]);
      assert.equal(Object.getPrototypeOf(Object.getPrototypeOf(iterator)), Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())));
    },
  });
  assert.equal(await rewrite(rewriter, "<p A=1 b>"), '<p A=1 b c="3">');
  assert.deepEqual(seen, [[["a", "1"], ["b", ""]], [["a", "1"], ["b", ""], ["c", "3"]]]);
});

test("errors of handlers reach whoever reads, and the source hears of it", async () => {
  class Mine extends Error {}
  for (const fails of [() => { throw new Mine("boom"); }, async () => { throw new Mine("boom"); }]) {
    for (const handlers of [{ element: fails }, { text: fails }, { element: (e: Any) => e.onEndTag(fails) }]) {
      const s = source(["<p>x</p>", "<p>more</p>"]);
      await assert.rejects(rewrite(new HTMLRewriter().on("p", handlers), s.stream), Mine);
      assert.ok(s.cancelled instanceof Mine);
    }
  }
  await assert.rejects(rewrite(new HTMLRewriter().onDocument({ end() { throw "text"; } }), "x"), (e: unknown) => e === "text");
  await assert.rejects(rewrite(new HTMLRewriter(), "<select><xmp>"), { name: "TypeError", message: /^Parser error: The parser has encountered a text content tag \(`<xmp>`\)/ });
});

test("errors of the source reach whoever reads", async () => {
  const stream = new ReadableStream({
    pull(c: Any) {
      c.error(new RangeError("lost"));
    },
  });
  await assert.rejects(rewrite(new HTMLRewriter(), stream), { name: "RangeError", message: "lost" });
});

test("whoever reads no more ends the reading of the source", async () => {
  const s = source(["<p>1</p>", "<p>2</p>", "<p>3</p>"]);
  const reader = (new HTMLRewriter().on("p", { element() {} }).transform(html(s.stream)) as Any).body.getReader();
  await reader.read();
  await reader.cancel("enough");
  assert.equal(s.cancelled, "enough");
});

test("no more is read than is asked for", async () => {
  const s = source(Array.from({ length: 50 }, (_, i) => `<p>${i}</p>`));
  const reader = (new HTMLRewriter().on("p", { element() {} }).transform(html(s.stream)) as Any).body.getReader();
  await reader.read();
  await new Promise((r) => setTimeout(r, 5));
  assert.ok(s.pulled <= 3, `${s.pulled} chunks were read`);
});

test("it starts before anybody reads", async () => {
  const log: string[] = [];
  const response = new HTMLRewriter().on("p", { element: () => void log.push("handler") }).transform(html("<p>")) as Any;
  log.push("transform");
  await new Promise((r) => setTimeout(r, 5));
  log.push("read");
  await response.text();
  assert.deepEqual(log, ["transform", "handler", "read"]);
});

test("content can be a stream or a response", async () => {
  const s = source(["<1>", "é&"]);
  const cut = new ReadableStream({
    start(c: Any) {
      c.enqueue(new Uint8Array([0xe2, 0x82]));
      c.enqueue(new Uint8Array([0xac]));
      c.close();
    },
  });
  const rewriter = new HTMLRewriter().on("p", {
    element(e: Any) {
      e.before(s.stream).prepend(new Response("<b>"), { html: true }).append(cut).after(new Response(null));
    },
  });
  assert.equal(await rewrite(rewriter, "<p>x</p>"), "&lt;1&gt;é&amp;<p><b>x€</p>");
  const broken = () => new Response(new Uint8Array([0x61, 0xe2, 0x28]));
  await assert.rejects(rewrite(new HTMLRewriter().on("p", { element: (e: Any) => e.before(broken()) }), "<p>"), { name: "TypeError", message: "Parser error: Invalid UTF-8" });
  const read = new Response("x");
  await read.text();
  await assert.rejects(rewrite(new HTMLRewriter().on("p", { element: (e: Any) => e.before(read) }), "<p>"), TypeError);
  const fails = new ReadableStream({ pull: (c: Any) => c.error(new Error("content")) });
  await assert.rejects(rewrite(new HTMLRewriter().on("p", { element: (e: Any) => e.before(fails) }), "<p>"), { message: "content" });
  const comments = new HTMLRewriter().onDocument({ comments: (c: Any) => c.before(new Response("x")) });
  await assert.rejects(rewrite(comments, "<!---->"), { message: /^Replacing content in HTML comments using a ReadableStream or Response object is not implemented/ });
});

test("much content goes out in pieces, and no faster than it is read", async () => {
  const big = "é<😀".repeat(400_000);
  let next: Any;
  const rewriter = new HTMLRewriter().on("p", { element: (e: Any) => void e.before(big).append(big, { html: true }) }).on("i", { element: () => void (next = true) });
  const response = rewriter.transform(html("<p></p><i>")) as Any;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let out = "";
  let most = 0;
  for (let reads = 0; ; reads++) {
    const { done, value } = await reader.read();
    if (done) break;
    if (reads === 2) assert.equal(next, undefined, "the document went on while content was waiting");
    most = Math.max(most, value.length);
    out += decoder.decode(value, { stream: true });
  }
  assert.equal(out, `${big.replaceAll("<", "&lt;")}<p>${big}</p><i>`);
  assert.ok(most < 1_000_000, `a chunk of ${most} bytes`);
});

test("documents in other encodings", async () => {
  const seen: unknown[] = [];
  const rewriter = new HTMLRewriter()
    .on("p[title='\u044f']", {
      element(e: Any) {
        seen.push([...e.attributes], e.getAttribute("title"));
        e.setAttribute("title", "\u0436\u20ac\u4e2d").append("<\u0439\u4e2d", { html: false });
        assert.throws(() => e.setAttribute("\u4e2d", ""), { message: "Parser error: The attribute name contains a character that can't be represented in the document's character encoding." });
        assert.equal(e.getAttribute("\u4e2d"), null);
      },
      text: (t: Any) => void seen.push(t.text),
    });
  const out = (await (rewriter.transform(html(latin1("<p title=\xff>\xe6&</p>"), "text/html; charset=windows-1251")) as Any).bytes()) as Uint8Array;
  assert.deepEqual(seen, [[["title", "\u044f"]], "\u044f", "\u0436&", ""]);
  assert.equal(Buffer_from(out), '<p title="\xe6\x88&#20013;">\xe6&&lt;\xe9&#20013;</p>');

  // A character that two chunks share; with bytes that are ASCII elsewhere.
  const sjis: unknown[] = [];
  const stream = new ReadableStream({
    start(c: Any) {
      for (const part of ["<p>\x83", "\x5c\x95", "\x5c</p>"]) c.enqueue(latin1(part));
      c.close();
    },
  });
  const texts = new HTMLRewriter().on("p", { text: (t: Any) => void (t.text !== "" && (sjis.push(t.text), t.before("\uff71\u00a5"))) });
  const made = (await (texts.transform(html(stream, "text/html; charset=shift_jis")) as Any).bytes()) as Uint8Array;
  assert.equal(sjis.join(""), "\u30bd\u8868");
  assert.equal(Buffer_from(made), `<p>${"\xb1\\\x83\x5c"}${"\xb1\\\x95\x5c"}</p>`);

  for (const [charset, message] of [["utf-16", "Parser error: Expected ASCII-compatible encoding."], ["nonsense", "Parser error: Unknown character encoding has been provided."]]) {
    const response = html("x", `text/html; charset=${charset}`);
    assert.throws(() => new HTMLRewriter().transform(response), { name: "TypeError", message });
    assert.equal(response.bodyUsed, false);
  }
});

function Buffer_from(data: Uint8Array): string {
  return Array.from(data, (b) => String.fromCharCode(b)).join("");
}

test("every encoding that can be written is read back", async () => {
  const { Codec } = await import("./codec.ts");
  const { encodingOf } = await import("../encoding-labels.ts");
  const samples: [string, string][] = [
    ["gbk", "\u4e2d\u6587\u20ac\u3000"],
    ["gb18030", "\u4e2d\u6587\u20ac\u00e0\u0178\u{1f600}\u3400\ue7c7"],
    ["big5", "\u4e2d\u6587\u5341\u5345\u2550"],
    ["euc-jp", "\u65e5\u672c\uff71\u8a9e"],
    ["shift_jis", "\u65e5\u672c\uff71\u8a9e\u7e8a"],
    ["euc-kr", "\ud55c\uad6d\uc5b4"],
    ["koi8-r", "\u042f\u2500"],
    ["windows-1252", "\u20ac\u00e9\u0178"],
    ["x-user-defined", "\uf780\uf7ff"],
  ];
  for (const [label, text] of samples) {
    const codec = new Codec(encodingOf(label)!);
    const written = codec.encodeExactly(text);
    assert.notEqual(written, undefined, label);
    assert.equal(new TextDecoder(label).decode(latin1(written!)), text, label);
    assert.equal(codec.decode(written!), text, label);
  }
  const known: [string, string, string][] = [
    ["big5", "\u2550\u5341", "\xf9\xf9\xa4\x51"],
    ["gbk", "\u20ac", "\x80"],
    ["shift_jis", "\u2252\u222a", "\x81\xe0\x81\xbe"],
    ["gb18030", "\u{1f600}", "\x94\x39\xfc\x36"],
  ];
  for (const [label, text, written] of known) assert.equal(new Codec(encodingOf(label)!).encode(text), written, label);
  assert.equal(new Codec(encodingOf("iso-8859-2")!).encode("a\u4e2d\u{1f600}\ud800"), "a&#20013;&#128512;&#65533;");
});

test("responses", async () => {
  const empty = new Response(null) as Any;
  assert.equal(new HTMLRewriter().transform(empty), empty);
  const given = new Response("x", { status: 201, statusText: "Made", headers: { "x-a": "b" } }) as Any;
  const made = new HTMLRewriter().transform(given) as Any;
  assert.deepEqual([made.status, made.statusText, made.headers.get("x-a"), made.url, made.type], [201, "Made", "b", "", "default"]);
  assert.notEqual(made, given);
  made.headers.set("x-a", "c");
  assert.equal(given.headers.get("x-a"), "b");
  assert.equal(given.bodyUsed, true);
  assert.throws(() => new HTMLRewriter().transform(given), TypeError);
  assert.throws(() => new HTMLRewriter().transform(Response.error()), { message: "HTMLRewriter cannot transform an error response" });
  assert.throws(() => new HTMLRewriter().transform("x"), { message: "Failed to execute 'transform' on 'HTMLRewriter': parameter 1 is not of type 'Response'." });
  assert.equal(await made.text(), "x");
  const rewriter = new HTMLRewriter().on("p", { element: (e: Any) => e.remove() });
  const first = rewriter.transform(html("<p>1</p>.")) as Any;
  rewriter.on("i", { element: (e: Any) => e.remove() });
  assert.deepEqual([await first.text(), await rewrite(rewriter, "<i>2</i><p>1</p>.")], [".", "."]);
});

test("what on and onDocument take", () => {
  const rewriter = new HTMLRewriter();
  assert.equal(rewriter.on("a", {}), rewriter);
  assert.equal(rewriter.onDocument({}), rewriter);
  assert.equal(rewriter.on("a", null), rewriter);
  const on = rewriter.on.bind(rewriter) as Any;
  assert.throws(() => on(), { message: "Failed to execute 'on' on 'HTMLRewriter': parameter 1 is not of type 'string'." });
  assert.throws(() => on("a", 5), { message: "Failed to execute 'on' on 'HTMLRewriter': parameter 2 is not of type 'ElementContentHandlers'." });
  assert.throws(() => on("a", { text: 5 }), { message: "Incorrect type for the 'text' field on 'ElementContentHandlers': the provided value is not of type 'function'." });
  assert.throws(() => (rewriter.onDocument as Any)({ end: null }), { message: "Incorrect type for the 'end' field on 'DocumentContentHandlers': the provided value is not of type 'function'." });
  assert.throws(() => on("a:hover", {}), { name: "TypeError", message: "Parser error: Unsupported pseudo-class or pseudo-element in selector." });
  assert.throws(() => on("x".repeat(300_000), {}), { name: "TypeError" });
  assert.throws(() => on(`${":not(".repeat(40)}a`, {}), { message: "Parser error: Nested negation in selector." });
});

test("there is a limit to handlers", () => {
  const rewriter = new HTMLRewriter();
  for (let i = 0; i < 20_000; i++) rewriter.on("a", {});
  assert.throws(() => rewriter.transform(html("x")), { name: "TypeError", message: "HTMLRewriter: There are too many handlers: at most 16384, with 262144 bytes of selectors." });
});
