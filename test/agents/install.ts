import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory } from "#platform/environment.ts";
import { run } from "#platform/process/run.ts";
import { ensurePythonPackages } from "#platform/tools/python-environment.ts";
import { fillOnce } from "#test/bench/harness/fill-once.ts";
import { versions } from "./versions.ts";

/** A name of an agent in the table of versions. */
export type Package = keyof typeof versions;

const fromNpm = (packages: readonly string[]): Promise<string> => {
  const key = createHash("sha256")
    .update([process.version, process.arch, ...packages].join("\n"))
    .digest("hex");
  return fillOnce(join(cacheDirectory(), "agents", key.slice(0, 16)), async (directory) => {
    await writeFile(join(directory, "package.json"), '{ "private": true }');
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run(["npm", "install", "--ignore-scripts", "--save-exact", ...quiet, ...packages], { cwd: directory });
  });
};

/** Where a program stands whose own script of installation, which is not run, would have put it in its place. */
const placesOf = (directory: string, command: string): string[] => [
  join(directory, `node_modules/${command}-linux-${process.arch}/bin/${command}`),
  join(directory, "node_modules/.bin", command),
];

/** Installs an agent into the user's cache, where it is not there yet, and answers the path of its command. */
export const installAgent = async (name: Package, command: string): Promise<string> => {
  const pinned = versions[name];
  if ("python" in pinned) {
    const python = await ensurePythonPackages([`${pinned.python}==${pinned.version}`]);
    return join(dirname(python), command);
  }
  const directory = await fromNpm([`${pinned.npm}@${pinned.version}`]);
  const place = placesOf(directory, command).find((path) => existsSync(path));
  if (place === undefined) throw new Error(`${pinned.npm} has no command ${command}`);
  return place;
};
