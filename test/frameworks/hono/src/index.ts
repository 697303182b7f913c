// Hono with the middleware it comes with: each route is behind the middleware that it is named after.
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { contextStorage, getContext } from "hono/context-storage";
import { deleteCookie, getCookie, getSignedCookie, setCookie, setSignedCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { csrf } from "hono/csrf";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { jwt, sign } from "hono/jwt";
import { logger } from "hono/logger";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { stream, streamSSE, streamText } from "hono/streaming";
import { timing, setMetric } from "hono/timing";
import { validator } from "hono/validator";

type Env = {
  Bindings: { JWT_SECRET: string; COOKIE_SECRET: string };
  Variables: { jwtPayload: { sub: string }; requestId: string; seen: string };
};

const app = new Hono<Env>();
app.use(logger());
app.use(requestId());
app.use(contextStorage());

app.get("/", (c) => c.text("hono"));

app.use("/cors/*", cors({ origin: "https://app.example", allowHeaders: ["x-token"], allowMethods: ["GET", "PUT"], maxAge: 600, credentials: true }));
app.all("/cors/data", (c) => c.json({ method: c.req.method }));

app.use("/etag/*", etag());
app.get("/etag/page", (c) => c.text("the same page each time"));

app.use("/compress/*", compress());
app.get("/compress/page", (c) => c.text("compress me ".repeat(1000)));
app.get("/compress/small", (c) => c.text("small", 200, { "content-length": "5" }));

app.use("/basic/*", basicAuth({ username: "ada", password: "lovelace" }));
app.get("/basic/page", (c) => c.text("for ada"));

app.get("/token/:sub", async (c) => c.text(await sign({ sub: c.req.param("sub"), exp: Math.floor(Date.now() / 1000) + 60 }, c.env.JWT_SECRET, "HS256")));
app.get("/token-expired", async (c) => c.text(await sign({ sub: "late", exp: 1 }, c.env.JWT_SECRET, "HS256")));
app.use("/jwt/*", (c, next) => jwt({ secret: c.env.JWT_SECRET, alg: "HS256" })(c, next));
app.get("/jwt/me", (c) => c.json({ sub: c.get("jwtPayload").sub }));

app.get("/cookies/set", async (c) => {
  setCookie(c, "plain", "a value; with specials", { path: "/", httpOnly: true, sameSite: "Lax", maxAge: 3600 });
  await setSignedCookie(c, "signed", "trusted", c.env.COOKIE_SECRET, { path: "/", secure: true });
  deleteCookie(c, "old");
  return c.body(null, 204);
});
app.get("/cookies/get", async (c) => c.json({ plain: getCookie(c, "plain") ?? null, signed: (await getSignedCookie(c, c.env.COOKIE_SECRET, "signed")) ?? null }));

app.get("/stream/bytes", (c) =>
  stream(c, async (out) => {
    for (let i = 0; i < 4; i++) await out.write(new Uint8Array(1000).fill(i));
  }),
);
app.get("/stream/text", (c) =>
  streamText(c, async (out) => {
    for (const word of ["one", "two", "three"]) await out.writeln(word);
  }),
);
app.get("/stream/pipe", (c) => stream(c, (out) => out.pipe(new Response("piped through").body!)));
app.get("/stream/fails", (c) =>
  stream(
    c,
    async () => {
      throw new Error("in the stream");
    },
    async (e, out) => {
      await out.write(`caught: ${e.message}`);
    },
  ),
);
app.get("/sse", (c) =>
  streamSSE(c, async (out) => {
    for (let tick = 1; tick <= 3; tick++) {
      await out.writeSSE({ event: "tick", id: `${tick}`, data: JSON.stringify({ tick }) });
      if (tick < 3) await out.sleep(150);
    }
  }),
);

app.use("/headers/*", secureHeaders(), timing());
app.get("/headers/page", (c) => {
  setMetric(c, "db", 12.5);
  return c.text("with headers");
});
app.post("/limited", bodyLimit({ maxSize: 100, onError: (c) => c.text("too large", 413) }), async (c) => c.text(`${(await c.req.text()).length}`));
app.post("/form", csrf({ origin: "https://app.example" }), async (c) => {
  const form = await c.req.parseBody({ all: true });
  const file = form["file"];
  return c.json({ name: form["name"], tags: form["tag"], file: file instanceof File ? { name: file.name, type: file.type, size: file.size } : null });
});
app.post(
  "/validated",
  validator("json", (value, c) => (typeof value["n"] === "number" ? { n: value["n"] as number } : c.json({ error: "n must be a number" }, 400))),
  (c) => c.json({ double: c.req.valid("json").n * 2 }),
);
app.get("/context", async (c) => {
  c.set("seen", c.req.query("q") ?? "");
  await new Promise((done) => setTimeout(done, 5));
  return c.text(deep());
});
const deep = (): string => getContext<Env>().get("seen");

const api = new Hono<Env>().basePath("/api");
api.get("/items/:id{[0-9]+}", (c) => c.json({ id: Number(c.req.param("id")) }));
api.get("/wild/*", (c) => c.text(c.req.path));
app.route("/", api);

app.get("/throws", () => {
  throw new Error("unexpected");
});
app.get("/http-exception", () => {
  throw new HTTPException(418, { message: "teapot" });
});
app.onError((e, c) => (e instanceof HTTPException ? e.getResponse() : c.json({ error: e.message }, 500)));
app.notFound((c) => c.json({ error: "not found", path: c.req.path }, 404));

export default app;
