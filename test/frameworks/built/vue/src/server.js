import { createSSRApp } from "vue";
import { renderToString, renderToWebStream } from "vue/server-renderer";
import App from "./App.vue";
import Broken from "./Broken.vue";

const html = { headers: { "content-type": "text/html; charset=utf-8" } };

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const app = () => createSSRApp(App, { name: url.searchParams.get("name") ?? "Vue", items: url.searchParams.getAll("item") });
    switch (url.pathname) {
      case "/": {
        const context = {};
        const body = await renderToString(app(), context);
        return new Response(`<!doctype html><div id="app">${body}</div><div id="modal">${context.teleports["#modal"]}</div>`, html);
      }
      case "/stream":
        return new Response(renderToWebStream(app()), html);
      case "/broken":
        try {
          const app = createSSRApp(Broken);
          app.config.throwUnhandledErrorInProduction = true;
          return new Response(await renderToString(app), html);
        } catch (e) {
          return new Response(`sorry: ${e.message}`, { status: 500 });
        }
    }
    return new Response("not found", { status: 404 });
  },
};
