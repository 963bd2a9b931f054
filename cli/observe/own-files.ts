import { constants } from "node:fs";
import { lstat, open, realpath } from "node:fs/promises";
import { relative } from "node:path";
import { pathOf, type Path } from "#nervous-system/git/paths.ts";
import { parseFrameLine } from "#nervous-system/recorder/context-file/frame-line.ts";
import type { Host } from "../host.ts";
import { cacheOf, stateOf } from "../own-places.ts";
import { isPrivateDirectory } from "../run/private-directory.ts";
import type { RunNote } from "../runs/note.ts";

/** What one run writes for itself. */
type Written = Pick<RunNote, "record" | "directories">;

// More than a frame and its proof.
const TAIL_BYTES = 512 * 1024;

const isPrivate = async (path: string): Promise<boolean> =>
  isPrivateDirectory(path) && (await lstat(path).catch(() => undefined))?.isDirectory() === true;

/** Whether a file is empty or ends with a frame, but for the half line of one that is being written. */
const isRecord = async (path: string): Promise<boolean> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size === 0) return stats.isFile();
    const from = Math.max(0, stats.size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(stats.size, TAIL_BYTES)), { position: from });
    const last = buffer.toString("utf8", 0, bytesRead).split("\n").at(-2);
    return last !== undefined && parseFrameLine(last).kind === "frame";
  } finally {
    await file.close();
  }
};

/** Any program can leave a note that names any file, to hide what it does to it: it is believed of what looks as it says. */
const believed = async ({ record, directories }: Written): Promise<string[]> => {
  const found = await Promise.all([isRecord(record), ...directories.map(isPrivate)]);
  return [record, ...directories].filter((_, at) => found[at]);
};

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
  own: Written,
  others: readonly Written[],
): Promise<(path: Path) => boolean> => {
  const ofOthers = (await Promise.all(others.map(believed))).flat();
  const names = [stateOf(env), cacheOf(env), own.record, ...own.directories, ...ofOthers];
  const paths = await pathsIn(top, names);
  return (path) => paths.some((one) => path === one || path.startsWith(`${one}/`));
};
