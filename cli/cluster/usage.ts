import { agents, missions, type Agent, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isControlledBy } from "#nervous-system/kubernetes/resource-kind.ts";
import type { CommandRun } from "../arguments.ts";
import { CliError, exitCode, exited, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { clusterTrouble, openCluster, type Cluster } from "./connect.ts";
import { usageLines } from "./mission-words.ts";

type Found = { readonly mission: Mission; readonly agents: readonly Agent[] };

const find = async ({ client, namespace }: Cluster, name: string): Promise<Found> => {
  const mission = await client.find(missions, { namespace, name });
  if (mission === undefined)
    throw new CliError(`enchanted: there is no mission "${name}" in namespace "${namespace}"`, exitCode.fault);
  const own = await client.list(agents, { namespace, fieldSelector: `spec.missionRef.name=${name}` });
  return { mission, agents: own.items.filter((agent) => isControlledBy(agent, mission)) };
};

const activeSecondsOf = ({ status }: Mission, nowMs: number): number => {
  const { activeSeconds = 0, activeSince } = status ?? {};
  return (
    activeSeconds + (activeSince === undefined ? 0 : Math.max(0, Math.round((nowMs - Date.parse(activeSince)) / 1000)))
  );
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
  const activeSeconds = activeSecondsOf(found.mission, host.clock.now());
  host.stdout().write(`${output === "json" ? asJson(found, activeSeconds) : asText(found, activeSeconds)}\n`);
};

/** `enchanted usage`. */
export const usage: CommandRun = async (host, { options, operands }) => {
  const cluster = openCluster(host, options);
  try {
    print(host, await find(cluster, operands[0] ?? ""), options["output"]);
    return exited(exitCode.ok);
  } catch (error) {
    throw clusterTrouble(error);
  } finally {
    cluster.close();
  }
};
