import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the publisher is at work on, written down so that whoever comes after a kill knows what it may have died of. */
export type WorkMarks = {
  /** How many times in a row a publisher was killed while it was at work on this. */
  kills(name: string): number;
  begin(name: string): Promise<void>;
  /** It ended, however: nobody was killed. */
  end(name: string): Promise<void>;
};

const readKills = async (file: string): Promise<number> => {
  const kills = Number(await readFile(file, "utf8"));
  return Number.isSafeInteger(kills) && kills > 0 ? kills : 1; // the kill was faster than the write
};

/**
 * Opens the marks in a directory that survives the process: a file for what is at work, with the number of kills that it will
 * have been if the file is found. A name is one of a file.
 */
export const openWorkMarks = async (directory: string): Promise<WorkMarks> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const kills = new Map<string, number>();
  for (const name of await readdir(directory)) kills.set(name, await readKills(join(directory, name)));
  return {
    kills: (name) => kills.get(name) ?? 0,
    // Where there is no room for it, the work is done all the same: a kill of it is not counted.
    begin: (name) =>
      writeFile(join(directory, name), String((kills.get(name) ?? 0) + 1), { mode: 0o600 }).catch(() =>
        rm(join(directory, name), { force: true }),
      ),
    end: async (name) => {
      await rm(join(directory, name), { force: true });
      kills.delete(name);
    },
  };
};
