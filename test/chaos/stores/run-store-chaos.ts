import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { sinks } from "#pipeline/siphon/sinks.ts";
import { createSwarmFrames } from "#test/builders/swarm-frames.ts";
import { readFrames, type Cleanup } from "#test/integration/pipeline/bus-harness.ts";
import type { Violation } from "#test/simulation/checker.ts";
import { seededRandom } from "#test/simulation/random.ts";
import { judgeGraph } from "./judge-graph.ts";
import { judgeMemory } from "./judge-memory.ts";
import { judgeArchive, judgeLedger } from "./judge-record.ts";
import { startLoad } from "./load.ts";
import { runStoreNemesis, type StoreKills } from "./nemesis.ts";
import { startStorePlane, type StorePlane } from "./plane.ts";
import type { Lives } from "./siphon-lives.ts";

/** What a run came to. */
export type StoreChaosResult = {
  readonly kills: StoreKills;
  /** How many of the siphon's lives had written to each store when they were ended. */
  readonly lives: Lives;
  /** Frames in the stream at the end. */
  readonly stored: number;
  /** Of the kills, and of what the siphon needed afterwards to bring every store up to the stream. */
  readonly seconds: { readonly kills: number; readonly catchUp: number };
  readonly violations: readonly Violation[];
};

/** How much of everything. */
export type StoreChaosOptions = {
  /** How often each is killed. */
  readonly wanted: Readonly<StoreKills>;
  /** Frames a second. */
  readonly perSecond: number;
  readonly seed: number;
  readonly clock: Clock;
  readonly cleanup: Cleanup;
  /** Where the siphon's log goes when a rule is broken. */
  readonly logsTo: string;
  readonly onProgress: (kills: StoreKills, stored: number) => void;
};

// The siphon's pause after failures grows to fifteen seconds.
const CATCH_UP_MS = 600_000;

// Enough namespaces that none remembers more than one look at Weaviate answers.
const SWARM = { teams: 16, missions: 2, agents: 3 };

/** Whether every sink's reader has acknowledged all that the stream holds. */
const isCaughtUp = async ({ bus }: StorePlane): Promise<boolean> => {
  const state = await bus.streamState();
  const marks = await bus.trim.watermarks(state);
  return sinks.every(({ name }) => (marks.get(name) ?? 0) >= state.lastSeq);
};

const catchUp = async (plane: StorePlane, clock: Clock): Promise<Violation[]> => {
  const end = clock.monotonicMs() + CATCH_UP_MS;
  plane.siphon.start();
  while (!(await isCaughtUp(plane).catch(() => false))) {
    if (clock.monotonicMs() > end) {
      const marks = await plane.bus.trim.watermarks(await plane.bus.streamState());
      return [{ rule: "every store catches up", why: JSON.stringify([...marks]) }];
    }
    await clock.sleep(200);
  }
  return [];
};

const judge = async (plane: StorePlane, stream: readonly StoredFrame[], cleanup: Cleanup): Promise<Violation[]> => {
  const created = await plane.bus.streamCreated();
  return [
    ...(await judgeLedger(plane, stream)),
    ...(await judgeArchive(plane, stream)),
    ...(await judgeMemory(plane.memory, stream)),
    ...(await judgeGraph(plane.graph, stream, { created, cleanup })),
  ];
};

const keepLog = async ({ siphon }: StorePlane, dir: string): Promise<void> => {
  await mkdir(dir, { recursive: true });
  await copyFile(siphon.logFile, join(dir, "siphon.log"));
};

const secondsSince = (clock: Clock, began: number): number => (clock.monotonicMs() - began) / 1_000;

/** Kills the shipped siphon and the real stores again and again under load, then compares every store with the stream. */
export const runStoreChaos = async (options: StoreChaosOptions): Promise<StoreChaosResult> => {
  const { clock, cleanup, wanted, perSecond } = options;
  const random = seededRandom(options.seed);
  const plane = await startStorePlane(cleanup, random.next);
  const swarm = createSwarmFrames({ ...SWARM, seed: options.seed });
  plane.siphon.start();
  const load = startLoad({ bus: plane.bus, swarm, perSecond, random: random.fork(), clock });
  const began = clock.monotonicMs();
  const onKill = (kills: StoreKills): void => options.onProgress(kills, load.stored());
  const { kills, lives } = await runStoreNemesis({ plane, wanted, random, clock, onKill });
  const killing = secondsSince(clock, began);
  await load.finish();
  const killed = clock.monotonicMs();
  const behind = await catchUp(plane, clock);
  const seconds = { kills: killing, catchUp: secondsSince(clock, killed) };
  const stream = await readFrames(plane.bus);
  const lost =
    stream.length === load.stored()
      ? []
      : [{ rule: "the stream holds what was stored", why: `${stream.length} of ${load.stored()}` }];
  const surprises = plane.siphon.surprises.map((why) => ({ rule: "nothing ends by itself", why }));
  const violations = [...behind, ...lost, ...surprises, ...(await judge(plane, stream, cleanup))];
  if (violations.length > 0) await keepLog(plane, options.logsTo);
  return { kills, lives, stored: stream.length, seconds, violations };
};
