import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { SignedFiles } from "#pipeline/archive-reader/signed-files.ts";

/** Decides which files of the archive are imported. */
export type Admission = {
  /** Whether a file's frames are taken. */
  admits(key: string, bytes: Uint8Array): Promise<boolean>;
  /** A sentence for each file that was refused; of a hundred at most. */
  refused(): readonly string[];
};

const MAX_TOLD = 100;
/** How often in an import a file is waited for that the siphon may just have written, whose manifest comes behind it. */
const PATIENCE = 10;
const WAIT_MS = 1000;

/** Creates the admission of files that signed manifests speak of. */
export const createAdmission = (
  files: SignedFiles,
  { clock, log }: { readonly clock: Pick<Clock, "sleep">; readonly log: Log },
  signal: AbortSignal,
): Admission => {
  const told: string[] = [];
  let patience = PATIENCE;

  const refuse = (key: string, why: string): false => {
    log.error({ key }, `this file is not imported: ${why}`);
    if (told.length < MAX_TOLD) told.push(`${key} was not imported: ${why}`);
    return false;
  };

  const admits = async (key: string, bytes: Uint8Array): Promise<boolean> => {
    const word = files.wordOf(key, bytes);
    if (word.kind !== "refused") return word.kind === "signed";
    if (word.isKnown || patience === 0) return refuse(key, word.why);
    patience -= 1;
    await clock.sleep(WAIT_MS, signal);
    await files.readOn();
    return admits(key, bytes);
  };

  return { admits, refused: () => told };
};
