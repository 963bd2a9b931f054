import { readdir, rm, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import type { Processes } from "#nervous-system/recorder/wal/lock.ts";
import { isUuid } from "#nervous-system/schemas/ids.ts";
import { isPrivateDirectory } from "../run/private-directory.ts";
import { readNote, writeNote, type RunNote } from "./note.ts";
import { listPlaces, lockPlace, noteIn, placeOf, removePlace } from "./run-places.ts";

/** One run among those of this user that are alive. */
export type Membership = {
  /** The other runs that were alive at some moment since the last call, or since this one began. */
  others(): Promise<RunNote[]>;
  /** Removes what runs left that were killed. */
  sweep(): Promise<void>;
  leave(): Promise<void>;
};

/** Where runs find each other, and who is alive. */
type JoinOptions = { runs: string; processes: Processes };

const TRIES = 3;

class RunMembership implements Membership {
  private readonly options: JoinOptions;
  private readonly note: RunNote;
  private readonly place: string;
  private readonly unlock: () => void;
  private readonly met = new Map<string, RunNote>();

  constructor(options: JoinOptions, note: RunNote, unlock: () => void) {
    this.options = options;
    this.note = note;
    this.place = placeOf(options.runs, note.agent_uid);
    this.unlock = unlock;
  }

  /** Learns of those that are there, and tells them: whoever begins later does the same. */
  async meet(): Promise<void> {
    for (const place of await this.otherPlaces()) {
      const other = await readNote(noteIn(place));
      if (other === undefined || !this.isAlive(other)) continue;
      this.met.set(other.agent_uid, other);
      await writeNote(this.note, this.place, join(place, this.note.agent_uid)).catch(() => undefined); // it has ended
    }
  }

  async others(): Promise<RunNote[]> {
    for (const name of (await readdir(this.place).catch(() => [])).filter(isUuid)) {
      const other = await readNote(join(this.place, name));
      if (other !== undefined) this.met.set(other.agent_uid, other);
      await unlink(join(this.place, name)).catch(() => undefined);
    }
    const all = [...this.met.values()];
    for (const other of all) if (!this.isAlive(other)) this.met.delete(other.agent_uid);
    return all;
  }

  async sweep(): Promise<void> {
    const dead: string[] = [];
    const inUse = new Set(this.note.directories);
    for (const place of await this.otherPlaces()) {
      const note = await readNote(noteIn(place));
      if (note === undefined || !this.options.processes.isAlive(note.owner)) dead.push(place);
      else for (const path of note.directories) inUse.add(path);
    }
    for (const place of dead) await this.sweepPlace(place, inUse);
  }

  async leave(): Promise<void> {
    await removePlace(this.place);
    this.unlock();
  }

  /** One that is locked belongs to a process that is not seen. */
  private async sweepPlace(place: string, inUse: ReadonlySet<string>): Promise<void> {
    const unlock = lockPlace(this.options.processes, place);
    if (typeof unlock === "string") return;
    const directories = (await readNote(noteIn(place)))?.directories ?? [];
    const unused = directories.filter((path) => isPrivateDirectory(path) && !inUse.has(path));
    for (const path of unused) await rm(path, { recursive: true, force: true });
    await removePlace(place);
    unlock();
  }

  private async otherPlaces(): Promise<string[]> {
    return (await listPlaces(this.options.runs)).filter((place) => basename(place) !== this.note.agent_uid);
  }

  /** A process that is not seen may be one of another PID namespace: it lives as long as it has its lock. */
  private isAlive({ owner, agent_uid: uid }: RunNote): boolean {
    if (this.options.processes.isAlive(owner)) return true;
    const unlock = lockPlace(this.options.processes, placeOf(this.options.runs, uid));
    if (typeof unlock !== "string") unlock();
    return unlock === "held";
  }
}

const alone: Membership = {
  others: async () => [],
  sweep: async () => undefined,
  leave: async () => undefined,
};

const take = async (options: JoinOptions, note: RunNote): Promise<Membership | undefined> => {
  const place = placeOf(options.runs, note.agent_uid);
  await makeDirectory(place, 0o700);
  const unlock = lockPlace(options.processes, place);
  if (typeof unlock === "string") return undefined;
  try {
    await writeNote(note, place, noteIn(place));
    const membership = new RunMembership(options, note, unlock);
    await membership.meet();
    return membership;
  } catch (error) {
    unlock();
    throw error;
  }
};

/**
 * Joins the runs of this user; where no place can be had among them, the run knows of nobody.
 *
 *   make place → lock it → write the note → tell whom it finds … look whom it was told of … → leave
 *          \______ somebody sweeps a place without a note: it is made anew
 */
export const joinRuns = async (options: JoinOptions, note: Omit<RunNote, "owner">): Promise<Membership> => {
  const full = { ...note, owner: options.processes.self() };
  for (let left = TRIES; left > 0; left -= 1) {
    const membership = await take(options, full).catch(() => undefined);
    if (membership !== undefined) return membership;
  }
  return alone;
};
