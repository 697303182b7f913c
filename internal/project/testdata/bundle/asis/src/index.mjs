import { lib } from "./lib/lib.mjs";
import text from "./lib/text.txt";
export default { fetch: () => new Response(lib + text) };
