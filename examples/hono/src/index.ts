// A small Hono application: routes, validation by zod, and the three ways a body can go through a worker.
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { z } from "zod";

const User = z.object({
  name: z.string().min(1).max(80),
  email: z.email(),
  age: z.number().int().min(0).max(150).optional(),
});

const app = new Hono();

app.get("/", (c) => c.text("Hello from Hono on Skerry\n"));

app.get("/users/:id", (c) => {
  const id = Number(c.req.param("id"));
  if (!Number.isSafeInteger(id) || id < 1) return c.json({ error: "no such user" }, 404);
  return c.json({ id, name: `user ${id}` });
});

app.post("/users", async (c) => {
  let input: unknown;
  try {
    input = await c.req.json();
  } catch {
    return c.json({ error: "body is not JSON" }, 400);
  }
  const user = User.safeParse(input);
  if (!user.success) {
    const issues = user.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
    return c.json({ error: "invalid user", issues }, 400);
  }
  return c.json({ id: 1, ...user.data }, 201);
});

// The body is handed on untouched: it need not enter the isolate.
app.post("/echo", (c) => {
  const type = c.req.header("content-type") ?? "application/octet-stream";
  return new Response(c.req.raw.body, { headers: { "content-type": type } });
});

// Every byte goes through JavaScript: a to z become A to Z.
app.post("/upper", (c) => {
  const upper = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const out = new Uint8Array(chunk.length);
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i]!;
        out[i] = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
      }
      controller.enqueue(out);
    },
  });
  const body = c.req.raw.body?.pipeThrough(upper) ?? null;
  return new Response(body, { headers: { "content-type": "text/plain" } });
});

// Ten server-sent events, one every 100 ms.
app.get("/events", (c) =>
  streamSSE(c, async (stream) => {
    for (let i = 1; i <= 10; i++) {
      await stream.sleep(100);
      await stream.writeSSE({ event: "tick", id: String(i), data: JSON.stringify({ tick: i }) });
    }
  }),
);

app.notFound((c) => c.json({ error: "not found", path: c.req.path }, 404));

export default app;
