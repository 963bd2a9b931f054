import type { Violation } from "./checker.ts";
import { memberOf } from "./identities.ts";
import { seededRandom } from "./random.ts";
import { judge, settleDown } from "./run-seed.ts";
import { framesOf } from "./stream-server.ts";
import type { MemberPlan, Scenario } from "./scenario.ts";
import { createWorld, type World } from "./world.ts";

/** What an outage came to. */
export type Outage = {
  readonly violations: readonly Violation[];
  /** Frames in the stream before the network came back, and at the end. */
  readonly before: number;
  readonly frames: number;
  /** From the network's return until everything had arrived, virtual milliseconds. */
  readonly drainMs: number;
};

const HOUR_MS = 3_600_000;
const CALM_MS = 10_000;

const planOf = (n: number, frames: number): MemberPlan => ({
  member: memberOf(n, "agent"),
  nature: "honest",
  frames,
  maxBytes: 400,
  // Half of the frames follow the one before at once; all of them are said within the hour.
  thinkMs: (3.6 * HOUR_MS) / frames,
  window: 8,
  syncMs: 4,
  limits: { segmentBytes: 64 * 1024, maxBytes: 64 * 1024 * 1024, keepBytes: 0 },
});

const scenarioOf = (agents: number, frames: number): Scenario => ({
  members: Array.from({ length: agents }, (_, at) => planOf(at + 1, frames)),
  collectors: 2,
  syncAlways: true,
  cut: "stored",
  delayMs: 3,
  faults: 0,
  activeMs: CALM_MS + HOUR_MS,
});

const cutOff = ({ inhabitants, collectors, network }: World): void => {
  for (const { host } of inhabitants)
    for (const { name } of collectors) network.cuts.add(`${host.member.name}|${name}`);
};

/** An hour without a network, in which every recorder is killed once and every machine crashes once; then it comes back. */
export const playOutage = async (agents: number, frames: number): Promise<Outage> => {
  const random = seededRandom(1);
  const world = createWorld(scenarioOf(agents, frames), random);
  const { loop, stream, network, inhabitants } = world;
  await loop.run(() => false, CALM_MS);
  cutOff(world);
  for (const { host } of inhabitants) {
    loop.after(random.next() * HOUR_MS, () => host.kill(500));
    loop.after(random.next() * HOUR_MS, () => host.crash(2_000));
  }
  await loop.run(() => false, CALM_MS + HOUR_MS);
  const before = stream.messages.flatMap(framesOf).length;
  network.cuts.clear();
  const backMs = loop.nowMs();
  const stuck = await settleDown(world);
  const drainMs = loop.nowMs() - backMs;
  return { violations: [...stuck, ...judge(world)], before, frames: stream.messages.flatMap(framesOf).length, drainMs };
};
