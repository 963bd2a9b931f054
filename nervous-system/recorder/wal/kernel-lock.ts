import type * as sqlite from "node:sqlite";

/** The kernel's lock on the file at a path, which is made: answers how to release it, or `undefined` while another process has it. */
type Seize = (path: string) => (() => void) | undefined;

const BUSY = 5;
/** Two that come at once hinder each other for a moment; one of them has it when this is over. */
const PATIENCE_MS = 100;

// Nobody else refers to a database that is never read: the garbage collector would close it, and end its lock.
const held = new Set<sqlite.DatabaseSync>();

const lockWhole = (database: sqlite.DatabaseSync): void => {
  try {
    // The database stays empty and has its journal in memory: a full disk has room for it, and a kill leaves nothing.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw error;
  }
};

/**
 * Node has no call for a lock of the kernel, but its SQLite locks a database by one (fcntl): it ends with the process,
 * however that ends, and counts in every PID namespace, and on every host where the file system has hosts. Never open
 * the file otherwise: a process that closes it loses its locks on it. Never remove it: somebody may be about to lock it.
 */
export const createKernelLock =
  ({ DatabaseSync }: typeof sqlite): Seize =>
  (path) => {
    try {
      const database = new DatabaseSync(path, { timeout: PATIENCE_MS });
      lockWhole(database);
      held.add(database);
      return () => {
        held.delete(database);
        database.close();
      };
    } catch (error) {
      const { errcode = 0, message } = error as Error & { errcode?: number };
      // The low byte is the kind of error, the others say more about it.
      if ((errcode & 0xff) === BUSY) return undefined;
      throw new Error(`${path} cannot be locked: ${message}`, { cause: error });
    }
  };
