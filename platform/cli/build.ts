import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { basename, join } from "node:path";
import { build, stop, type Plugin } from "esbuild";
import { bundleOptions } from "../bundle-options.ts";

// The launcher takes what was built for old when anything here is newer.
const sourcesOfCli = ["cli", "nervous-system", "scribe", "package.json", "package-lock.json"] as const;

/**
 * Node's own modules as `require` would give them. Imported, each evaluates all that it exports; `node:http` exports the
 * WebSocket of undici, which takes 30 ms of CPU.
 */
const builtins: Plugin = {
  name: "builtins",
  setup: (bundle) => {
    bundle.onResolve({ filter: /^node:/ }, ({ path }) =>
      isBuiltin(path) ? { path, namespace: "builtin" } : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }));
  },
};

/** Where its launcher looks for the command line that was built of a checkout. */
export const cliDirectory = (root: string): string => join(root, "dist", "cli");

// Packages may be elsewhere by a link; the lockfile stands for them.
const isWatched = (input: string): boolean =>
  input.startsWith("builtin:") ||
  input.split("/").includes("node_modules") ||
  sourcesOfCli.some((place) => input === place || input.startsWith(`${place}/`));

const KEPT_MS = 30 * 24 * 3_600_000;

/** Programs of an earlier build may still run, and load parts of it late. */
const removeOld = async (directory: string, isCurrent: (name: string) => boolean): Promise<void> => {
  for (const name of await readdir(directory)) {
    const file = join(directory, name);
    if (!isCurrent(name) && Date.now() - (await stat(file)).mtimeMs > KEPT_MS) await rm(file);
  }
};

/**
 * Makes the command line of few files, which start in half the time of the sources; `main.js` comes last, and is as old as the
 * moment when this began. Throws where a source lies where the launcher does not look.
 */
export const buildCli = async (root: string, outDir: string): Promise<void> => {
  const begun = new Date();
  const { metafile, outputFiles } = await build({
    ...bundleOptions(root),
    entryPoints: [join(root, "cli/bin/main.ts")],
    outdir: outDir,
    splitting: true,
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [builtins],
    metafile: true,
    write: false,
  });
  await stop();
  const elsewhere = Object.keys(metafile.inputs).filter((input) => !isWatched(input));
  if (elsewhere.length > 0)
    throw new Error(`The launcher cli/bin/enchanted does not look at ${elsewhere.slice(0, 5).join(", ")}.`);
  await mkdir(outDir, { recursive: true });
  const main = join(outDir, "main.js");
  for (const { path, contents } of outputFiles) await writeFile(path === main ? `${main}.new` : path, contents);
  await utimes(`${main}.new`, begun, begun);
  await rename(`${main}.new`, main);
  const current = new Set(outputFiles.map(({ path }) => basename(path)));
  await removeOld(outDir, (name) => current.has(name));
};
