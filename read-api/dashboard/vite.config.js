import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    // The page's policy allows no inline code, and every browser that it is for knows modules.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    license: { fileName: "licenses.md" },
  },
  server: {
    // `npm run dev` beside a running `diagent up`.
    proxy: { "/api": "http://127.0.0.1:8081", "/config.json": "http://127.0.0.1:8081" },
  },
});
