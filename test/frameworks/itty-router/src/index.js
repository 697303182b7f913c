import { AutoRouter, cors, error, html, IttyRouter, json, Router, StatusError, withContent, withParams } from "itty-router";

const { preflight, corsify } = cors({ origin: "https://app.example", allowMethods: "GET,POST" });

const shared = Router({ base: "/shared", before: [preflight], finally: [corsify] });
shared.get("/data", () => json({ shared: true }));

const nested = IttyRouter({ base: "/nested" });
nested.get("/:name.:ext?", ({ params }) => json({ ...params }));

const router = AutoRouter({ catch: (e) => error(e.status ?? 500, { message: e.message }) });

router
  .get("/", () => "itty-router")
  .get("/users/:id", ({ id }) => ({ id }))
  .get("/query", ({ query }) => query)
  .get("/page", () => html("<h1>page</h1>"))
  .get("/files/:path+", ({ params }) => ({ path: params.path }))
  .post("/echo", withContent, ({ content }) => ({ content }))
  .get("/teapot", () => {
    throw new StatusError(418, "short and stout");
  })
  .get("/throws", () => {
    throw new Error("unexpected");
  })
  .get("/env", (_request, env, ctx) => ({ env: typeof env, waitUntil: typeof ctx.waitUntil }))
  .get("/with", withParams, (request) => ({ method: request.method }))
  .all("/shared/*", shared.fetch)
  .all("/nested/*", nested.fetch);

export default router;
