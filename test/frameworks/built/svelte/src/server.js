import { render } from "svelte/server";
import App from "./App.svelte";
import Broken from "./Broken.svelte";

export default {
  async fetch(request) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/": {
        const props = { name: url.searchParams.get("name") ?? "Svelte", items: url.searchParams.getAll("item"), wait: 10 };
        const { head, body } = await render(App, { props });
        return new Response(`<!doctype html><html><head>${head}</head><body>${body}</body></html>`, { headers: { "content-type": "text/html; charset=utf-8" } });
      }
      case "/broken":
        try {
          return new Response((await render(Broken)).body);
        } catch (e) {
          return new Response(`sorry: ${e.message}`, { status: 500 });
        }
    }
    return new Response("not found", { status: 404 });
  },
};
