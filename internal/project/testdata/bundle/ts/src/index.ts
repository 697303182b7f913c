import { greet, type Person } from "./greet";
import settings from "./settings.json";

export default {
  async fetch(request: Request): Promise<Response> {
    const person: Person = { name: settings.name };
    return new Response(greet(person));
  },
};
