import { join } from "node:path";
import type { BuildOptions } from "esbuild";

/** CommonJS packages inside an ES module bundle still call require for Node's own modules. */
const banner =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/** What every bundle of ours has in common: one ES module a program for the pinned Node, with names kept for stack traces. */
export const bundleOptions = (root: string): BuildOptions & { alias: Record<string, string> } => ({
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  banner: { js: banner },
  keepNames: true,
  logLevel: "silent",
  // The exporter's ES module build requires grpc-js in a way that no bundler follows; its CommonJS build does not.
  alias: {
    "@opentelemetry/exporter-trace-otlp-grpc": join(
      root,
      "node_modules/@opentelemetry/exporter-trace-otlp-grpc/dist/index.cjs",
    ),
  },
});
