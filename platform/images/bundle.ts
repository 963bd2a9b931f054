import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { build, stop } from "esbuild";
import { bundleOptions } from "../bundle-options.ts";

/** One program of ours: what it is bundled from and where the bundle goes, relative to the checkout. */
type EntryPoint = { readonly image: string; readonly from: string; readonly file: string };

/** Every program that is bundled, by the image that carries it. */
const entryPoints: readonly EntryPoint[] = [
  { image: "operator", from: "operator/main.ts", file: "main.js" },
  { image: "operator", from: "operator/uninstall/main.ts", file: "uninstall.js" },
  { image: "pipeline", from: "pipeline/main.ts", file: "main.js" },
  { image: "pipeline", from: "pipeline/gateway/bodies/main.ts", file: "bodies.js" },
  { image: "pipeline", from: "pipeline/embedding/local/main.ts", file: "embedding.js" },
  { image: "scribe", from: "scribe/main.ts", file: "main.js" },
  { image: "scribe", from: "scribe/wrap.ts", file: "wrap.js" },
  // What `fetch` brings to agents that are programs of others, whose images are not ours.
  { image: "scribe", from: "agent-image/runtimes/main.ts", file: "runtime.js" },
  { image: "scribe", from: "nervous-system/imports/parser/main.ts", file: "imports.js" },
  { image: "supervisor", from: "supervisor/main.ts", file: "main.js" },
  { image: "cortex", from: "agent-image/cortex/main.ts", file: "main.js" },
  { image: "cortex", from: "nervous-system/imports/parser/main.ts", file: "imports.js" },
  { image: "model-server", from: "test/model-server/main.ts", file: "main.js" },
  { image: "clickhouse", from: "platform/stores/clickhouse/main.ts", file: "main.js" },
];

/** Bundles every program of one image, from nothing, into `dist/<image>/` unless told. */
export const bundleImage = async (root: string, image: string, outDir = join(root, "dist", image)): Promise<string> => {
  await rm(outDir, { recursive: true, force: true });
  for (const entry of entryPoints.filter((one) => one.image === image)) {
    const source = join(root, entry.from);
    if (!existsSync(source)) {
      throw new Error(`The image "${image}" is bundled from ${entry.from}, which does not exist.`);
    }
    await build({
      ...bundleOptions(root),
      entryPoints: [source],
      outfile: join(outDir, entry.file),
      // A native add-on cannot be inside a bundle; its image carries the package beside it.
      external: ["chdb", "onnxruntime-node"],
      // Source text stays in memory: without comments and white space a scribe takes 11 MiB less. Names stay for stack traces.
      minifyWhitespace: true,
      minifySyntax: true,
    });
  }
  // Its service is a process of its own, and would keep this one alive.
  await stop();
  return outDir;
};
