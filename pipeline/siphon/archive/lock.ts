import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import type { ArchiveLock } from "#pipeline/settings.ts";
import { eraseReleased, type HoldingStore } from "./held-objects.ts";

/** How objects are locked when they are put, and by which clock. */
export type PutLock = ArchiveLock & { readonly clock: Pick<Clock, "now"> };

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** A client that locks what it puts where nothing was: files and manifests. */
export const lockPuts = (client: ObjectClient, { mode, days, clock }: PutLock): ObjectClient => ({
  ...client,
  putIfAbsent: (key, body, signal) =>
    client.putIfAbsent(key, body, signal, { mode, untilMs: clock.now() + days * DAY_MS }),
});

/** Rejects where the bucket locks nothing: a store may take a file, and only say that it did not lock it. */
export const mustHaveLock = async (client: Pick<ObjectClient, "hasObjectLock">): Promise<void> => {
  if (await client.hasObjectLock()) return;
  throw new Error(
    "archive.objectLock is set, and the bucket cannot lock objects: enable it there (aws s3api put-object-lock-configuration), name a new bucket, or set archive.objectLock.mode to nothing",
  );
};

/** Lets go of what was to be erased once its lock is over. */
export type Releases = {
  now(): Promise<void>;
  /** Once an hour at most, however often it is asked to; where there are more marks than are read at once, the others first. */
  nowAndThen(): Promise<void>;
};

/** Marks that are read at once, one a file that was erased from, or a blob: ten to twenty seconds. */
const MOST_AT_ONCE = 10_000;

/** Creates them for a bucket; without a lock nothing is looked for but at the beginning, for locks of before. */
export const createReleases = (
  store: () => HoldingStore,
  lock: PutLock | undefined,
  most: number = MOST_AT_ONCE,
): Releases => {
  let lastMs = 0;
  // Names of marks tell nothing of their days: those that are due may stand behind any number of others.
  let after: string | undefined;
  const now = async (): Promise<void> => {
    lastMs = lock?.clock.now() ?? Infinity;
    after = await eraseReleased(store(), lastMs, { after, most });
  };
  return {
    now,
    nowAndThen: async () => {
      const isHourOver = lock !== undefined && lock.clock.now() - lastMs >= HOUR_MS;
      if (isHourOver || after !== undefined) await now();
    },
  };
};
