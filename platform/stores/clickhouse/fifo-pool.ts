import { execFile } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

/** A named pipe that the engine writes its rows into: rows arrive as they are made, and a slow reader slows the query. */
type Fifo = {
  readonly path: string;
  readonly rows: Socket;
  /** No more will be written: the reader ends when it has read the rest. */
  readonly finish: () => void;
  /** Closes it and, when the engine no longer has it open, gives it back for reuse. */
  readonly release: () => void;
};

/** Hands out named pipes, made once and used again: making one takes a process. */
export type FifoPool = { readonly take: () => Promise<Fifo> };

const runFile = promisify(execFile);
const BATCH = 8;

const openFifo = (path: string, giveBack: () => void): Fifo => {
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  // Held open by us until the engine is done, for a pipe without a writer reads as ended.
  let writing: number | undefined = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const rows = new Socket({ fd: reading, readable: true, writable: false });
  const finish = (): void => {
    if (writing !== undefined) closeSync(writing);
    writing = undefined;
  };
  const release = (): void => {
    finish();
    if (rows.closed) return giveBack();
    rows.once("close", giveBack);
    rows.destroy();
  };
  return { path, rows, finish, release };
};

/** Creates a pool of named pipes in an existing directory. */
export const createFifoPool = (dir: string): FifoPool => {
  const free: string[] = [];
  let made = 0;
  const make = async (): Promise<void> => {
    const paths = Array.from({ length: BATCH }, () => join(dir, `${made++}.fifo`));
    await runFile("mkfifo", ["-m", "600", ...paths]);
    free.push(...paths);
  };
  const take = async (): Promise<Fifo> => {
    if (free.length === 0) await make();
    const path = free.pop();
    return path === undefined ? take() : openFifo(path, () => free.push(path));
  };
  return { take };
};
