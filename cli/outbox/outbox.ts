import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import { isUuid, noMission, externalMission } from "#nervous-system/schemas/ids.ts";
import type { Host } from "../host.ts";
import { stateOf } from "../own-places.ts";

/** What one run left to be sent: a log in a directory of its own. */
export type Leftover = { directory: string; run: Run };

/** Whose frames a log holds, and where they are to go. */
export type Run = { agent_uid: string; agent_id: string; namespace: string; collector: string };

const NOTE = "run.json";
const SENT = ".sent-";

/** The directory that every run of this user keeps its log in, until the collector has it. */
export const outboxOf = ({ env }: Pick<Host, "env">): string => join(stateOf(env), "outbox");

/** The stamps of a run's frames: it belongs to no mission, and its chain to whoever writes it first. */
export const identityOf = (run: Omit<Run, "collector">): RecorderIdentity => ({
  agent_uid: run.agent_uid,
  mission_uid: noMission,
  mission: externalMission,
  namespace: run.namespace,
  lineage: 0,
  recorder: "scribe",
  agentId: run.agent_id,
});

/** Makes the directory of a run; it has its name only once it says whose it is. */
export const createLeftover = async (outbox: string, run: Run): Promise<Leftover> => {
  await makeDirectory(outbox, 0o700);
  const made = await mkdtemp(join(outbox, ".new-"));
  await writeFile(join(made, NOTE), `${JSON.stringify(run)}\n`, { mode: 0o600 });
  const directory = join(outbox, run.agent_uid);
  await rename(made, directory);
  return { directory, run };
};

/** Removes a log whose every frame is stored; under another name first, so that nobody finds half of it. */
export const removeLeftover = async ({ directory, run }: Leftover): Promise<void> => {
  const aside = join(directory, "..", `${SENT}${run.agent_uid}`);
  await rename(directory, aside);
  await rm(aside, { recursive: true, force: true });
};

const isRun = (value: unknown): value is Run =>
  typeof value === "object" &&
  value !== null &&
  ["agent_uid", "agent_id", "namespace", "collector"].every(
    (name) => typeof (value as Record<string, unknown>)[name] === "string",
  );

const read = async (directory: string): Promise<Leftover | undefined> => {
  try {
    const run: unknown = JSON.parse(await readFile(join(directory, NOTE), "utf8"));
    return isRun(run) ? { directory, run } : undefined;
  } catch {
    return undefined; // it was sent meanwhile
  }
};

/** What is in the outbox, the oldest run first. */
export const listLeftovers = async (outbox: string): Promise<Leftover[]> => {
  const names = (await readdir(outbox).catch(() => [])).toSorted((one, other) => (one < other ? -1 : 1));
  for (const name of names.filter((name) => name.startsWith(SENT)))
    await rm(join(outbox, name), { recursive: true, force: true });
  const found = await Promise.all(names.filter(isUuid).map((name) => read(join(outbox, name))));
  return found.filter((leftover) => leftover !== undefined);
};
