import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte({ configFile: false, compilerOptions: { experimental: { async: true } } })],
  ssr: { noExternal: true, resolve: { conditions: ["workerd", "worker"] } },
  build: { ssr: "src/server.js", outDir: "dist" },
});
