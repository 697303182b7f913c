// A worker without a build step: text, JSON, variables from the project file, and work that goes on after the answer.

let finished = 0;

/** Counts after the response has gone. The count lives as long as this isolate does. */
async function afterwards() {
  await new Promise((resolve) => setTimeout(resolve, 50));
  finished++;
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/":
        return new Response("Hello, World!\n");
      case "/json":
        return Response.json({ method: request.method, path: pathname, agent: request.headers.get("user-agent") });
      case "/env":
        return Response.json({ greeting: env.GREETING, settings: env.SETTINGS });
      case "/later":
        ctx.waitUntil(afterwards());
        return Response.json({ finished }, { status: 202 });
      case "/throw":
        throw new Error("thrown on purpose");
    }
    return new Response("not found\n", { status: 404 });
  },
};
