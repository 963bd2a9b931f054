import { constants } from "node:fs";
import { mkdir, open, readlink, type FileHandle } from "node:fs/promises";
import { followLink, ToolFailure } from "./confined-path.ts";

/** A directory of the workspace, open, and the name of an entry in it that is no symbolic link (it may not exist yet). */
export type Entry = {
  readonly dir: FileHandle;
  readonly name: string;
  /** Segments of the entry once links were followed. */
  readonly segments: readonly string[];
};

const maxLinks = 16;
const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** The path of `name` in an open directory: what openat(2) would take. It stays right when the directory is moved or swapped. */
export const inDirectory = (dir: FileHandle, name: string): string => `/proc/self/fd/${dir.fd}/${name}`;

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

const linkTarget = async (dir: FileHandle, name: string): Promise<string | undefined> => {
  try {
    return await readlink(inDirectory(dir, name));
  } catch (error) {
    if (codeOf(error) === "EINVAL" || codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
};

const openChild = async (dir: FileHandle, name: string, create: boolean): Promise<FileHandle> => {
  try {
    return await open(inDirectory(dir, name), openDirectory);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || !create) throw error;
    await mkdir(inDirectory(dir, name)).catch((failure: unknown) => {
      if (codeOf(failure) !== "EEXIST") throw failure;
    });
    return open(inDirectory(dir, name), openDirectory);
  }
};

type Walk = { readonly root: string; readonly create: boolean };
type Arrived = { readonly entry: Entry } | { readonly goOn: readonly string[] };

/** Steps from an open directory into `segments[index]`; answers the segments to start over with when that is a link. */
const step = async (
  walk: Walk,
  dir: FileHandle,
  segments: readonly string[],
  index: number,
): Promise<FileHandle | readonly string[]> => {
  const name = segments[index] ?? "";
  try {
    return await openChild(dir, name, walk.create);
  } catch (error) {
    const at = segments.slice(0, index + 1);
    const target = await linkTarget(dir, name);
    if (target !== undefined) return followLink(walk.root, at, target, segments.slice(index + 1));
    if (codeOf(error) === "ENOTDIR") throw new ToolFailure(`"${at.join("/")}" is not a directory`);
    if (codeOf(error) === "ENOENT") throw new ToolFailure(`there is no directory "${at.join("/")}"`);
    throw error;
  }
};

const isSegments = (stepped: FileHandle | readonly string[]): stepped is readonly string[] => Array.isArray(stepped);

const walkOnce = async (walk: Walk, segments: readonly string[]): Promise<Arrived> => {
  let dir = await open(walk.root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (let index = 0; index < segments.length - 1; index += 1) {
      const next = await step(walk, dir, segments, index);
      if (isSegments(next)) {
        await dir.close();
        return { goOn: next };
      }
      await dir.close();
      dir = next;
    }
    const name = segments.at(-1) ?? ".";
    const target = await linkTarget(dir, name);
    if (target === undefined) return { entry: { dir, name, segments } };
    await dir.close();
    return { goOn: followLink(walk.root, segments, target, []) };
  } catch (error) {
    await dir.close().catch(() => {});
    throw error;
  }
};

/**
 * Opens the directory of an entry of the workspace one component at a time, never through a symbolic link: links are read and
 * followed by name, inside the root only. So nobody who swaps a component meanwhile can lead us out. The caller closes `dir`
 * and opens the entry itself with O_NOFOLLOW.
 */
export const openEntry = async (root: string, path: readonly string[], create: boolean): Promise<Entry> => {
  let segments = path;
  for (let links = 0; links <= maxLinks; links += 1) {
    const arrived = await walkOnce({ root, create }, segments);
    if ("entry" in arrived) return arrived.entry;
    segments = arrived.goOn;
  }
  throw new ToolFailure(`"${path.join("/")}" goes through more than ${maxLinks} symbolic links`);
};
