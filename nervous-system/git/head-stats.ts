import type { BigIntStats } from "node:fs";
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { locate, pathOf, type Path } from "#nervous-system/git/paths.ts";
import { statsOf } from "#nervous-system/git/places.ts";

/** Of a link to a Git directory; paths are shorter. */
const MAX_LINK_BYTES = 8192n;

/** What is written whenever HEAD moves: where references are files, and where they are tables. */
const logs = ["logs/HEAD", "reftable/tables.list"];

/** The Git directory of the repository at a path, from the top too. */
const gitDirectoryOf = async (top: string, path: Path): Promise<Path> => {
  const found = await statsOf(top, `${path}/.git`);
  const isLink = found?.isFile() === true && found.size <= MAX_LINK_BYTES;
  const text = isLink ? await readFile(locate(top, `${path}/.git`), "latin1").catch(() => "") : "";
  const [, to = ".git"] = /^gitdir: (.+)\n*$/.exec(text) ?? [];
  return relative(pathOf(top), resolve(pathOf(top), path, to));
};

/** What tells when the HEAD of the repository at a path last moved; undefined where nothing does. */
export const headStatsOf = async (top: string, path: Path): Promise<BigIntStats | undefined> => {
  const directory = await gitDirectoryOf(top, path);
  for (const log of logs) {
    const found = await statsOf(top, `${directory}/${log}`);
    if (found !== undefined) return found;
  }
  return undefined;
};
