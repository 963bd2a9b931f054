import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Random } from "#test/simulation/random.ts";
import { killable, type KillableServer } from "../killable-server.ts";
import type { Victim } from "../victim.ts";
import type { StorePlane } from "./plane.ts";
import { addLife, noLives, untilItWrites, type Lives } from "./siphon-lives.ts";

/** What is killed. */
export const targets = ["siphon", "nats", "clickhouse", "s3", "neo4j", "weaviate"] as const;

/** How often each is killed. */
export type StoreKills = Record<(typeof targets)[number], number>;

/** What a nemesis works with. */
export type StoreNemesisOptions = {
  readonly plane: StorePlane;
  readonly wanted: Readonly<StoreKills>;
  readonly random: Random;
  readonly clock: Clock;
  /** Told after each kill. */
  readonly onKill: (kills: StoreKills) => void;
};

type Server = Exclude<(typeof targets)[number], "siphon">;
type Hunt = {
  readonly siphon: Victim;
  readonly servers: Readonly<Record<Server, KillableServer>>;
  readonly kills: StoreKills;
} & StoreNemesisOptions;

// The archive's file is due fifteen seconds after its first frame: now and then a siphon lives until then.
const LONG_LIFE = { chance: 0.04, fromMs: 15_300, toMs: 17_300 };

/** Share of the siphon's lives that end only after it has written. */
const AT_WORK = 0.8;

const lifeMs = (random: Random): number =>
  random.chance(LONG_LIFE.chance) ? random.between(LONG_LIFE.fromMs, LONG_LIFE.toMs) : random.between(100, 2_000);

/** One of those that still have to be killed and are not down; the more are left, the likelier. */
const pickTarget = ({ random, wanted, kills, servers, siphon }: Hunt): keyof StoreKills | undefined => {
  const left = targets
    .filter((target) => (target === "siphon" ? siphon.isRunning() : servers[target].isUp()))
    .map((target) => ({ target, weight: Math.max(0, wanted[target] - kills[target]) }));
  let dice = random.next() * left.reduce((sum, { weight }) => sum + weight, 0);
  return left.find(({ weight }) => weight > 0 && (dice -= weight) < 0)?.target;
};

const isOver = ({ wanted, kills }: Hunt): boolean => targets.every((target) => kills[target] >= wanted[target]);

const strike = async ({ siphon, servers, random, clock }: Hunt, target: keyof StoreKills): Promise<void> => {
  if (target !== "siphon") return void servers[target].strike(random.next() ** 2 * 3_000);
  await siphon.kill();
  clock.after(random.next() ** 2 * 400, () => siphon.start());
};

/** Kills siphon and servers with -9, at random and without a plan, until each was killed as often as is wanted. */
export const runStoreNemesis = async (
  options: StoreNemesisOptions,
): Promise<{ readonly kills: StoreKills; readonly lives: Lives }> => {
  const { plane, clock, random } = options;
  const servers = {
    nats: killable(plane.nats, clock),
    clickhouse: killable(plane.ledger.server, clock),
    s3: killable(plane.archive.server, clock),
    neo4j: killable(plane.graph.server, clock),
    weaviate: killable(plane.memory.server, clock),
  };
  const kills = Object.fromEntries(targets.map((target) => [target, 0])) as StoreKills;
  const hunt: Hunt = { ...options, siphon: plane.siphon, servers, kills };
  let lives = noLives;
  while (!isOver(hunt)) {
    await clock.sleep(lifeMs(random));
    const target = pickTarget(hunt);
    if (target === undefined) continue;
    // One that starts has little to lose: most are killed at work.
    if (target === "siphon" && random.chance(AT_WORK)) await untilItWrites(plane.siphonHealthPort, clock);
    if (target === "siphon") lives = await addLife(lives, plane.siphonHealthPort);
    await strike(hunt, target);
    kills[target] += 1;
    options.onKill(kills);
  }
  await Promise.all(Object.values(servers).map((server) => server.back()));
  return { kills, lives };
};
