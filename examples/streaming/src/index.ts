// Streams of the web platform without a library: server-sent events, tee, pipeThrough, and a body that is made while it is sent.

const chunkSize = 64 * 1024;
const generatedBytes = 100 * 1024 * 1024;

/** Ten events, one every 100 ms. */
function events(): Response {
  const encoder = new TextEncoder();
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      sent++;
      controller.enqueue(encoder.encode(`id: ${sent}\ndata: ${JSON.stringify({ tick: sent })}\n\n`));
      if (sent === 10) controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
}

/** One branch of the body is counted, the other goes back to the client; the count follows as the last line. */
function tee(request: Request): Response {
  if (request.body === null) return new Response("this route wants a body\n", { status: 400 });
  const [counted, returned] = request.body.tee();
  const total = count(counted);
  const line = new TransformStream<Uint8Array, Uint8Array>({
    async flush(controller) {
      controller.enqueue(new TextEncoder().encode(`\n${await total} bytes\n`));
    },
  });
  return new Response(returned.pipeThrough(line), { headers: { "content-type": "text/plain" } });
}

async function count(stream: ReadableStream<Uint8Array>): Promise<number> {
  let total = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return total;
    total += value.length;
  }
}

/** Numbers the lines of the body on their way through: bytes to text, text to text, text to bytes. */
function number(request: Request): Response {
  if (request.body === null) return new Response("this route wants a body\n", { status: 400 });
  let rest = "";
  let line = 0;
  const numbered = new TransformStream<string, string>({
    transform(text, controller) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const l of lines) controller.enqueue(`${++line}: ${l}\n`);
    },
    flush(controller) {
      if (rest !== "") controller.enqueue(`${++line}: ${rest}\n`);
    },
  });
  const body = request.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(numbered)
    .pipeThrough(new TextEncoderStream());
  return new Response(body, { headers: { "content-type": "text/plain" } });
}

/** 100 MiB, or ?bytes=N: byte n of the body is n modulo 251. Made chunk by chunk, only as fast as the client reads. */
function generate(url: URL): Response {
  const total = Number(url.searchParams.get("bytes") ?? generatedBytes);
  if (!Number.isSafeInteger(total) || total < 0 || total > generatedBytes) {
    return new Response(`bytes must be a whole number from 0 to ${generatedBytes}\n`, { status: 400 });
  }
  let made = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = new Uint8Array(Math.min(chunkSize, total - made));
        for (let i = 0; i < chunk.length; i++) chunk[i] = (made + i) % 251;
        made += chunk.length;
        if (chunk.length > 0) controller.enqueue(chunk);
        if (made === total) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "application/octet-stream" } });
}

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    switch (`${request.method} ${url.pathname}`) {
      case "GET /":
        return new Response("GET /sse, POST /tee, POST /number, GET /generate?bytes=N\n");
      case "GET /sse":
        return events();
      case "POST /tee":
        return tee(request);
      case "POST /number":
        return number(request);
      case "GET /generate":
        return generate(url);
    }
    return new Response("not found\n", { status: 404 });
  },
};
