import { readdir, readFile } from "node:fs/promises";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** What tells of processes. */
export type ProcessTable = {
  ids(): Promise<string[]>;
  /** `NAME=value` of a process, each ended by NUL; empty where that is not to be known. */
  environment(id: string): Promise<string>;
};

/** Linux tells; elsewhere nobody is found. */
const linuxProcesses: ProcessTable = {
  ids: async () => (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name)),
  environment: (id) => readFile(`/proc/${id}/environ`, "latin1").catch(() => ""), // another user's, or gone
};

const PAUSE_MS = 1000;

const withSocket = async (ids: readonly string[], socketPath: string, table: ProcessTable): Promise<string[]> => {
  const variable = `\0ENCHANTED_SOCKET=${socketPath}\0`;
  const found = await Promise.all(ids.map(async (id) => `\0${await table.environment(id)}`.includes(variable)));
  return ids.filter((_, at) => found[at]);
};

/**
 * Ids of the processes that were started with our socket in their environment, and so with our ports: the program's own, and
 * what it left behind.
 */
export const findLeftBehind = async (socketPath: string, table = linuxProcesses): Promise<string[]> =>
  withSocket(await table.ids(), socketPath, table);

/**
 * Resolves when no such process is left, or when the signal aborts. It may wait for days: as long as one of those that were
 * found lives, whatever they started is looked for nowhere.
 */
export const untilNobodyIsLeft = async (
  socketPath: string,
  { clock, signal, table = linuxProcesses }: { clock: Pick<Clock, "sleep">; signal: AbortSignal; table?: ProcessTable },
): Promise<void> => {
  let left = await findLeftBehind(socketPath, table);
  while (left.length > 0 && !signal.aborted) {
    await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
    left = await withSocket(left, socketPath, table);
    if (left.length === 0) left = await findLeftBehind(socketPath, table);
  }
};
