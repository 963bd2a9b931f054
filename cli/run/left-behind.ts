import { readdir, readFile } from "node:fs/promises";

/**
 * Ids of the processes that were started with our socket in their environment, and so with our ports: the program's own, and
 * what it left behind. Linux tells; elsewhere nobody is found.
 */
export const findLeftBehind = async (socketPath: string): Promise<number[]> => {
  const names = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const variable = `\0ENCHANTED_SOCKET=${socketPath}\0`;
  const found = await Promise.all(
    names.map(async (name) => {
      const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => ""); // another user's, or gone
      return `\0${environment}`.includes(variable) ? [Number(name)] : [];
    }),
  );
  return found.flat();
};
