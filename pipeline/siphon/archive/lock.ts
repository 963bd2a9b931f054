import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import type { ArchiveLock } from "#pipeline/settings.ts";
import { eraseReleased } from "./held-objects.ts";

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
  /** Once an hour at most, however often it is asked to. */
  nowAndThen(): Promise<void>;
};

/** Creates them for a bucket; without a lock nothing is looked for but at the beginning, for locks of before. */
export const createReleases = (client: ObjectClient, lock: PutLock | undefined): Releases => {
  let lastMs = 0;
  const release = async (nowMs: number): Promise<void> => {
    lastMs = nowMs;
    await eraseReleased(client, nowMs);
  };
  return {
    now: () => release(lock?.clock.now() ?? Infinity),
    nowAndThen: async () => {
      const nowMs = lock?.clock.now() ?? 0;
      if (nowMs - lastMs >= HOUR_MS) await release(nowMs);
    },
  };
};
