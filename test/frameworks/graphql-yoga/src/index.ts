import { GraphQLError } from "graphql";
import { createSchema, createYoga } from "graphql-yoga";

interface Book {
  id: string;
  title: string;
  pages: number;
}
const books: Book[] = [
  { id: "1", title: "On the Beach", pages: 312 },
  { id: "2", title: "The Tombs of Atuan", pages: 163 },
];

const yoga = createYoga({
  graphqlEndpoint: "/graphql",
  schema: createSchema({
    typeDefs: /* GraphQL */ `
      type Book { id: ID!, title: String!, pages: Int! }
      input NewBook { title: String!, pages: Int! }
      type Query { hello(name: String = "world"): String!, books(longerThan: Int): [Book!]!, book(id: ID!): Book, secret: String, crash: String, agent: String! }
      type Mutation { add(book: NewBook!): Book! }
      type Subscription { countdown(from: Int!): Int! }
    `,
    resolvers: {
      Query: {
        hello: (_: unknown, { name }: { name: string }) => `hello ${name}`,
        books: (_: unknown, { longerThan }: { longerThan?: number }) => books.filter((b) => b.pages > (longerThan ?? 0)),
        book: async (_: unknown, { id }: { id: string }) => books.find((b) => b.id === id),
        secret: () => {
          throw new GraphQLError("not for you", { extensions: { code: "FORBIDDEN", http: { status: 403 } } });
        },
        crash: () => {
          throw new Error("a detail nobody should see");
        },
        agent: (_: unknown, __: unknown, context: { request: Request }) => context.request.headers.get("user-agent") ?? "",
      },
      Mutation: { add: (_: unknown, { book }: { book: Omit<Book, "id"> }) => ({ id: "new", ...book }) },
      Subscription: {
        countdown: {
          subscribe: async function* (_: unknown, { from }: { from: number }) {
            for (let i = from; i >= 0; i--) {
              if (i < from) await scheduler.wait(100);
              yield { countdown: i };
            }
          },
        },
      },
    },
  }),
});

export default { fetch: yoga.fetch };
