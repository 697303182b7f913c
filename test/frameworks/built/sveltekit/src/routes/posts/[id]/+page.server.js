import { error } from "@sveltejs/kit";

const posts = { 1: "The first <post>" };

/** @type {import("./$types").PageServerLoad} */
export function load({ params }) {
  const title = posts[params.id];
  if (title === undefined) error(404, "no such post");
  return { title, later: new Promise((done) => setTimeout(() => done("came later"), 300)) };
}
