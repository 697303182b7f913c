import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [vue()],
  ssr: { noExternal: true, resolve: { conditions: ["workerd", "worker"] } },
  build: { ssr: "src/server.js", outDir: "dist" },
});
