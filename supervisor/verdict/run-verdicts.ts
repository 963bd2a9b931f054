import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createCondition } from "#nervous-system/kernel/condition.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Informer } from "#nervous-system/kubernetes/informer.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentEvent, ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { verdictOf } from "#supervisor/verdict/verdict-of.ts";

/** What is told of ended missions. */
export type Verdicts = {
  readonly missions: Pick<Informer<Mission>, "addHandler" | "list" | "synced">;
  /** Holds a file for each mission that was told of; survives the process. */
  readonly directory: string;
  readonly record: Pick<ComponentRecorder, "write">;
  readonly log: Log;
};

/** Missions that were told of, by UID; those that are not there any more are forgotten. */
const openTold = async (directory: string, missions: Verdicts["missions"]): Promise<Set<string>> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const known = new Set(missions.list().map(({ metadata }) => metadata.uid));
  const told = new Set(await readdir(directory));
  for (const uid of [...told].filter((one) => !known.has(one))) {
    told.delete(uid);
    await rm(join(directory, uid), { force: true });
  }
  return told;
};

/**
 * Records what became of each mission once it has ended, until the signal aborts. Whoever is killed between the frame and its note
 * tells the same again, under the same id. Rejects when the record or its notes cannot be written: a restart goes on.
 */
export const runVerdicts = async (verdicts: Verdicts, signal: AbortSignal): Promise<void> => {
  const { missions, directory, record, log } = verdicts;
  const due = new Map<string, ComponentEvent>();
  const changed = createCondition();
  try {
    await missions.synced(signal);
    const told = await openTold(directory, missions);
    log.info({ missions: missions.list().length, told: told.size }, "missions followed");
    missions.addHandler(({ object }) => {
      const { uid } = object.metadata;
      const verdict = told.has(uid) ? undefined : verdictOf(object);
      if (verdict === undefined) return;
      due.set(uid, verdict);
      changed.notify();
    });
    while (!signal.aborted) {
      for (const [uid, verdict] of due) {
        await record.write(verdict);
        await writeFile(join(directory, uid), "", { mode: 0o600 });
        told.add(uid);
        due.delete(uid);
        log.info({ ...verdict.subject, ...verdict.payload }, "a mission's end is recorded");
      }
      await changed.wait(signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};
