import { realpath } from "node:fs/promises";
import { relative } from "node:path";
import { pathOf, type Path } from "#nervous-system/git/paths.ts";
import type { Host } from "../host.ts";
import { cacheOf, stateOf } from "../own-places.ts";
import type { RunNote } from "../runs/note.ts";

/** Names from the top of a work tree, as they are written and as links lead. */
const pathsIn = async (top: string, names: readonly string[]): Promise<Path[]> => {
  const found = await Promise.all(names.map((name) => realpath(name).catch(() => name)));
  return [...new Set([...names, ...found])].map((name) => pathOf(relative(top, name)));
};

/**
 * Tells the files in a work tree that `enchanted` itself writes: records, what runs keep for themselves, state and cache. Each
 * run would record what another one writes, which that one would record.
 */
export const ownFiles = async (
  top: string,
  { env }: Pick<Host, "env">,
  runs: ReadonlyArray<Pick<RunNote, "record" | "directories">>,
): Promise<(path: Path) => boolean> => {
  const names = [stateOf(env), cacheOf(env), ...runs.flatMap(({ record, directories }) => [record, ...directories])];
  const own = await pathsIn(top, names);
  return (path) => own.some((one) => path === one || path.startsWith(`${one}/`));
};
