import assert from "node:assert/strict";
import { test } from "node:test";
import "../testing/mock-native.ts";

const { TextDecoderStream, TextEncoderStream } = await import("./encoding-streams.ts");

/** What comes out of a stream when chunks go in. */
async function through(stream: { readable: any; writable: any }, chunks: unknown[]): Promise<unknown[]> {
  const writer = stream.writable.getWriter();
  const writing = (async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  })();
  writing.catch(() => {});
  const reader = stream.readable.getReader();
  const out: unknown[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return out;
    out.push(value);
  }
}
const bytes = (...b: number[]): Uint8Array => new Uint8Array(b);

test("decoding holds back what is not complete", async () => {
  assert.deepEqual(await through(new TextDecoderStream(), [bytes(0x61, 0xe2), bytes(0x82), bytes(0xac, 0x62)]), ["a", "\u20acb"]);
  assert.deepEqual(await through(new TextDecoderStream(), [bytes(0xe2)]), ["\ufffd"]);
  assert.deepEqual(await through(new TextDecoderStream("utf-8"), []), []);
});

test("decoding fails as its options say", async () => {
  await assert.rejects(through(new TextDecoderStream("utf-8", { fatal: true }), [bytes(0xe2)]), TypeError);
  await assert.rejects(through(new TextDecoderStream(), ["text"]), TypeError);
  assert.throws(() => new TextDecoderStream("gone"), RangeError);
  const stream = new TextDecoderStream("latin1", { fatal: true, ignoreBOM: true });
  assert.deepEqual([stream.encoding, stream.fatal, stream.ignoreBOM], ["windows-1252", true, true]);
});

test("encoding joins surrogates across chunks", async () => {
  const out = (await through(new TextEncoderStream(), ["a\ud83d", "\ude00", "\ud83d", ""])) as Uint8Array[];
  assert.deepEqual(out.map((b) => [...b]), [[0x61], [0xf0, 0x9f, 0x98, 0x80], [0xef, 0xbf, 0xbd]]);
  await assert.rejects(through(new TextEncoderStream(), [Symbol()]), TypeError);
  assert.equal(new TextEncoderStream().encoding, "utf-8");
});
