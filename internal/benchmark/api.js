// The worker of the group "api": each case uses one part of the web platform as frameworks do. A case returns a number that
// depends on what it did; both servers must give the same.
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const small = "The quick brown fox jumps over the lazy dog.";
const large = "Frühling für alle! ".repeat(3500);
const largeBytes = encoder.encode(large);
const smallBytes = encoder.encode(small);
const record = { id: 7, name: "user 7", email: "user@example.com", tags: ["a", "b", "c"], nested: { deep: [1, 2, 3], flag: true } };
const json = JSON.stringify({ users: Array.from({ length: 10 }, (_, i) => ({ ...record, id: i })) });
const fields = { "content-type": "application/json", "cache-control": "no-store", "x-request-id": "0123456789abcdef", accept: "*/*", cookie: "a=1; b=2; session=0123456789" };
const boundary = "----boundary0123456789";
const multipart = encoder.encode(
  ["name", "email", "note"].map((name) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${small}\r\n`).join("") +
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n${small.repeat(20)}\r\n--${boundary}--\r\n`,
);
const chunk = new Uint8Array(4096);

function source(chunks) {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent++ < chunks) controller.enqueue(chunk);
      else controller.close();
    },
  });
}

async function drain(stream) {
  const reader = stream.getReader();
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytes;
    bytes += value.byteLength;
  }
}

const cases = {
  "Headers: make, get, set"() {
    const headers = new Headers(fields);
    headers.set("etag", "x");
    headers.append("vary", "accept");
    return headers.get("Content-Type").length + headers.get("cookie").length + (headers.has("x-none") ? 1 : 0);
  },
  "Headers: iterate"() {
    let sum = 0;
    for (const [name, value] of sharedHeaders) sum += name.length + value.length;
    return sum;
  },
  "URL: parse and read"() {
    const url = new URL("https://example.com:8443/users/7/posts?page=2&sort=new#top");
    return url.pathname.length + url.hostname.length + url.search.length;
  },
  "URLSearchParams: parse, get, iterate"() {
    const params = new URLSearchParams("page=2&sort=new&tag=a&tag=b&q=hello+world%21");
    let sum = params.get("q").length + params.getAll("tag").length;
    for (const [name, value] of params) sum += name.length + value.length;
    return sum;
  },
  "Request: make"() {
    const request = new Request("https://example.com/users/7", { method: "POST", headers: fields, body: "x" });
    return request.method.length + request.url.length;
  },
  "Request: make from a request"() {
    return new Request(sharedRequest, { headers: { "x-a": "1" } }).url.length;
  },
  "Response: make"() {
    const response = new Response(small, { status: 201, headers: fields });
    return response.status + (response.ok ? 1 : 0);
  },
  "Response.json"() {
    return Response.json(record).headers.get("content-type").length;
  },
  async "Response: text()"() {
    return (await new Response(small).text()).length;
  },
  async "Response: json() of 1 KB"() {
    return (await new Response(json).json()).users.length;
  },
  async "Response: arrayBuffer() of 64 KiB"() {
    return (await new Response(largeBytes).arrayBuffer()).byteLength;
  },
  async "Response: clone and text()"() {
    const response = new Response(small);
    const copy = response.clone();
    return (await response.text()).length + (await copy.text()).length;
  },
  "TextEncoder: 44 B"() {
    return encoder.encode(small).byteLength;
  },
  "TextEncoder: 68 KB"() {
    return encoder.encode(large).byteLength;
  },
  "TextDecoder: 44 B"() {
    return decoder.decode(smallBytes).length;
  },
  "TextDecoder: 68 KB"() {
    return decoder.decode(largeBytes).length;
  },
  async "ReadableStream: read 64 chunks"() {
    return drain(source(64));
  },
  async "ReadableStream: for await of 64 chunks"() {
    let bytes = 0;
    for await (const piece of source(64)) bytes += piece.byteLength;
    return bytes;
  },
  async "pipeThrough a TransformStream, 64 chunks"() {
    return drain(source(64).pipeThrough(new TransformStream({ transform(piece, controller) { controller.enqueue(piece); } })));
  },
  async "pipeTo a WritableStream, 64 chunks"() {
    let bytes = 0;
    await source(64).pipeTo(new WritableStream({ write(piece) { bytes += piece.byteLength; } }));
    return bytes;
  },
  async "Response of a stream: text(), 16 chunks"() {
    return (await new Response(source(16)).text()).length;
  },
  async "tee, 16 chunks"() {
    const [a, b] = source(16).tee();
    return (await Promise.all([drain(a), drain(b)]))[1];
  },
  async "FormData: parse multipart"() {
    const form = await new Response(multipart, { headers: { "content-type": `multipart/form-data; boundary=${boundary}` } }).formData();
    return form.get("name").length + form.get("file").size;
  },
  async "FormData: parse urlencoded"() {
    const form = await new Response("name=a&email=b%40c&note=hello+world", { headers: { "content-type": "application/x-www-form-urlencoded" } }).formData();
    return form.get("note").length;
  },
  async "FormData: send"() {
    const form = new FormData();
    form.append("name", small);
    form.append("file", new Blob([smallBytes]), "a.txt");
    return (await new Response(form).text()).length > 300 ? 1 : 0;
  },
  async "Blob: make, slice, text()"() {
    return (await new Blob([small, smallBytes]).slice(4, 60).text()).length;
  },
  structuredClone() {
    return structuredClone(record).tags.length;
  },
  "atob and btoa"() {
    return atob(btoa(small)).length;
  },
  "AbortController: make, listen, abort"() {
    const controller = new AbortController();
    let seen = 0;
    controller.signal.addEventListener("abort", () => seen++);
    controller.abort();
    return seen;
  },
  "EventTarget: dispatch"() {
    let seen = 0;
    const target = new EventTarget();
    target.addEventListener("x", () => seen++);
    target.dispatchEvent(new Event("x"));
    return seen;
  },
  async "crypto.subtle.digest of 44 B"() {
    return (await crypto.subtle.digest("SHA-256", smallBytes)).byteLength;
  },
  "crypto.randomUUID"() {
    return crypto.randomUUID().length;
  },
  async queueMicrotask() {
    await new Promise((done) => queueMicrotask(done));
    return 1;
  },
};

const sharedHeaders = new Headers(fields);
const sharedRequest = new Request("https://example.com/users/7", { headers: fields });

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    if (!searchParams.has("case")) return new Response(request.method === "GET" && searchParams.has("list") ? Object.keys(cases).join("\n") : "Hello, World!");
    const run = cases[searchParams.get("case")];
    let sum = 0;
    for (let n = Number(searchParams.get("n")); n > 0; n--) {
      const result = run();
      sum = (sum + (typeof result === "number" ? result : await result)) % 1000003;
    }
    return new Response(String(sum));
  },
};
