import { readFile, rename, writeFile } from "node:fs/promises";

/** Reads a JSON file; answers undefined when it is absent or not whole. */
export const readJson = async <T>(path: string): Promise<T | undefined> => {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch {
    return undefined;
  }
};

/** Writes a JSON file so that a reader sees the old or the new one, never a part. */
export const writeJson = async (path: string, value: unknown): Promise<void> => {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, JSON.stringify(value, undefined, 2));
  await rename(temporary, path);
};
