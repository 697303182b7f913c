import { getRequestEvent } from "$app/server";

async function fromRequest() {
  await Promise.resolve();
  return getRequestEvent().url.searchParams.get("q");
}

/** @type {import("./$types").PageServerLoad} */
export async function load({ platform, locals, fetch, setHeaders }) {
  setHeaders({ "x-from-load": "yes" });
  const echoed = await (await fetch("/api/echo?text=internal")).json();
  return { greeting: platform.env.GREETING, user: locals.user, query: await fromRequest(), echoed: echoed.text };
}
