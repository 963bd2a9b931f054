import { once } from "node:events";
import { open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import { fileTrouble } from "../file-trouble.ts";
import { CliError, exitCode, type Host } from "../host.ts";
import { publish } from "./publish.ts";

/** Where an export goes. */
export type Output = {
  write(bytes: string | Uint8Array): Promise<void>;
  /** Whether nobody reads what comes. */
  isDone(): boolean;
  /** Gives what was written its name; a file has none before it is whole. */
  keep(): Promise<void>;
  /** Leaves nothing behind of what was not kept. */
  drop(): Promise<void>;
};

const failed = (path: string, error: unknown): CliError =>
  new CliError(`enchanted: ${path} cannot be written: ${fileTrouble(error)}`, exitCode.fault);

const isThere = (path: string): CliError =>
  new CliError(`enchanted: ${path} exists already; name another file, or replace it with --force`);

/** Bytes that are written together. */
const WRITE_BYTES = 1024 * 1024;

const fileOutput = (file: FileHandle, temporary: string, path: string, force: boolean): Output => {
  const orFailed = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === "EEXIST" ? isThere(path) : failed(path, error);
    });
  };
  const gathered = gatherBytes();
  const flush = (): Promise<void> => orFailed(file.writeFile(gathered.take()));
  return {
    write: async (bytes) => {
      gathered.add(Buffer.from(bytes));
      if (gathered.size >= WRITE_BYTES) await flush();
    },
    isDone: () => false,
    keep: async () => {
      await flush();
      await orFailed(file.datasync());
      await file.close();
      await orFailed(force ? rename(temporary, path) : publish(temporary, path));
    },
    drop: async () => {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
};

const streamOutput = (out: ReturnType<Host["stdout"]>): Output => ({
  write: async (bytes) => {
    if (out.destroyed || out.errored !== null || out.write(bytes)) return;
    const waiting = new AbortController();
    const { signal } = waiting;
    await Promise.race([once(out, "drain", { signal }), once(out, "close", { signal })]).catch(() => undefined);
    waiting.abort();
  },
  isDone: () => out.destroyed || out.errored !== null,
  keep: () => Promise.resolve(),
  drop: () => Promise.resolve(),
});

/** Opens the file of that name, under another one until it is kept, or standard output where it is empty; throws `CliError`. */
export const openOutput = async (host: Host, name: string, force: boolean): Promise<Output> => {
  if (name === "") return streamOutput(host.stdout());
  const path = resolve(host.cwd, name);
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && !force) throw isThere(name);
  if (there !== undefined && !there.isFile()) throw new CliError(`enchanted: ${name} is not a file; name another one`);
  const temporary = `${path}.${host.randomHex(4)}.part`;
  const file = await open(temporary, "wx", 0o600).catch((error: unknown) => {
    throw failed(name, error);
  });
  return fileOutput(file, temporary, path, force);
};
