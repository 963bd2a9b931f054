import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bench, Contestant, Staged, Surroundings } from "./harness/bench.ts";
import { ensureNpmPeers } from "./harness/peers.ts";
import { runProgram } from "./harness/program.ts";

const WRITERS = 64;
const RECORD_BYTES = 1024;

const contestant = (who: string, peers: string, { directory, quick }: Surroundings): Contestant => ({
  name: who,
  measure: async () => {
    const place = join(directory, who);
    try {
      const settings = { who, peers, directory: place, writers: WRITERS, bytes: RECORD_BYTES };
      return await runProgram("append", { ...settings, seconds: quick ? 0.5 : 4 });
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  },
});

const rate = { unit: "appends/s", ours: ["ours", "appendsPerSecond"] } as const;
const goal = { kind: "ratioAtLeast", must: 5, aim: 10 } as const;

const stage = async (surroundings: Surroundings): Promise<Staged> => {
  surroundings.note("the npm peers");
  const peers = await ensureNpmPeers();
  return {
    contestants: ["ours", "sqlite", "level", "sqliteGrouped", "bareDisk"].map((who) =>
      contestant(who, peers, surroundings),
    ),
    figures: [
      {
        ...rate,
        id: "P3 sqlite",
        what: "acknowledged appends, beside better-sqlite3 (WAL, synchronous=FULL)",
        peer: ["sqlite", "appendsPerSecond"],
        goal,
      },
      {
        ...rate,
        id: "P3 level",
        what: "acknowledged appends, beside classic-level (sync: true)",
        peer: ["level", "appendsPerSecond"],
        goal,
      },
      {
        id: "P3 p99",
        what: "p99 of an append, beside a bare 64 KiB write + fdatasync",
        unit: "ms",
        ours: ["ours", "p99"],
        peer: ["bareDisk", "p99"],
        goal: { kind: "ratioAtMost", must: 4, aim: 2 },
      },
      {
        ...rate,
        id: "P3 grouped",
        what: "acknowledged appends, beside better-sqlite3 with a group commit written around it",
        peer: ["sqliteGrouped", "appendsPerSecond"],
      },
      {
        id: "P3 cpu",
        what: "CPU of an append, beside better-sqlite3",
        unit: "µs",
        ours: ["ours", "cpuMicrosPerAppend"],
        peer: ["sqlite", "cpuMicrosPerAppend"],
      },
    ],
    conditions: [
      `${WRITERS} writers, each waits for its ${RECORD_BYTES} B record before the next; every append is on the medium when it is acknowledged.`,
      "SQLite commits a transaction an append, as a caller must who needs each one acknowledged; LevelDB groups waiting writers by itself.",
      "The p99 of ours holds the wait for the group before; the bare disk writes one block at a time and waits for nothing.",
      "An empty directory each time, on the disk of the system's temporary directory.",
    ],
  };
};

/** P3: acknowledged appends to the write-ahead log. */
export const walBench: Bench = { id: "P3", title: "Write-ahead log", stage };
