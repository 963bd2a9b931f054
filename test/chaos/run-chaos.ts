import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { readFrames, type Cleanup } from "#test/integration/pipeline/bus-harness.ts";
import { check, type Violation } from "#test/simulation/checker.ts";
import { createHistory, type History } from "#test/simulation/history.ts";
import { planFrame } from "#test/simulation/producer.ts";
import { seededRandom, type Random } from "#test/simulation/random.ts";
import { digestOfStream } from "#test/simulation/stream-digest.ts";
import { rowsOf } from "./ledger-rows.ts";
import { runNemesis, type Kills } from "./nemesis.ts";
import { startChaosPlane, type ChaosAgent, type ChaosPlane } from "./plane.ts";
import { createSocketProducer, type SocketProducer } from "./socket-producer.ts";
import type { Victim } from "./victim.ts";

/** What a run with real processes came to. */
export type ChaosResult = {
  readonly kills: Kills;
  /** Frames that producers had an acknowledgement for, and frames in the stream at the end. */
  readonly acknowledged: number;
  readonly stored: number;
  /** Answers that were lost with their process, so that the frame was said again. */
  readonly saidAgain: number;
  readonly seconds: number;
  readonly violations: readonly Violation[];
};

/** How long and with what. */
export type ChaosOptions = {
  kills: number;
  agents: number;
  collectors: number;
  seed: number;
  clock: Clock;
  cleanup: Cleanup;
  /** Where the logs of the processes go when a rule is broken. */
  logsTo: string;
  onProgress: (kills: Kills, acknowledged: number) => void;
};

const SETTLE_MS = 120_000;

const until = async (clock: Clock, what: string, isSo: () => boolean): Promise<Violation[]> => {
  const end = clock.monotonicMs() + SETTLE_MS;
  while (!isSo()) {
    if (clock.monotonicMs() > end) return [{ rule: "everything arrives in the end", why: what }];
    await clock.sleep(20);
  }
  return [];
};

const startProducers = (agents: readonly ChaosAgent[], random: Random, clock: Clock, history: History) =>
  agents.map(({ name, uid, pod }) => {
    const own = { ...random.fork(), ids: randomIds() };
    const member = { name, role: "agent" as const, agentUid: uid };
    const plan = (n: number) => planFrame(member, n, own, { maxBytes: 3_000, thinkMs: 30 });
    return createSocketProducer({ name, path: pod.socket, plan, window: 32, clock, history });
  });

/** A reader that looks at the stream all the time; what it saw must be how the stream begins. */
const startReader = (bus: Bus, history: History): { stop: () => Promise<void> } => {
  const abort = new AbortController();
  const hashes: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { item } of bus.follow({ signal: abort.signal }))
      hashes.push(item.kind === "frame" ? item.frame.hash : "poison");
  };
  const reading = read().catch(() => undefined);
  return {
    stop: async () => {
      abort.abort();
      await reading;
      history.add("reader", "ok", { f: "read", value: { length: hashes.length, digest: digestOfStream(hashes) } });
    },
  };
};

/** Ends the scribes as the kubelet does; each leaves what it says is stored. */
const drain = async ({ scribes, agents }: ChaosPlane, history: History): Promise<Violation[]> => {
  const codes = await Promise.all(scribes.map((scribe) => scribe.stop()));
  const violations = codes.flatMap((code, at) =>
    code === 0 ? [] : [{ rule: "a scribe ends cleanly", why: `${scribes[at]?.name} ended with ${code}` }],
  );
  for (const { uid, name, pod } of agents) {
    const { lastSeq, ackedSeq, hash } = JSON.parse(await readFile(pod.termination, "utf8")) as Termination;
    if (lastSeq === ackedSeq)
      history.add(name, "ok", { f: "store", value: { agent: uid, epoch: 1, seq: lastSeq, hash } });
    else violations.push({ rule: "everything arrives in the end", why: `${name}: ${ackedSeq} of ${lastSeq} stored` });
  }
  return violations;
};

type Termination = { lastSeq: number; ackedSeq: number; hash: string };

const settle = async (plane: ChaosPlane, producers: readonly SocketProducer[], clock: Clock): Promise<Violation[]> => {
  const victims = [...plane.collectors.map(({ victim }) => victim), ...plane.scribes];
  const back = await until(clock, "a process did not come back", () => victims.every((one) => one.isRunning()));
  for (const producer of producers) producer.finish();
  const answered = await until(clock, "a producer waits for its answers", () => producers.every((one) => one.isDone()));
  return [...back, ...answered];
};

