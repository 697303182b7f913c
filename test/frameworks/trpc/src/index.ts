import { initTRPC, TRPCError } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { z } from "zod";

const t = initTRPC.context<{ token: string | null }>().create();

const guarded = t.procedure.use(({ ctx, next }) => {
  if (ctx.token !== "Bearer open") throw new TRPCError({ code: "UNAUTHORIZED" });
  return next({ ctx: { user: "ada" } });
});

const router = t.router({
  greet: t.procedure.input(z.object({ name: z.string().min(1) })).query(({ input }) => `hello ${input.name}`),
  add: t.procedure.input(z.object({ a: z.number(), b: z.number() })).mutation(({ input }) => input.a + input.b),
  me: guarded.query(({ ctx }) => ctx.user),
  slow: t.procedure.input(z.number()).query(async ({ input }) => {
    await scheduler.wait(input);
    return `after ${input}`;
  }),
  crash: t.procedure.query((): string => {
    throw new Error("unexpected");
  }),
  upload: t.procedure.input(z.instanceof(FormData)).mutation(({ input }) => ({ name: input.get("name"), size: (input.get("file") as File).size })),
  numbers: t.procedure.input(z.number()).query(async function* ({ input }) {
    for (let i = 1; i <= input; i++) {
      if (i > 1) await scheduler.wait(100);
      yield i;
    }
  }),
  ticks: t.procedure.input(z.number()).subscription(async function* ({ input }) {
    for (let i = 1; i <= input; i++) {
      if (i > 1) await scheduler.wait(100);
      yield { i };
    }
  }),
});

export type Router = typeof router;

export default {
  fetch(request: Request): Response | Promise<Response> {
    if (new URL(request.url).pathname === "/") return new Response("trpc");
    return fetchRequestHandler({
      endpoint: "/trpc",
      req: request,
      router,
      createContext: ({ req }) => ({ token: req.headers.get("authorization") }),
      responseMeta: ({ errors }) => ({ headers: { "x-errors": String(errors.length) } }),
    });
  },
};
