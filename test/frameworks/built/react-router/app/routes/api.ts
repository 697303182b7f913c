export const loader = ({ request }: { request: Request }) => Response.json({ method: request.method });

export async function action({ request }: { request: Request }) {
  return Response.json({ method: request.method, body: await request.json() }, { status: 201 });
}
