import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import type { History } from "#test/simulation/history.ts";
import type { Random } from "#test/simulation/random.ts";
import { killable } from "./killable-server.ts";
import type { Victim } from "./victim.ts";

/** What is killed. */
type Kind = "scribe" | "collector" | "siphon" | "nats";

/** How often each was killed. */
export type Kills = Record<Kind, number>;

/** What a nemesis works with. */
export type NemesisOptions = {
  scribes: readonly Victim[];
  collectors: readonly Victim[];
  siphon: Victim;
  nats: NatsServer;
  random: Random;
  clock: Clock;
  history: History;
  /** Told after each kill. */
  onKill: (kills: Kills) => void;
};

/** How the kills are spread: a scribe starts fast and has the most to lose. */
const shares: ReadonlyArray<readonly [Kind, number]> = [
  ["scribe", 0.5],
  ["collector", 0.2],
  ["siphon", 0.1],
  ["nats", 0.2],
];

/** One that was not killed yet, so that the shortest run kills each; then by the shares. */
const pickKind = (random: Random, kills: Kills): Kind => {
  const untouched = shares.flatMap(([kind]) => (kills[kind] === 0 ? [kind] : []));
  if (untouched.length > 0) return random.pick(untouched);
  let left = random.next();
  for (const [kind, share] of shares) {
    if (left < share) return kind;
    left -= share;
  }
  return "scribe";
};

/** Kills with -9, at random and without a plan, `count` times; what it killed comes back a moment later. */
export const runNemesis = async (options: NemesisOptions, count: number): Promise<Kills> => {
  const { random, clock, history, nats } = options;
  const kills: Kills = { scribe: 0, collector: 0, siphon: 0, nats: 0 };
  const bus = killable(nats, clock);

  const killVictim = async (victim: Victim): Promise<boolean> => {
    if (!victim.isRunning()) return false;
    await victim.kill();
    clock.after(random.next() ** 2 * 600, () => victim.start());
    return true;
  };
  const strike = async (kind: Kind): Promise<boolean> => {
    if (kind === "nats") return bus.strike();
    if (kind === "siphon") return killVictim(options.siphon);
    return killVictim(random.pick(kind === "scribe" ? options.scribes : options.collectors));
  };

  for (let done = 0; done < count;) {
    await clock.sleep(random.between(150, 500));
    const kind = pickKind(random, kills);
    if (!(await strike(kind))) continue; // it is down already
    done += 1;
    kills[kind] += 1;
    history.add("nemesis", "info", { f: "fault", value: `kill ${kind}` });
    options.onKill(kills);
  }
  await bus.back();
  return kills;
};
