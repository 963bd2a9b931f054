import type { Clock } from "#nervous-system/kernel/clock.ts";
import { errorCode, type Disk, type DiskFile, WalError } from "./disk.ts";

/** Tells processes apart: an id names one life of one process, so a reused pid is another id. */
export type Processes = {
  /** Id of this process; no comma in it. */
  self(): string;
  /** Whether it is seen to live; `false` also of one that this process cannot see. */
  isAlive(id: string): boolean;
  /**
   * Locks the file at `path` against every other process, seen or not, until the lock is released or the process ends;
   * `undefined` while another one has it. Absent where nothing can.
   */
  seize?(path: string): (() => void) | undefined;
};

/** Where the lock is, and what taking it needs. */
export type LockOptions = { disk: Disk; directory: string; processes: Processes; clock: Pick<Clock, "sleep"> };

/** Gives the lock back. */
type Unlock = () => Promise<void>;

const PREFIX = "lock.";
const KERNEL_LOCK = "kernel-lock";
const LOOKS = 100;
const BETWEEN_LOOKS_MS = 20;

const claimOf = (id: string): string => PREFIX + id.replaceAll("/", ",");
const claimant = (name: string): string => name.slice(PREFIX.length).replaceAll(",", "/");

const locked = (path: string, owner: string): WalError => {
  const who =
    owner === "" ? "a process that has not signed it yet" : `process ${owner} (pid/start/boot.namespace.host)`;
  return new WalError("WAL_LOCKED", `${path} is held by ${who}; end that process or use another directory`);
};

const unlessGone = (error: unknown): undefined => {
  if (errorCode(error) !== "ENOENT") throw error;
};

const readOwner = async (disk: Disk, path: string): Promise<string | undefined> => {
  const file = await disk.open(path).catch(unlessGone);
  try {
    return (await file?.read(0, await file.size()))?.toString("utf8");
  } finally {
    await file?.close();
  }
};

/** Shows the claim: a file whose name says whose it is from its first moment on. */
const showClaim = async ({ disk, directory, processes }: LockOptions, claim: string): Promise<DiskFile> => {
  try {
    return await disk.create(claim);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  // This process claims it at this moment, or did so in another life that had the same id.
  if (processes.isAlive(processes.self())) throw locked(`${directory}/lock`, processes.self());
  await disk.unlink(claim);
  return disk.create(claim);
};

/** The living others who claim the lock; claims of the dead are swept away, which harms nobody: their ids never return. */
const livingRivals = async ({ disk, directory, processes }: LockOptions): Promise<string[]> => {
  const own = claimOf(processes.self());
  const others = (await disk.list(directory)).filter((name) => name.startsWith(PREFIX) && name !== own);
  const isDead = (name: string): boolean => !processes.isAlive(claimant(name));
  for (const name of others.filter(isDead)) await disk.unlink(`${directory}/${name}`).catch(unlessGone);
  return others.filter((name) => !isDead(name)).map(claimant);
};

/** Waits until no living rival is left; refused where one with a smaller id is seen. */
const outlastRivals = async (options: LockOptions, path: string): Promise<void> => {
  const self = options.processes.self();
  let rival: string | undefined;
  for (let look = 0; look < LOOKS; look += 1) {
    const rivals = (await livingRivals(options)).toSorted();
    [rival] = rivals;
    if (rival === undefined) return;
    if (rival < self) break;
    await options.clock.sleep(BETWEEN_LOOKS_MS);
  }
  if (rival !== undefined) throw locked(path, rival);
};

/** Shuts out whoever this process cannot see: an owner in another PID namespace of the kernel, or on another host. */
const shutOut = async ({ disk, directory, processes }: LockOptions): Promise<() => void> => {
  if (processes.seize === undefined) return () => undefined;
  const release = processes.seize(`${directory}/${KERNEL_LOCK}`);
  if (release !== undefined) return release;
  const path = `${directory}/lock`;
  throw locked(path, (await readOwner(disk, path)) ?? "");
};

/** Removes the lock as long as it is still this process's own. */
const giveBack = async ({ disk, directory, processes }: LockOptions): Promise<void> => {
  const path = `${directory}/lock`;
  if ((await readOwner(disk, path)) === processes.self()) await disk.unlink(path);
};

const claimLock = async (options: LockOptions): Promise<void> => {
  const { disk, directory, processes } = options;
  const path = `${directory}/lock`;
  const claim = `${directory}/${claimOf(processes.self())}`;
  const file = await showClaim(options, claim);
  try {
    await outlastRivals(options, path);
    const owner = await readOwner(disk, path);
    if (owner !== undefined && processes.isAlive(owner)) throw locked(path, owner);
    // On a disk that is full, what the dead one's took is room enough for ours.
    if (owner !== undefined) await disk.unlink(path);
    await file.write(Buffer.from(processes.self()), 0);
    await disk.rename(claim, path);
  } catch (error) {
    await disk.unlink(claim).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
};

/**
 * Takes the lock of a directory, over from a dead process if need be; answers how to give it back.
 *
 *     seize kernel-lock ── another process has it ──▶ refused
 *       └─ claim: create lock.<id>
 *            └─ look for others' claims ── of a living smaller id ──▶ refused, the claim is withdrawn
 *                 │   └─ of living greater ids only: they will see ours and withdraw, or were before us: look again
 *                 └─ none: read lock ── its owner lives ──▶ refused, the claim is withdrawn
 *                      └─ none, or a dead one ──▶ remove it, write the name into lock.<id>, rename that to lock: held
 *
 * Never two: the kernel lets one seize. Where nothing can be seized (Node 20), or a file system grants it to everybody,
 * processes that see each other are kept apart by their claims. Of two claimants, the one that claimed later looks when
 * both claims are shown; the earlier one's is there still, or is the lock by then, and that is read after looking. Not
 * none: the smallest id among them never withdraws for a claim, only for a lock that somebody holds.
 */
export const takeLock = async (options: LockOptions): Promise<Unlock> => {
  const release = await shutOut(options);
  try {
    await claimLock(options);
  } catch (error) {
    release();
    throw error;
  }
  return () => giveBack(options).finally(release);
};