const keepLogs = async (victims: readonly Victim[], dir: string): Promise<void> => {
  await mkdir(dir, { recursive: true });
  for (const { name, logFile } of victims) await copyFile(logFile, join(dir, `${name}.log`));
};

const countRows = async ({ ledger }: ChaosPlane): Promise<number> => {
  const asked = ledger.rows<{ n: string }>("SELECT count() AS n FROM enchanted.context_frames FINAL");
  const [row] = await asked.catch(() => []);
  return Number(row?.n ?? 0);
};

/** The siphon brings the ledger what the stream holds. */
const ledgerHolds = async (plane: ChaosPlane, frames: number, clock: Clock): Promise<Violation[]> => {
  plane.siphon.start();
  const end = clock.monotonicMs() + SETTLE_MS;
  let rows = 0;
  while ((rows = await countRows(plane)) < frames) {
    if (clock.monotonicMs() > end)
      return [
        { rule: "everything arrives in the end", why: `the ledger has ${rows} rows, the stream ${frames} frames` },
      ];
    await clock.sleep(100);
  }
  return [];
};

/** The archive comes to hold the same frames, and its files are what their manifests say. */
const archiveHolds = async ({ archive }: ChaosPlane, stream: readonly StoredFrame[], clock: Clock) => {
  const end = clock.monotonicMs() + SETTLE_MS;
  const wanted = JSON.stringify(stream.map(({ place, hash }) => [place, hash]));
  const held = async (): Promise<string> =>
    JSON.stringify((await archive.frames().catch(() => [])).map(({ place, hash }) => [place, hash]));
  const faults = async (): Promise<readonly string[]> =>
    (await checkArchive(archive.client, archive.signing.keys)).faults;
  while ((await held()) !== wanted || (await faults()).length > 0) {
    if (clock.monotonicMs() > end)
      return [
        { rule: "everything arrives in the end", why: `the archive is not the stream: ${(await faults()).join("; ")}` },
      ];
    await clock.sleep(500);
  }
  return [];
};

/** Kills the shipped scribes, the real collectors and NATS again and again under load, then judges what is left. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosResult> => {
  const { clock, cleanup } = options;
  const random = seededRandom(options.seed);
  const plane = await startChaosPlane(cleanup, { ...options, random });
  const history = createHistory(() => clock.monotonicMs());
  const collectors = plane.collectors.map(({ victim }) => victim);
  const victims = [...collectors, ...plane.scribes, plane.siphon];
  for (const victim of victims) victim.start();
  const producers = startProducers(plane.agents, random, clock, history);
  cleanup.add(() => producers.forEach((producer) => producer.close()));
  const answered = (): number => producers.reduce((sum, producer) => sum + producer.answered(), 0);
  await until(clock, "the first frames are answered", () => producers.every((producer) => producer.answered() > 0));
  const reader = startReader(plane.bus, history);
  const started = clock.monotonicMs();
  const onKill = (kills: Kills): void => options.onProgress(kills, answered());
  const kills = await runNemesis({ ...plane, collectors, random, clock, history, onKill }, options.kills);
  const seconds = (clock.monotonicMs() - started) / 1_000;

  const unsettled = await settle(plane, producers, clock);
  const undrained = await drain(plane, history);
  await reader.stop();
  const stream = await readFrames(plane.bus);
  const unfed = await ledgerHolds(plane, stream.length, clock);
  const unarchived = await archiveHolds(plane, stream, clock);
  const none = new Set<string>();
  const evidence = {
    history: history.operations,
    stream,
    ledger: await rowsOf(plane.ledger),
    flipped: none,
    lied: none,
    streamForgets: false,
  };
  const surprises = victims.flatMap((victim) =>
    victim.surprises.map((why) => ({ rule: "nothing ends by itself", why })),
  );
  const count = (type: string): number =>
    history.operations.filter((operation) => operation.f === "record" && operation.type === type).length;
  const violations = [...unsettled, ...undrained, ...unfed, ...unarchived, ...surprises, ...check(evidence)];
  if (violations.length > 0) await keepLogs(victims, options.logsTo);
  return {
    kills,
    acknowledged: count("ok"),
    stored: stream.length,
    saidAgain: count("info"),
    seconds,
    violations,
  };
};
