import { createRequestHandler, RouterContextProvider } from "react-router";
import { cloudflare } from "../app/context";

const handle = createRequestHandler(() => import("virtual:react-router/server-build"), import.meta.env.MODE);

export default {
  fetch(request: Request, env: { VALUE_FROM_CLOUDFLARE: string }): Promise<Response> {
    const context = new RouterContextProvider();
    context.set(cloudflare, { env });
    return handle(request, context);
  },
};
