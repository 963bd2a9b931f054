import type { DiskOperation } from "./simulated-disk.ts";
import type { Random } from "./random.ts";
import type { DiskNature } from "./scenario.ts";
import type { Inhabitant, World } from "./world.ts";

/** What can be done to a world. */
export type FaultKind =
  | "killScribe"
  | "crashMachine"
  | "stopScribe"
  | "killCollector"
  | "killSiphon"
  | "slowLedger"
  | "killStream"
  | "powerLossOfStream"
  | "recreateStream"
  | "cutScribe"
  | "cutStream"
  | "storm"
  | "slowStream"
  | "fullStream"
  | "fullDisk"
  | "brokenDisk"
  | "flippedBits"
  | "lyingDisk"
  | "clockJump"
  | "trimStream";

/** Does it now; answers what it did, or `undefined` where it does not apply. */
type Fault = (world: World) => string | undefined;

const HOUR_MS = 3_600_000;

const CALM_LEDGER = { delayMs: 2, lose: 0 };

const anyone = ({ random, inhabitants }: World): Inhabitant => random.pick(inhabitants);
const anyoneWith = (nature: DiskNature, { random, inhabitants }: World): Inhabitant | undefined =>
  random.pick(inhabitants.filter((one) => one.nature === nature));
const lasting = ({ random }: World, longestMs: number): number => random.next() ** 2 * longestMs;
const nameOf = ({ host }: Inhabitant): string => host.member.name;

const whenItBegins = (world: World, longestMs: number, end: () => void): number => {
  const ms = lasting(world, longestMs);
  world.loop.after(ms, end);
  return Math.round(ms);
};

const flipBits = (world: World, inhabitant: Inhabitant): string | undefined => {
  const { random } = world;
  const { disk } = inhabitant.host;
  const damage: string[] = [];
  for (let left = random.between(1, 3); left > 0; left -= 1) {
    const paths = disk.paths();
    if (paths.length === 0) break;
    const path = random.pick(paths);
    const size = disk.contents(path).length;
    if (size === 0) continue;
    const at = random.between(0, size - 1);
    disk.flip(path, at, random.between(0, 7));
    damage.push(`${path}@${at}`);
  }
  if (damage.length === 0) return undefined;
  inhabitant.damaged = true;
  return `${nameOf(inhabitant)} ${damage.join(" ")}`;
};

const faults: Readonly<Record<Exclude<FaultKind, "trimStream">, Fault>> = {
  killScribe: (world) => {
    const one = anyone(world);
    one.host.kill(lasting(world, 2_000));
    return nameOf(one);
  },
  crashMachine: (world) => {
    const one = anyone(world);
    // A disk that lied loses, now, what it had promised.
    if (one.host.disk.lies) one.damaged = true;
    one.host.disk.lies = false;
    one.host.crash(lasting(world, 4_000));
    return nameOf(one);
  },
  stopScribe: (world) => {
    const one = anyone(world);
    one.host.stop(lasting(world, 2_000));
    return nameOf(one);
  },
  killCollector: (world) => {
    const collector = world.random.pick(world.collectors);
    collector.kill(lasting(world, 5_000));
    return collector.name;
  },
  killSiphon: (world) => {
    world.siphon.kill(lasting(world, 5_000));
    return "";
  },
  slowLedger: (world) => {
    const { random, ledger } = world;
    Object.assign(ledger.weather, { delayMs: random.pick([50, 1_000, 6_000]), lose: random.next() * 0.5 });
    const ms = whenItBegins(world, 10_000, () => Object.assign(ledger.weather, CALM_LEDGER));
    return `for ${ms} ms`;
  },
  killStream: (world) => killStream(world, 0),
  powerLossOfStream: (world) => {
    if (world.scenario.syncAlways) return undefined;
    return killStream(world, world.random.between(0, Math.min(20, world.stream.messages.length)));
  },
  recreateStream: (world) => {
    if (world.scenario.syncAlways || world.random.chance(0.5)) return undefined;
    return killStream(world, "all");
  },
  cutScribe: (world) => {
    const cut = `${nameOf(anyone(world))}|${world.random.pick(world.collectors).name}`;
    world.network.cuts.add(cut);
    const ms = whenItBegins(world, 20_000, () => world.network.cuts.delete(cut));
    return `${cut} for ${ms} ms`;
  },
  cutStream: (world) => {
    const { name } = world.random.pick(world.collectors);
    world.streamWeather.cuts.add(name);
    const ms = whenItBegins(world, 20_000, () => world.streamWeather.cuts.delete(name));
    return `${name} for ${ms} ms`;
  },
  storm: (world) => {
    const { random } = world;
    const { delayMs } = world.scenario;
    Object.assign(world.network.weather, {
      delayMs: delayMs * random.between(1, 30),
      loseRequest: random.next() * 0.4,
      loseAnswer: random.next() * 0.4,
      duplicate: random.next() * 0.5,
    });
    const calm = { delayMs, loseRequest: 0, loseAnswer: 0, duplicate: 0 };
    return `for ${whenItBegins(world, 15_000, () => Object.assign(world.network.weather, calm))} ms`;
  },
  slowStream: (world) => {
    const { random, streamWeather } = world;
    // Slower than a request waits: what is given up is done all the same, later.
    Object.assign(streamWeather, {
      delayMs: random.pick([200, 4_000, 9_000]),
      loseRequest: random.next() * 0.2,
      loseAnswer: random.next() * 0.3,
    });
    const calm = { delayMs: 1, loseRequest: 0, loseAnswer: 0 };
    return `for ${whenItBegins(world, 20_000, () => Object.assign(streamWeather, calm))} ms`;
  },
  fullStream: (world) => {
    world.stream.full = true;
    return `for ${whenItBegins(world, 10_000, () => (world.stream.full = false))} ms`;
  },
  fullDisk: (world) => {
    const one = anyone(world);
    const { disk } = one.host;
    const used = disk.paths().reduce((sum, path) => sum + disk.contents(path).length, 0);
    disk.capacityBytes = used + world.random.between(0, 2_000);
    const ms = whenItBegins(world, 10_000, () => (disk.capacityBytes = Number.MAX_SAFE_INTEGER));
    return `${nameOf(one)} for ${ms} ms`;
  },
  brokenDisk: (world) => {
    const { random } = world;
    const one = anyone(world);
    const operation = random.pick<DiskOperation>([
      "read",
      "write",
      "sync",
      "create",
      "truncate",
      "syncDirectory",
      "unlink",
      "rename",
    ]);
    let left = random.between(1, 6);
    one.host.disk.fault = (done) => (done === operation && left-- > 0 ? random.pick(["EIO", "ENOSPC"]) : undefined);
    return `${nameOf(one)} ${operation} ${left} times`;
  },
  flippedBits: (world) => {
    const one = anyoneWith("flips", world);
    return one === undefined ? undefined : flipBits(world, one);
  },
  lyingDisk: (world) => {
    const one = anyoneWith("lies", world);
    if (one === undefined) return undefined;
    one.host.disk.lies = true;
    return nameOf(one);
  },
  clockJump: (world) => {
    const one = anyone(world);
    one.host.wall.offsetMs += (world.random.next() - 0.5) * 2 * HOUR_MS;
    return `${nameOf(one)} to ${Math.round(one.host.wall.offsetMs)} ms`;
  },
};

