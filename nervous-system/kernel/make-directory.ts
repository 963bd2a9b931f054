import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

const isDirectory = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;

const makeOne = async (path: string, mode: number): Promise<void> => {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (!(await isDirectory(path))) throw error;
  }
};

/**
 * Makes a directory and those above it, each with `mode` where it is not there yet; rejects with the file system's error.
 * Node's own `recursive` never answers where a file system has a place and makes nothing in it, as `/proc`.
 */
export const makeDirectory = async (path: string, mode = 0o777): Promise<void> => {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || above === path) throw error;
    await makeDirectory(above, mode);
    await makeOne(path, mode);
  }
};
