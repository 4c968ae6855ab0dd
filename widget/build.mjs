// Builds what browsers load into dist/: widget.js under its stable name, everything else under names that hold a hash of the content.
// The result depends on the source and on the locked packages alone, so that CI can compare it with what is committed.

import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = join(root, "dist");

// Bytes after gzip that a visitor loads at most: on every page, and when the chat is first opened.
const LOADER_BYTES_MAX = 12 * 1024;
const PANEL_BYTES_MAX = 35 * 1024;

// Style sheets become texts: they are adopted by the shadow root, which a strict Content-Security-Policy allows.
const sheets = {
  name: "sheets",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await esbuild.transform(await readFile(path, "utf8"), { loader: "css", minify: true, target: common.target });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: ["es2022", "chrome105", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  plugins: [sheets],
};

await rm(dist, { recursive: true, force: true });
const chunks = await esbuild.build({
  ...common,
  entryPoints: { panel: "src/panel/index.tsx", de: "src/strings/de.ts", fr: "src/strings/fr.ts", ar: "src/strings/ar.ts" },
  format: "esm",
  entryNames: "[name]-[hash]",
  outdir: dist,
  metafile: true,
});
const names = Object.keys(chunks.metafile.outputs).map((path) => basename(path));
const { panel, ...languages } = Object.fromEntries(names.map((name) => [name.replace(/-\w+\.js$/, ""), name]));
await esbuild.build({
  ...common,
  entryPoints: ["src/loader.ts"],
  format: "iife",
  outfile: join(dist, "widget.js"),
  define: { __PANEL__: JSON.stringify(panel), __LANGUAGES__: JSON.stringify(languages) },
});
let tooLarge = false;
for (const [what, name, bytesMax] of [["loader and launcher", "widget.js", LOADER_BYTES_MAX], ["panel", panel, PANEL_BYTES_MAX]]) {
  const bytes = gzipSync(await readFile(join(dist, name)), { level: 9 }).length;
  tooLarge ||= bytes > bytesMax;
  console.log(`${bytes > bytesMax ? "FAIL" : "ok  "}  ${what}: ${bytes} of ${bytesMax} bytes gzipped (${name})`);
}
process.exitCode = Number(tooLarge);
