import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { activeMs } from "#nervous-system/schemas/active-time.ts";
import type { CommandRun } from "../arguments.ts";
import { exitCode, exited, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { agentsOf } from "./mission-facts.ts";
import { usageLines } from "./mission-words.ts";

type Found = { readonly mission: Mission; readonly agents: readonly Agent[] };

const find = async (cluster: Cluster, name: string): Promise<Found> => {
  const mission = await findMission(cluster, name);
  return { mission, agents: await agentsOf(cluster, mission) };
};

const asText = ({ mission, agents: own }: Found, activeSeconds: number): string => {
  const lines = usageLines(mission, activeSeconds);
  const width = Math.max(...lines.map(([name]) => name.length));
  const ofAgents = own.map(({ metadata, status }) => {
    const { modelCalls = 0, inputTokens = 0, outputTokens = 0, costUSD } = status?.usage ?? {};
    const cost = costUSD === undefined ? "" : `, $${costUSD}`;
    return `${printable(metadata.name)}: ${modelCalls} model calls, ${inputTokens + outputTokens} tokens${cost}, attempt ${status?.attempt ?? 0}`;
  });
  return [...lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`), ...ofAgents].join("\n");
};

const asJson = ({ mission, agents: own }: Found, activeSeconds: number): string =>
  JSON.stringify({
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

const print = (host: Host, found: Found, output: unknown): void => {
  const activeSeconds = Math.round(activeMs(found.mission.status, host.clock.now()) / 1_000);
  host.stdout().write(`${output === "json" ? asJson(found, activeSeconds) : asText(found, activeSeconds)}\n`);
};

/** `enchanted usage`. */
export const usage: CommandRun = (host, { options, operands }) =>
  inCluster(host, options, async (cluster) => {
    print(host, await find(cluster, operands[0] ?? ""), options["output"]);
    return exited(exitCode.ok);
  });
