import { Link, type LoaderFunctionArgs } from "react-router";
import { cloudflare } from "../context";

export const meta = () => [{ title: "React Router" }, { name: "description", content: "on Skerry" }];
export const headers = () => ({ "cache-control": "max-age=60" });

export function loader({ context, request }: LoaderFunctionArgs) {
  return { value: context.get(cloudflare).env.VALUE_FROM_CLOUDFLARE, query: new URL(request.url).searchParams.get("q") };
}

export default function Home({ loaderData }: { loaderData: ReturnType<typeof loader> }) {
  return (
    <main>
      <h1>{loaderData.value}</h1>
      <p id="query">{loaderData.query}</p>
      <Link to="/posts/1">first post</Link>
    </main>
  );
}
