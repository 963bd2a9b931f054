import { WalError } from "#nervous-system/recorder/wal/disk.ts";
import type { Host } from "../host.ts";
import { removeLeftover, type Leftover } from "./outbox.ts";
import { openOutgoingLog } from "./outgoing-log.ts";

/** What a log held when it was dropped: how many frames were written, and how many of them the collector had. */
type Dropped = { frames: number; stored: number };

/** Removes what a run left, whether the collector has it or not; of a log that cannot be read nothing is known. */
export const dropLeftover = async (host: Host, leftover: Leftover): Promise<Partial<Dropped> | "busy"> => {
  let dropped: Partial<Dropped> = {};
  try {
    const log = await openOutgoingLog(host, leftover.directory);
    const { written, cursor } = log.wal.stats();
    await log.close();
    dropped = { frames: written, stored: cursor };
  } catch (error) {
    if (error instanceof WalError && error.code === "WAL_LOCKED") return "busy";
  }
  await removeLeftover(leftover);
  return dropped;
};
