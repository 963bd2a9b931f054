import { rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import type { Journal } from "../cortex/engine/journal.ts";
import { ToolFailure } from "../cortex/workspace/confined-path.ts";
import { createWorkspaceFiles, FileMissing } from "../cortex/workspace/files.ts";
import type { Said } from "./conclude.ts";
import type { Told } from "./runtime.ts";

type Files = Pick<Told, "proposalFile" | "lastMessageFile">;

const maxBytes = 2 ** 20;

/** Takes away what an earlier attempt of the same pod has left. */
export const forgetSaid = async ({ proposalFile, lastMessageFile }: Files): Promise<void> => {
  for (const file of [proposalFile, lastMessageFile]) await rm(file, { recursive: true, force: true });
};

/** Reads what a program left about its work; what cannot be taken, such as a FIFO or more than a MiB, is told and left out. */
export const readSaid = async (
  { proposalFile, lastMessageFile }: Files,
  { ids, journal }: { readonly ids: Ids; readonly journal: Pick<Journal, "error"> },
): Promise<Said> => {
  const files = createWorkspaceFiles(dirname(proposalFile), () => ids.next());
  const read = async (path: string): Promise<string> => {
    try {
      return (await files.read(basename(path), maxBytes)).toString("utf8");
    } catch (error) {
      if (!(error instanceof ToolFailure)) throw error;
      if (!(error instanceof FileMissing)) await journal.error(error.message, false);
      return "";
    }
  };
  return { proposal: await read(proposalFile), lastMessage: await read(lastMessageFile) };
};
