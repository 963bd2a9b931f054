import { readdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Processes } from "#nervous-system/recorder/wal/lock.ts";
import { isUuid } from "#nervous-system/schemas/ids.ts";

const LOCK = "lock";

/** The place of one run among those that are alive, `<state>/runs/<agent uid>`. */
export const placeOf = (runs: string, agentUid: string): string => join(runs, agentUid);

/** The run's own note in its place; beside it stand the notes of runs that met it, by their agent's uid. */
export const noteIn = (place: string): string => join(place, "run.json");

/** The places of all runs. */
export const listPlaces = async (runs: string): Promise<string[]> => {
  const names = await readdir(runs).catch(() => []);
  return names.filter(isUuid).map((name) => join(runs, name));
};

/** Locks a place for as long as this process lives; answers how to unlock it, or why not. */
export const lockPlace = (processes: Processes, place: string): (() => void) | "held" | "gone" => {
  try {
    return processes.seize?.(join(place, LOCK)) ?? "held";
  } catch {
    return "gone";
  }
};

/**
 * Removes a place that this process has locked. The lock goes last, and nothing that came meanwhile with it: a run that begins
 * in this place then finds it gone, or its own.
 */
export const removePlace = async (place: string): Promise<void> => {
  const names = await readdir(place).catch(() => []);
  for (const name of names.filter((one) => one !== LOCK)) await unlink(join(place, name)).catch(() => undefined);
  await unlink(join(place, LOCK)).catch(() => undefined);
  await rmdir(place).catch(() => undefined);
};
