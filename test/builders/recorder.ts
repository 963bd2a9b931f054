import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { ComposedFrame, RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import { decodeStoredFrame } from "#nervous-system/recorder/stored-record.ts";
import type { SimulatedDisk } from "#test/simulation/simulated-disk.ts";
import { openWal, type Wal } from "#nervous-system/recorder/wal/wal.ts";
import type { WriterLimits } from "#nervous-system/recorder/wal/writer.ts";

/** The identity that the recorder's tests write under. */
export const identity: RecorderIdentity = {
  agent_uid: "11111111-1111-4111-8111-111111111111",
  mission_uid: "22222222-2222-4222-8222-222222222222",
  mission: "fix-bug",
  namespace: "default",
  lineage: 0,
  recorder: "scribe",
  agentId: "fix-bug-coder",
};

/** Opens the log of a simulated disk as process number `life`; every other process counts as dead. */
export const openTestWal = (disk: SimulatedDisk, life = 1, limits: Partial<WriterLimits> = {}): Promise<Wal> => {
  let salt = life;
  return openWal({
    directory: "/log",
    disk: disk.mount(),
    clock: systemClock(),
    processes: { self: () => String(life), isAlive: () => false },
    salt: () => (salt = (Math.imul(salt, 1_664_525) + 1_013_904_223) >>> 0),
    limits,
  });
};

/** Every frame that the log holds. */
export const readFrames = async (wal: Wal): Promise<ComposedFrame[]> => {
  const reader = wal.reader(1);
  const frames: ComposedFrame[] = [];
  const limit = { records: 1000, bytes: Number.MAX_SAFE_INTEGER };
  for (let entries = await reader.next(limit); entries.length > 0; entries = await reader.next(limit)) {
    for (const entry of entries) if (entry.kind === "record") frames.push(decodeStoredFrame(entry.payload));
  }
  await reader.close();
  return frames;
};
