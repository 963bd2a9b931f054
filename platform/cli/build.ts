import type { Stats } from "node:fs";
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

/** Programs of the build before may still run, and load parts of it late: what it leaves counts its time from now on. */
const removeOld = async (directory: string, current: ReadonlySet<string>, before: Stats | undefined): Promise<void> => {
  for (const name of await readdir(directory)) {
    const file = join(directory, name);
    if (current.has(name)) continue;
    const { mtimeMs } = await stat(file);
    if (mtimeMs === before?.mtimeMs) await utimes(file, new Date(), new Date());
    else if (Date.now() - mtimeMs > KEPT_MS) await rm(file);
  }
};

/** Written beside its place, since a program may be reading what is there, and a build may be broken off. */
const replace = async (path: string, contents: Uint8Array, begun: Date): Promise<void> => {
  const fresh = `${path}.${process.pid}.new`;
  await writeFile(fresh, contents);
  await utimes(fresh, begun, begun);
  await rename(fresh, path);
};

/**
 * Makes the command line of few files, which start in half the time of the sources; `main.js` comes last, and is as old as the
 * moment when this began. Throws where a source lies where the launcher does not look.
 */
export const buildCli = async (root: string, outDir: string): Promise<void> => {
  const begun = new Date();
  const { metafile, outputFiles } = await build({
    ...bundleOptions(root),
    entryPoints: [
      { in: join(root, "cli/bin/main.ts"), out: "main" },
      { in: join(root, "nervous-system/imports/parser/main.ts"), out: "imports" },
    ],
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
  const before = await stat(main).catch(() => undefined);
  const mainLast = outputFiles.toSorted((one, other) => Number(one.path === main) - Number(other.path === main));
  for (const { path, contents } of mainLast) await replace(path, contents, begun);
  await removeOld(outDir, new Set(outputFiles.map(({ path }) => basename(path))), before);
};
