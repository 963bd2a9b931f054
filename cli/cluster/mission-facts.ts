import { isApiError } from "#nervous-system/kubernetes/errors.ts";
import { events, pods, type KubeEvent, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import { isControlledBy } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, type Agent, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { label } from "#nervous-system/schemas/names.ts";
import { findMission, type Cluster } from "./connect.ts";
import type { MissionFacts, PodWords, Warning } from "./explain.ts";
import { withoutNulls } from "./without-nulls.ts";

/** The agents that a mission owns. */
export const agentsOf = async ({ client, namespace }: Cluster, mission: Mission): Promise<readonly Agent[]> => {
  const fieldSelector = `spec.missionRef.name=${mission.metadata.name}`;
  const { items } = await client.list(agents, { namespace, fieldSelector });
  return items.map(withoutNulls).filter((agent) => isControlledBy(agent, mission));
};

const forbidden = 403;

/** What is read; undefined where one may not. */
const ifAllowed = async <T>(reading: Promise<T>): Promise<T | undefined> => {
  try {
    return await reading;
  } catch (error) {
    if (isApiError(error) && error.code === forbidden) return undefined;
    throw error;
  }
};

const wordsOf = ({ metadata, status }: Pod): PodWords => ({
  name: metadata.name,
  phase: status?.phase ?? "Pending",
  waiting: [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].flatMap(
    ({ name, state: { waiting } = {} }) =>
      waiting === undefined || waiting.reason === "PodInitializing" || waiting.reason === "ContainerCreating"
        ? []
        : [`container ${name}: ${waiting.reason ?? "waiting"} ${waiting.message ?? ""}`.trimEnd()],
  ),
});

const mostEvents = 500;

const timeOf = ({ series, eventTime, deprecatedLastTimestamp }: KubeEvent): number =>
  Date.parse(series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? "") || 0;

const warningsOf = async ({ client, namespace }: Cluster, names: ReadonlySet<string>): Promise<Warning[]> => {
  const { items } = await client.list(events, { namespace, fieldSelector: "type=Warning", limit: mostEvents });
  return items
    .filter(({ regarding: { name = "" } }) => names.has(name))
    .map((event) => ({
      about: `${event.regarding.kind?.toLowerCase() ?? ""} ${event.regarding.name ?? ""}`,
      reason: event.reason,
      note: event.note,
      atMs: timeOf(event),
    }))
    .toSorted((a, b) => b.atMs - a.atMs);
};

/** Reads everything that tells why a mission does not go on, as far as its reader may. */
export const observeFacts = async (cluster: Cluster, name: string): Promise<MissionFacts> => {
  const { client, namespace } = cluster;
  const mission = await findMission(cluster, name);
  const own = await agentsOf(cluster, mission);
  const found = await ifAllowed(client.list(pods, { namespace, labelSelector: `${label.mission}=${name}` }));
  const names = [mission, ...own, ...(found?.items ?? [])].map(({ metadata }) => metadata.name);
  return {
    mission,
    agents: own,
    pods: found?.items.map(wordsOf),
    warnings: await ifAllowed(warningsOf(cluster, new Set(names))),
  };
};
