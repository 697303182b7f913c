// Runs cases of HTMLRewriter that are described as data: handlers by selector, and what each of them does to its token.
// Answers with what came out and what the handlers saw. Runs unchanged on the original platform's runtime.

const encoder = new TextEncoder();

function act(token, actions, log) {
  for (const [name, ...args] of actions) {
    switch (name) {
      case "get":
        log.push([name, args[0], token.getAttribute(args[0])]);
        break;
      case "has":
        log.push([name, args[0], token.hasAttribute(args[0])]);
        break;
      case "attributes":
        log.push([name, [...token.attributes]]);
        break;
      case "name":
      case "tagName":
      case "text":
        token[name] = args[0];
        break;
      case "onEndTag":
        token.onEndTag((end) => {
          log.push(["end tag", end.name]);
          act(end, args[0], log);
        });
        break;
      case "stream":
        token[args[0]](new Response(args[1]).body, args[2]);
        break;
      case "response":
        token[args[0]](new Response(args[1]), args[2]);
        break;
      case "throw":
        throw new Error(args[0]);
      default:
        token[name](...args);
    }
  }
}

const seen = {
  element: (t) => ["element", t.tagName, t.namespaceURI, t.removed],
  comments: (t) => ["comment", t.text, t.removed],
  text: (t) => ["text", t.text, t.lastInTextNode, t.removed],
  doctype: (t) => ["doctype", t.name, t.publicId, t.systemId],
  end: () => ["end"],
};

/** once: only the first token is changed. The last piece of a text is changed only then. */
function handler(kind, label, actions, log, once) {
  let calls = 0;
  return (token) => {
    calls++;
    log.push([label, ...seen[kind](token)]);
    if (once ? calls === 1 : kind !== "text" || !token.lastInTextNode) act(token, actions, log);
  };
}

async function run(c) {
  const log = [];
  try {
    const rewriter = new HTMLRewriter();
    for (const h of c.handlers) {
      const handlers = {};
      for (const kind of Object.keys(seen)) if (h[kind]) handlers[kind] = handler(kind, h.on ?? "document", h[kind], log, h.once);
      if (h.on !== undefined) rewriter.on(h.on, handlers);
      else rewriter.onDocument(handlers);
    }
    const chunks = c.bytes ? c.bytes.map((b) => new Uint8Array(b)) : c.html.map((s) => encoder.encode(s));
    const body = new ReadableStream({
      async pull(controller) {
        await scheduler.wait(0);
        if (chunks.length === 0) controller.close();
        else controller.enqueue(chunks.shift());
      },
    });
    const response = rewriter.transform(new Response(c.noBody ? null : body, { headers: c.type ? { "content-type": c.type } : {} }));
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { output: new TextDecoder("latin1").decode(bytes), log };
  } catch (e) {
    return { error: `${e.name}: ${e.message}`, log };
  }
}

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response("ready");
    const results = [];
    for (const c of await request.json()) results.push(await run(c));
    return Response.json(results);
  },
};
