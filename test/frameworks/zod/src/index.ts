import { z } from "zod";
import * as mini from "zod/mini";

const Address = z.object({ street: z.string().min(1), zip: z.string().regex(/^\d{4} ?[A-Z]{2}$/) });
const Event = z.discriminatedUnion("type", [
  z.object({ type: z.literal("login"), at: z.iso.datetime() }),
  z.object({ type: z.literal("order"), items: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).nonempty(), to: Address }),
]);
const Settings = z.object({
  page: z.coerce.number().int().min(1).default(1),
  tags: z
    .string()
    .transform((s) => s.split(","))
    .pipe(z.array(z.string().max(5)))
    .optional(),
  mail: z.email().optional(),
  id: z.uuid().optional(),
});
const Taken = z.object({ name: z.string() }).refine(
  async ({ name }) => {
    await scheduler.wait(5);
    return name !== "taken";
  },
  { path: ["name"], error: "this name is taken" },
);
interface Tree {
  value: number;
  children: Tree[];
}
const Tree: z.ZodType<Tree> = z.object({ value: z.number(), get children() { return z.array(Tree); } });
const Small = mini.object({ n: mini.number().check(mini.gte(0)) });

const answer = (result: z.ZodSafeParseResult<unknown>): Response =>
  result.success ? Response.json(result.data) : Response.json({ tree: z.treeifyError(result.error), flat: result.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`) }, { status: 422 });

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/":
        return new Response("zod");
      case "/event":
        return answer(Event.safeParse(await request.json()));
      case "/settings":
        return answer(Settings.safeParse(Object.fromEntries(url.searchParams)));
      case "/taken":
        return answer(await Taken.safeParseAsync(await request.json()));
      case "/tree":
        return answer(Tree.safeParse(await request.json()));
      case "/mini":
        return answer(Small.safeParse(await request.json()) as never);
      case "/schema":
        return Response.json(z.toJSONSchema(Event));
      case "/many": {
        // Enough of them that the schema would be compiled if code could be made from strings.
        const schema = z.array(Address);
        let good = 0;
        for (let i = 0; i < 2000; i++) if (schema.safeParse([{ street: "s", zip: "1234 AB" }]).success) good++;
        return Response.json({ good });
      }
    }
    return new Response("not found", { status: 404 });
  },
};