const killStream = ({ stream, loop, random }: World, lose: number | "all"): string | undefined => {
  if (!stream.isUp()) return undefined;
  if (lose === "all") stream.dieForGood();
  else stream.die(lose);
  loop.after(random.next() ** 2 * 5_000, () => stream.restart());
  return `lost ${lose}`;
};

const TRIES = 3;

const kinds = Object.keys(faults) as (keyof typeof faults)[];

/** Plans the faults of a scenario: each at its time, of any kind. `onFault` counts those that happened. */
export const scheduleFaults = (world: World, onFault: (kind: FaultKind) => void): void => {
  const { loop, random, scenario, history } = world;
  for (let left = scenario.faults; left > 0; left -= 1) {
    loop.after(random.next() * scenario.activeMs, () => {
      for (let tries = TRIES; tries > 0; tries -= 1) {
        const kind = random.pick(kinds);
        const did = faults[kind](world);
        if (did === undefined) continue; // not in this world
        onFault(kind);
        return history.add("nemesis", "info", { f: "fault", value: `${kind} ${did}` });
      }
    });
  }
};

const MAX_TRIMS = 6;

/**
 * Plans when the stream is trimmed, in half of the worlds. By a chance of its own, so that what else happens to a world is
 * the same without it.
 */
export const scheduleTrims = (world: World, random: Random, onFault: (kind: FaultKind) => void): void => {
  const { loop, stream, scenario, history } = world;
  if (random.chance(0.5)) return;
  for (let left = random.between(1, MAX_TRIMS); left > 0; left -= 1)
    loop.after(random.next() * scenario.activeMs, () => {
      const before = stream.trimmed();
      if (stream.isUp()) stream.trim(random.between(0, stream.consumer.floor));
      if (stream.trimmed() === before) return;
      onFault("trimStream");
      history.add("nemesis", "info", { f: "fault", value: `trimStream up to ${stream.trimmed()}` });
    });
};

/** Ends every fault: from now on nothing hinders the frames. */
export const heal = (world: World): void => {
  const { network, streamWeather, stream, scenario, inhabitants, ledger } = world;
  Object.assign(ledger.weather, CALM_LEDGER);
  network.cuts.clear();
  streamWeather.cuts.clear();
  Object.assign(network.weather, { delayMs: scenario.delayMs, loseRequest: 0, loseAnswer: 0, duplicate: 0 });
  Object.assign(streamWeather, { delayMs: 1, loseRequest: 0, loseAnswer: 0 });
  stream.full = false;
  for (const { host } of inhabitants)
    Object.assign(host.disk, { fault: undefined, capacityBytes: Number.MAX_SAFE_INTEGER });
};
