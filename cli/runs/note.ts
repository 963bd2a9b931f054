import { readFile, rename, writeFile } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";

/** What others may know of a run: whose it is, and which files are its own. */
export type RunNote = {
  agent_uid: string;
  /** Id of its process, as `Processes` tells them apart. */
  owner: string;
  /** Where its program works. */
  cwd: string;
  record: string;
  /** Where its private directory may be. */
  directories: readonly string[];
};

const isNote = (value: unknown): value is RunNote => {
  if (!isJsonObject(value)) return false;
  const { directories } = value;
  return (
    ["agent_uid", "owner", "cwd", "record"].every((name) => typeof value[name] === "string") &&
    Array.isArray(directories) &&
    directories.every((path) => typeof path === "string")
  );
};

/** Reads a note; undefined where there is none. */
export const readNote = async (path: string): Promise<RunNote | undefined> => {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return isNote(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** Writes a note, which nobody ever sees half of; `from` is a directory of the writer's own on the same file system. */
export const writeNote = async (note: RunNote, from: string, to: string): Promise<void> => {
  const part = join(from, ".part");
  await writeFile(part, JSON.stringify(note), { mode: 0o600 });
  await rename(part, to);
};

const isWithin = (path: string, directory: string): boolean => {
  const inside = relative(directory, path);
  return !inside.startsWith("..") && !isAbsolute(inside);
};

/** Whether a run's program works in a work tree, above it, or below: whether it may be the one that changes a file there. */
export const worksIn = ({ cwd }: RunNote, top: string): boolean => isWithin(cwd, top) || isWithin(top, cwd);
