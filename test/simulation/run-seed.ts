import { check, type Evidence, type Violation } from "./checker.ts";
import { heal, scheduleFaults, scheduleTrims, type FaultKind } from "./faults.ts";
import { keyOf } from "./ledger.ts";
import { historyHash, type Operation } from "./history.ts";
import { seededRandom } from "./random.ts";
import { planScenario, type DiskNature } from "./scenario.ts";
import { framesOf, type KeptMessage, type StreamServer } from "./stream-server.ts";
import { createWorld, type Inhabitant, type World } from "./world.ts";

/** What one seed came to. */
export type SeedResult = {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Frames in the stream at the end. */
  readonly frames: number;
  readonly virtualMs: number;
  /** Hash over the whole history: the same seed has the same one. */
  readonly hash: string;
};

const HEAL_LIMIT_MS = 900_000;
/** Two heartbeats: a recorder hears of a stream that lost its tail when it sends. */
const HEAL_LEAST_MS = 65_000;
const LOOK_MS = 40;

/** The exporter has seen that its log and the stream are two different histories, and says so; a person must look. */
const isHalted = ({ host, damaged }: Inhabitant): boolean => {
  const failing = host.recording()?.health().exporting.failing ?? "";
  return damaged && /the log was lost|holds another frame/.test(failing);
};

const lastIn = (stream: StreamServer, chain: string): KeptMessage | undefined =>
  stream.lastOf(chain) ?? stream.trimmedTailOf(chain);

const isWhole = ({ stream }: World, { host, producer }: Inhabitant): boolean => {
  const recording = host.recording();
  if (recording === undefined || !producer.isDone()) return false;
  const { written, stored } = recording.marks();
  const last = lastIn(stream, `${host.member.agentUid}/${recording.recorder.epoch}`);
  const { wal } = recording.health();
  if (wal.cursor < wal.written) return false; // of an earlier epoch, too
  return (
    stored === written && (written === 0 || (last !== undefined && framesOf(last).at(-1)?.envelope.seq === written))
  );
};

/** Whether the ledger holds the stream, each frame in its place. */
const isFed = ({ stream, ledger }: World): boolean =>
  stream.messages.flatMap(framesOf).every((frame) => ledger.rows.get(keyOf(frame))?.place === frame.place);

const describe = (world: World, inhabitant: Inhabitant): string => {
  const recording = inhabitant.host.recording();
  const done = inhabitant.producer.isDone() ? "said all" : "has not said all";
  if (recording === undefined) return `${inhabitant.host.member.name} does not record; its producer ${done}`;
  const state = JSON.stringify({ ...recording.marks(), ...recording.health() }, (_key, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  const last = lastIn(world.stream, `${inhabitant.host.member.agentUid}/${recording.recorder.epoch}`);
  return `${inhabitant.host.member.name}, whose producer ${done}, stands at ${state}; the stream at ${last?.subject} ${last?.seq}`;
};

/** Runs until `isSo`, looked at now and then. */
const runUntil = async ({ loop }: World, isSo: () => boolean, limitMs: number): Promise<boolean> => {
  let so = false;
  const look = (): void => {
    so = isSo();
    if (!so) loop.after(LOOK_MS, look);
  };
  look();
  return loop.run(() => so, loop.nowMs() + limitMs);
};

/** Everything arrives once nothing hinders it; what does not is named. */
export const settleDown = async (world: World): Promise<Violation[]> => {
  const { loop, inhabitants, scenario } = world;
  const leastMs = loop.nowMs() + (scenario.syncAlways ? 0 : HEAL_LEAST_MS);
  const isQuiet = (): boolean =>
    loop.nowMs() >= leastMs && inhabitants.every((one) => isWhole(world, one) || isHalted(one)) && isFed(world);
  if (await runUntil(world, isQuiet, HEAL_LIMIT_MS)) return [];
  const stuck = inhabitants.filter((one) => !isWhole(world, one) && !isHalted(one));
  const unfed = isFed(world) ? [] : [{ rule: "the ledger is the stream", why: "not everything reached it in the end" }];
  return [...unfed, ...stuck.map((one) => ({ rule: "everything arrives in the end", why: describe(world, one) }))];
};

const uidsOf = (world: World, nature: DiskNature): Set<string> =>
  new Set(world.inhabitants.flatMap((one) => (one.nature === nature && one.damaged ? [one.host.member.agentUid] : [])));

/** What a world has to show. */
export const evidenceOf = (world: World): Evidence => ({
  history: world.history.operations,
  stream: world.stream.messages.flatMap(framesOf),
  ledger: [...world.ledger.rows.values()],
  flipped: uidsOf(world, "flips"),
  lied: uidsOf(world, "lies"),
  streamForgets: !world.scenario.syncAlways,
});

/** Judges a world. */
export const judge = (world: World): Violation[] => [
  ...check(evidenceOf(world)),
  ...world.unexpected.map((error) => ({
    rule: "no handler fails in a way that nobody foresaw",
    why: error instanceof Error ? (error.stack ?? error.message) : String(error),
  })),
];

type Played = { world: World; stuck: Violation[]; faults: Partial<Record<FaultKind, number>> };

/** How a seed is played. */
export type PlayOptions = {
  /** Sees its history as it comes. */
  readonly onAdd?: ((operation: Operation) => void) | undefined;
  /** False: the stream is never trimmed, as it was not when some seeds were kept. */
  readonly trims?: boolean;
};

const TRIMS = 0x7819;

/** Runs the simulation of one seed to its end. */
export const playSeed = async (seed: number, { onAdd, trims = true }: PlayOptions = {}): Promise<Played> => {
  const random = seededRandom(seed);
  const world = createWorld(planScenario(random), random, onAdd);
  const faults: Played["faults"] = {};
  const count = (kind: FaultKind): void => void (faults[kind] = (faults[kind] ?? 0) + 1);
  scheduleFaults(world, count);
  if (trims) scheduleTrims(world, seededRandom(seed ^ TRIMS), count);
  await world.loop.run(() => false, world.scenario.activeMs);
  heal(world);
  return { world, faults, stuck: await settleDown(world) };
};

/** Runs the simulation of one seed and judges it. */
export const runSeed = async (seed: number, options: PlayOptions = {}): Promise<SeedResult> => {
  const { world, faults, stuck } = await playSeed(seed, options);
  const result = {
    seed,
    violations: [...stuck, ...judge(world)],
    faults,
    frames: world.stream.messages.flatMap(framesOf).length,
    virtualMs: world.loop.nowMs(),
    hash: historyHash(world.history.operations),
  };
  world.loop.end();
  return result;
};
