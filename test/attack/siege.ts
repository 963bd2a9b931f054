import { once } from "node:events";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Kube } from "#test/e2e/kube.ts";
import { waitFor } from "#platform/process/wait.ts";
import { createMissionRunner, releaseNamespace, type MissionRunner } from "#test/e2e/mission-run.ts";
import { runInPod } from "./run-in-pod.ts";

/** What the program that presses is told: for how long, and on whom. */
export type Siege = { seconds: number; gateway: Listener; collector: Listener };
type Listener = { host: string; port: number };

/** What came of it. */
export type SiegeResult = {
  /** Seconds that each mission of the other tenant took, from its making to its end, with nobody beside it and under siege. */
  quiet: number[];
  besieged: number[];
  /** Missions of the other tenant that did not complete, and why. */
  failed: string[];
  /** Containers of the system that were started anew, and how often. */
  restarts: Record<string, number>;
  /** What the attacker did, and how often. */
  attacks: Record<string, number>;
};

type SiegeOptions = {
  kube: Kube;
  sample: Mission;
  minutes: number;
  /** The second tenant does what the first one does instead of its worst. */
  isHarmless: boolean;
  /** The tenant that is left alone, and the one that attacks: both are tenants of the chart. */
  tenants: { other: string; hostile: string };
  onProgress: (line: string) => void;
};

/** How long one pod presses before another takes its place: its model thinks for two minutes. */
const ROUND_SECONDS = 90;
const QUIET_RUNS = 3;

type Pod = {
  metadata: { name: string };
  status: { containerStatuses?: Array<{ name: string; restartCount: number }> };
};

const restartsOf = async (kube: Kube): Promise<Map<string, number>> => {
  const pods = await kube.list<Pod>("pods", releaseNamespace);
  return new Map(
    pods.flatMap(({ metadata, status }) =>
      (status.containerStatuses ?? []).map(({ name, restartCount }) => [`${metadata.name}/${name}`, restartCount]),
    ),
  );
};

const listenerOf = async (kube: Kube, service: string, port: number): Promise<Listener> => {
  const found = await kube.get<{ spec: { clusterIP: string } }>("service", service, releaseNamespace);
  if (found === undefined) throw new Error(`there is no Service ${service}: run make up`);
  return { host: found.spec.clusterIP, port };
};

/** Runs the sample mission once; answers its seconds, or why it did not complete. */
const timeMission = async (runner: MissionRunner, name: string): Promise<number | string> => {
  await runner.remove(name);
  const begun = performance.now();
  await runner.start(name, { scenario: "fix-bug" });
  const mission = await runner.finished(name, 600_000);
  const seconds = (performance.now() - begun) / 1000;
  const isComplete = isTrue(mission.status?.conditions, "Complete");
  await runner.remove(name);
  return isComplete ? Math.round(seconds * 10) / 10 : `${name}: ${mission.status?.outcome?.message ?? "no outcome"}`;
};

/** Presses from the pods of one mission after the other until `signal` aborts. */
const press = async (
  { kube, tenants: { hostile }, onProgress }: SiegeOptions,
  runner: MissionRunner,
  name: string,
  attacks: Record<string, number>,
  signal: AbortSignal,
): Promise<void> => {
  const told: Siege = {
    seconds: ROUND_SECONDS,
    gateway: await listenerOf(kube, "enchanted-gateway", 8443),
    collector: await listenerOf(kube, "enchanted-collector", 4317),
  };
  while (!signal.aborted) {
    await runner.remove(name);
    // Its pods drain; a mission of that name waits for it, and whoever looks finds the earlier one's pod.
    await waitFor("the Agent before is gone", async () => (await runner.agentOf(name)) === undefined, {
      timeoutMs: 120_000,
      intervalMs: 1000,
    });
    await runner.start(name, { scenario: "long-think" });
    await runner.reached(name, "at work", (_, agent) => agent?.status?.activity !== undefined);
    const pod = (await runner.agentOf(name))?.status?.podName ?? "";
    const at = { namespace: hostile, pod };
    const { lines, failure } = await runInPod<Record<string, number>>(kube, at, "press", told);
    for (const [what, times] of lines.flatMap((one) => Object.entries(one)))
      attacks[what] = (attacks[what] ?? 0) + times;
    if (failure !== undefined) onProgress(`the attacker's own pod ended: ${failure}`);
  }
  await runner.remove(name);
};

/** Models, changes and tests of no use to anybody. */
const SCENARIOS = ["unpublishable", "flood", "garbage", "wrong-fix"] as const;

/** Runs missions that play these scenarios, one after the other, until `signal` aborts. */
const missionsPlaying = async (
  runner: MissionRunner,
  name: string,
  scenarios: readonly string[],
  attacks: Record<string, number>,
  signal: AbortSignal,
): Promise<void> => {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const scenario = scenarios[turn % scenarios.length] ?? "";
    await runner.remove(name);
    await runner.start(name, { scenario, maxAttempts: 1 });
    if (!signal.aborted)
      await Promise.race([runner.finished(name, 300_000).catch(() => undefined), once(signal, "abort")]);
    const what = `missions that play ${scenario}`;
    attacks[what] = (attacks[what] ?? 0) + 1;
  }
  await runner.remove(name);
};

/** Measures the sample mission of one tenant, alone and while another tenant does its worst for so many minutes. */
export const laySiege = async (options: SiegeOptions): Promise<SiegeResult> => {
  const { kube, sample, minutes, tenants, onProgress } = options;
  // Each look is a kubectl of its own, which takes a good part of a small machine's CPU.
  const other = createMissionRunner(kube, sample, { namespace: tenants.other, intervalMs: 500 });
  const hostile = createMissionRunner(kube, sample, { namespace: tenants.hostile, intervalMs: 3000 });
  const quiet: number[] = [];
  const besieged: number[] = [];
  const failed: string[] = [];
  const measure = async (into: number[], label: string): Promise<void> => {
    const took = await timeMission(other, "besieged");
    if (typeof took === "string") failed.push(took);
    else into.push(took);
    onProgress(`${label}: ${took}${typeof took === "number" ? " s" : ""}`);
  };
  for (let run = 0; run < QUIET_RUNS; run += 1) await measure(quiet, "alone");
  const before = await restartsOf(kube);
  const attacks: Record<string, number> = {};
  const stop = new AbortController();
  const missions = (name: string, scenarios: readonly string[]): Promise<void> =>
    missionsPlaying(hostile, name, scenarios, attacks, stop.signal);
  const neighbours = options.isHarmless
    ? [missions("harmless-one", ["fix-bug"]), missions("harmless-two", ["fix-bug"])]
    : [press(options, hostile, "hostile-pod", attacks, stop.signal), missions("hostile-mission", SCENARIOS)];
  const attackers = neighbours.map((attacker) =>
    attacker.catch((error: unknown) => void failed.push(`the other tenant ended early: ${String(error)}`)),
  );
  const until = performance.now() + minutes * 60_000;
  while (performance.now() < until) await measure(besieged, "beside the other tenant");
  stop.abort();
  await Promise.all(attackers);
  const restarts: Record<string, number> = {};
  for (const [container, times] of await restartsOf(kube)) {
    const more = times - (before.get(container) ?? 0);
    if (more > 0) restarts[container] = more;
  }
  return { quiet, besieged, failed, restarts, attacks };
};
