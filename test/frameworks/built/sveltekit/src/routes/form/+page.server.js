import { fail, redirect } from "@sveltejs/kit";

/** @type {import("./$types").Actions} */
export const actions = {
  login: async ({ request, cookies }) => {
    const name = (await request.formData()).get("name");
    if (typeof name !== "string" || name === "") return fail(400, { missing: true });
    cookies.set("user", name, { path: "/" });
    redirect(303, "/");
  },
};
