import type { BigIntStats } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import type { Processes } from "#nervous-system/recorder/wal/lock.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import { CliError, type Host } from "../host.ts";
import { stateOf } from "../own-places.ts";

/** Gives the record back to the next import. */
type Release = () => void;

/** The import that a note names. */
const holderIn = async (note: string): Promise<string> => {
  const pid = await readFile(note, "utf8").catch(() => "");
  return pid === "" ? "another import" : `another import, process ${pid}`;
};

const seize = (processes: Processes, lock: string): Release | undefined =>
  processes.seize === undefined ? () => undefined : processes.seize(lock);

/**
 * Holds a record against every other import of this user, by a lock of the kernel in `<state>/imports` that is named after the
 * file, however its path is spelled; throws `CliError` where another import has it. Two that read the record at once would both
 * append the same frames. A run may append meanwhile: its chain is nobody else's.
 */
export const holdRecord = async (
  host: Pick<Host, "env" | "pid">,
  path: string,
  { dev, ino }: Pick<BigIntStats, "dev" | "ino">,
): Promise<Release> => {
  const imports = join(stateOf(host.env), "imports");
  const lock = join(imports, `${dev}-${ino}`);
  const note = `${lock}.pid`;
  let release: Release | undefined;
  try {
    await makeDirectory(imports, 0o700);
    release = seize(createNodeProcesses(), lock);
  } catch (error) {
    throw new CliError(
      `enchanted: ${path} cannot be kept from other imports: ${(error as Error).message}; set XDG_STATE_HOME to a directory that you may write in`,
    );
  }
  if (release === undefined)
    throw new CliError(
      `enchanted: ${path} is being written by ${await holderIn(note)}; import again when it has ended, or name another file with --file`,
    );
  await writeFile(note, String(host.pid), { mode: 0o600 }).catch(() => undefined); // a convenience: the lock holds all the same
  return release;
};
