export function GET() {
  let n = 0;
  const stream = new ReadableStream({
    async pull(controller) {
      if (n > 0) await new Promise((done) => setTimeout(done, 100));
      controller.enqueue(new TextEncoder().encode(`line ${++n}\n`));
      if (n === 3) controller.close();
    },
  });
  return new Response(stream, { headers: { "content-type": "text/plain" } });
}
