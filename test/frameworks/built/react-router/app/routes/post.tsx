import { data } from "react-router";

const posts: { [id: string]: string } = { "1": "The first <post>" };

export async function loader({ params }: { params: { id?: string } }) {
  const title = posts[params.id ?? ""];
  if (title === undefined) throw data("no such post", { status: 404 });
  return { title };
}

export default function Post({ loaderData }: { loaderData: { title: string } }) {
  return <h1>{loaderData.title}</h1>;
}
