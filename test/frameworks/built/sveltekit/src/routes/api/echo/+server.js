import { json } from "@sveltejs/kit";

export const GET = ({ url }) => json({ text: url.searchParams.get("text") });
export async function POST({ request, platform, getClientAddress }) {
  return json({ body: await request.json(), waitUntil: typeof platform.ctx.waitUntil, address: typeof getClientAddress() }, { status: 201 });
}
