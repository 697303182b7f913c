// Octokit's request against the stub that the test names in `base`.
import { request as octokit } from "@octokit/request";

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/") return new Response("octokit");
    const api = octokit.defaults({ baseUrl: url.searchParams.get("base")!, headers: { authorization: "token of-the-test" }, request: { timeout: 1 } });
    try {
      switch (url.pathname) {
        case "/repo": {
          const { data, status, headers } = await api("GET /repos/{owner}/{repo}", { owner: "skerry", repo: "an example" });
          return Response.json({ data, status, limit: headers["x-ratelimit-remaining"] });
        }
        case "/issue": {
          const { data, status } = await api("POST /repos/{owner}/{repo}/issues", { owner: "skerry", repo: "r", title: "A title", labels: ["bug", "é"] });
          return Response.json({ data, status });
        }
        case "/search": {
          const { data } = await api("GET /search/issues{?q,per_page}", { q: "is:open a+b", per_page: 2, mediaType: { format: "text-match" } });
          return Response.json(data);
        }
        case "/raw": {
          const { data } = await api("GET /raw");
          return new Response(data as ArrayBuffer);
        }
        case "/missing":
        case "/not-modified":
          return Response.json((await api(`GET ${url.pathname}`)).data);
      }
    } catch (e) {
      const { name, status, message, response } = e as Error & { status: number; response?: { data: unknown } };
      return Response.json({ name, status, message, data: response?.data }, { status: 502 });
    }
    return new Response("not found", { status: 404 });
  },
};
