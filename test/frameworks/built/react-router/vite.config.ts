import { reactRouter } from "@react-router/dev/vite";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [reactRouter()],
  environments: {
    ssr: {
      // The worker is the entry, so that it and the routes share one copy of everything.
      build: { rollupOptions: { input: "./workers/app.ts" } },
      resolve: { noExternal: true, conditions: ["workerd", "worker", "browser"] },
    },
  },
});
