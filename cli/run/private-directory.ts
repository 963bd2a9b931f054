import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CliError, exitCode, type Host } from "../host.ts";
import { fileTrouble } from "../record/open-record.ts";

// The least that a system allows (macOS): Linux takes 107.
const MAX_SOCKET_PATH = 103;
const RANDOM = 6;

/** A directory that only this user can enter, and why it is not where it should be. */
export type PrivateDirectory = {
  readonly path: string;
  /** Where the socket for frames stands in it. */
  readonly socketPath: string;
  /** What is wrong with the directory for temporary files that the environment names. */
  readonly trouble?: string;
};

const socketIn = (directory: string): string => join(directory, "context.sock");

const make = async (parent: string): Promise<string | Error> => {
  const prefix = join(resolve(parent), "enchanted-");
  if (socketIn(prefix + "x".repeat(RANDOM)).length > MAX_SOCKET_PATH)
    return new Error("the path is too long for a socket in it");
  return mkdtemp(prefix).catch((error: unknown) => new Error(fileTrouble(error)));
};

/**
 * Makes a directory for the socket and the copies of one run, in the first place that takes it: what the environment names
 * for temporary files (`TMPDIR`), the user's runtime directory, `/tmp`, `/var/tmp`.
 */
export const makePrivateDirectory = async ({ env }: Pick<Host, "env">): Promise<PrivateDirectory> => {
  const first = tmpdir();
  const places = new Set([first, env["XDG_RUNTIME_DIR"] ?? first, "/tmp", "/var/tmp"]);
  const troubles: string[] = [];
  for (const place of places) {
    const made = await make(place);
    if (typeof made === "string")
      return { path: made, socketPath: socketIn(made), ...(troubles[0] === undefined ? {} : { trouble: troubles[0] }) };
    troubles.push(`${place}: ${made.message}`);
  }
  const all = troubles.join("; ");
  throw new CliError(
    `enchanted: no place for temporary files: ${all}; set TMPDIR to a short, writable directory`,
    exitCode.failed,
  );
};
