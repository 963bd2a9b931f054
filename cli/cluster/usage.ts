import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { activeMs } from "#nervous-system/schemas/active-time.ts";
import type { CommandRun } from "../arguments.ts";
import { exitCode, exited } from "../host.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { agentsOf } from "./mission-facts.ts";
import { usageLines } from "./mission-words.ts";
import { printAnswer } from "./print-answer.ts";

type Found = { readonly mission: Mission; readonly agents: readonly Agent[] };

const find = async (cluster: Cluster, name: string): Promise<Found> => {
  const mission = await findMission(cluster, name);
  return { mission, agents: await agentsOf(cluster, mission) };
};

const linesOf = ({ mission, agents: own }: Found, activeSeconds: number): readonly string[] => {
  const lines = usageLines(mission, activeSeconds);
  const width = Math.max(...lines.map(([name]) => name.length));
  const ofAgents = own.map(({ metadata, status }) => {
    const { modelCalls = 0, inputTokens = 0, outputTokens = 0, costUSD } = status?.usage ?? {};
    const cost = costUSD === undefined ? "" : `, $${costUSD}`;
    return `${metadata.name}: ${modelCalls} model calls, ${inputTokens + outputTokens} tokens${cost}, attempt ${status?.attempt ?? 0}`;
  });
  return [...lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`), ...ofAgents];
};

const jsonOf = ({ mission, agents: own }: Found, activeSeconds: number) => ({
  name: mission.metadata.name,
  namespace: mission.metadata.namespace,
  activeSeconds,
  usage: mission.status?.usage ?? {},
  agents: own.map(({ metadata: { name }, status }) => ({
    name,
    attempt: status?.attempt,
    usage: status?.usage ?? {},
  })),
});

/** `enchanted usage`. */
export const usage: CommandRun = (host, { options, operands }) =>
  inCluster(host, options, async (cluster) => {
    const found = await find(cluster, operands[0] ?? "");
    const activeSeconds = Math.round(activeMs(found.mission.status, host.clock.now()) / 1_000);
    printAnswer(host, options, { lines: linesOf(found, activeSeconds), json: jsonOf(found, activeSeconds) });
    return exited(exitCode.ok);
  });
