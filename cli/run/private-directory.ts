import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { CliError, exitCode, type Host } from "../host.ts";
import { fileTrouble } from "../file-trouble.ts";

// The least that a system allows (macOS): Linux takes 107.
const MAX_SOCKET_PATH = 103;

/** A directory that only this user can enter, and why it is not where it should be. */
export type PrivateDirectory = {
  readonly path: string;
  /** Where the socket for frames stands in it. */
  readonly socketPath: string;
  /** What is wrong with the directory for temporary files that the environment names. */
  readonly trouble?: string;
};

/** Whether a path may be that of a private directory. */
export const isPrivateDirectory = (path: string): boolean => /^enchanted-[0-9a-f]{8}$/.test(basename(path));

/**
 * Where the private directory of one run may be, best first: where the environment says temporary files go (`TMPDIR`), in the
 * user's runtime directory, `/tmp`, `/var/tmp`.
 */
export const privatePlaces = ({ env, randomHex }: Pick<Host, "env" | "randomHex">): string[] => {
  const name = `enchanted-${randomHex(4)}`;
  const parents = new Set([tmpdir(), env["XDG_RUNTIME_DIR"] || tmpdir(), "/tmp", "/var/tmp"]);
  return [...parents].map((parent) => join(resolve(parent), name));
};

const socketIn = (directory: string): string => join(directory, "context.sock");

const make = async (path: string): Promise<Error | undefined> => {
  if (socketIn(path).length > MAX_SOCKET_PATH) return new Error("the path is too long for a socket in it");
  return mkdir(path, { mode: 0o700 }).then(
    () => undefined,
    (error: unknown) => new Error(fileTrouble(error)),
  );
};

/** Makes a directory for the socket and the copies of one run, in the first place that takes it. */
export const makePrivateDirectory = async (places: readonly string[]): Promise<PrivateDirectory> => {
  const troubles: string[] = [];
  for (const path of places) {
    const trouble = await make(path);
    if (trouble === undefined)
      return { path, socketPath: socketIn(path), ...(troubles[0] === undefined ? {} : { trouble: troubles[0] }) };
    troubles.push(`${resolve(path, "..")}: ${trouble.message}`);
  }
  const all = troubles.join("; ");
  throw new CliError(
    `enchanted: no place for temporary files: ${all}; set TMPDIR to a short, writable directory`,
    exitCode.failed,
  );
};
