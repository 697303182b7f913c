// How an event stream is read, however its bytes are cut (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).

import assert from "node:assert/strict";
import { test } from "node:test";
import { mock } from "../testing/mock-native.ts";
await import("../bootstrap/main.ts");
const { runInFrame } = await import("../bootstrap/context.ts");
const { EventSource } = await import("./event-source.ts");
const { ReadableStream } = await import("./streams/readable.ts");

/** The events of a stream that comes in pieces of the given size. */
async function read(text: string, size: number): Promise<unknown[]> {
  const bytes = new TextEncoder().encode(text);
  const seen: unknown[] = [];
  const done = new Promise<void>((resolve) => {
    runInFrame(
      { event: { id: 1, ended: false }, stores: undefined },
      () => {
        let at = 0;
        const stream = new ReadableStream({
          pull(c: { enqueue(b: Uint8Array): void; close(): void }) {
            if (at >= bytes.length) return c.close();
            c.enqueue(bytes.slice(at, (at += size)));
          },
        });
        const source = EventSource.from(stream);
        const note = (e: any): number => seen.push([e.type, e.data, e.lastEventId]);
        source.onmessage = note as never;
        source.addEventListener("add", note as never);
        source.onerror = (() => resolve()) as never;
      },
      undefined,
      [],
    );
  });
  let over = false;
  void done.then(() => (over = true));
  while (!over) {
    await new Promise((r) => setImmediateOf(r));
    mock.advance(0);
  }
  return seen;
}
const setImmediateOf = (globalThis as any).setImmediate as (f: (v?: unknown) => void) => void;

const cases: [string, unknown[]][] = [
  ["data: a\n\ndata:b\r\rdata:  c\r\n\r\n", [["message", "a", ""], ["message", "b", ""], ["message", " c", ""]]],
  ["\ufeffdata: 1\nid: x\n: comment\ndata: 2\nevent: add\n\ndata\n\n", [["add", "1\n2", "x"], ["message", "", "x"]]],
  ["data: kept\r\n\r\nid\n\ndata: no id\n\nid: a\0b\ndata: same\n\ndata: cut off", [["message", "kept", ""], ["message", "no id", ""], ["message", "same", ""]]],
  ["event: add\n\ndata: plain again \u2026\n\nretry: 10\nDATA: x\n\n", [["message", "plain again \u2026", ""]]],
];

for (const [text, wanted] of cases) {
  test(`reads ${JSON.stringify(text)}`, async () => {
    for (const size of [1, 2, 3, 1000]) assert.deepEqual(await read(text, size), wanted, `in pieces of ${size}`);
  });
}
