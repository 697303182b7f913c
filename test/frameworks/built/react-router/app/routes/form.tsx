import { Form, redirect } from "react-router";

export async function action({ request }: { request: Request }) {
  const name = (await request.formData()).get("name");
  if (typeof name !== "string" || name === "") return { error: "name is missing" };
  return redirect(`/form?done=${encodeURIComponent(name)}`, { headers: { "set-cookie": "name=1; Path=/" } });
}

export function loader({ request }: { request: Request }) {
  return { done: new URL(request.url).searchParams.get("done") };
}

export default function Page({ loaderData, actionData }: { loaderData: { done: string | null }; actionData?: { error: string } }) {
  return (
    <Form method="post">
      <input name="name" />
      {actionData === undefined ? null : <p id="error">{actionData.error}</p>}
      {loaderData.done === null ? null : <p id="done">{loaderData.done}</p>}
    </Form>
  );
}
