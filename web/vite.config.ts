import { defineConfig } from "vite";

// `npm run dev` shows the page with live reload; the API is a `soundkin serve` on its usual port.
const server = process.env["SOUNDKIN_SERVER"] ?? "http://127.0.0.1:8765";

export default defineConfig({
  build: {
    outDir: "../soundkin/serve/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": {
        target: server,
        changeOrigin: true,
        configure: (proxy) => proxy.on("proxyReq", (request) => request.removeHeader("origin")),
      },
    },
  },
});
