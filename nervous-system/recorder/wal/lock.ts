import { errorCode, type Disk } from "./disk.ts";
import { WalError } from "./wal-error.ts";

/** Tells processes apart: an id names one life of one process, so a reused pid is another id. */
export type Processes = {
  /** Id of this process. */
  self(): string;
  isAlive(id: string): boolean;
};

const readOwner = async (disk: Disk, path: string): Promise<string | undefined> => {
  try {
    const file = await disk.open(path);
    try {
      return (await file.read(0, await file.size())).toString("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
};

const tryCreate = async (disk: Disk, path: string, owner: string): Promise<boolean> => {
  try {
    const file = await disk.create(path);
    await file.write(Buffer.from(owner), 0);
    await file.close();
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
};

/** Moves a dead owner's lock aside. Renaming is atomic; if another process was faster, its lock is put back. */
const removeStale = async (disk: Disk, path: string, dead: string, aside: string): Promise<void> => {
  await disk.rename(path, aside).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
  const moved = await readOwner(disk, aside);
  if (moved !== undefined && moved !== dead) {
    await disk.rename(aside, path);
    throw locked(path, moved);
  }
  if (moved !== undefined) await disk.unlink(aside);
};

const locked = (path: string, owner: string): WalError =>
  new WalError("WAL_LOCKED", `${path} is held by process ${owner}; end that process or use another directory`);

/** Takes the lock of `directory`, over from a dead process if need be; answers how to give it back. */
export const takeLock = async (disk: Disk, directory: string, processes: Processes): Promise<() => Promise<void>> => {
  const path = `${directory}/lock`;
  const self = processes.self();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (await tryCreate(disk, path, self)) return () => disk.unlink(path);
    const owner = await readOwner(disk, path);
    if (owner === undefined) continue;
    if (processes.isAlive(owner)) throw locked(path, owner);
    await removeStale(disk, path, owner, `${path}.${self.replaceAll(/[^\w]/g, "-")}`);
  }
  throw locked(path, "that comes and goes");
};
