/** @type {import("@sveltejs/kit").Handle} */
export async function handle({ event, resolve }) {
  event.locals.user = event.cookies.get("user") ?? "nobody";
  const response = await resolve(event);
  response.headers.set("x-hook", "ran");
  return response;
}

/** @type {import("@sveltejs/kit").HandleServerError} */
export function handleError({ error, status }) {
  return { message: status === 500 ? `hidden (${error.name})` : "not here" };
}
