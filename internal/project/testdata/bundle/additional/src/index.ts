import { hello } from "./deep/inner";
export default { fetch: async (r: Request) => new Response((await import(`./lang/${r.method}.js`)).default + hello) };
