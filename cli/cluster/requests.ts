import { agents, missions, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { PendingApproval } from "#nervous-system/schemas/approvals.ts";
import type { CommandRun } from "../arguments.ts";
import { CliError, exitCode, exited } from "../host.ts";
import { printable } from "../printable.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { standingOf } from "./mission-words.ts";
import { printAnswer } from "./print-answer.ts";
import { withoutNulls } from "./without-nulls.ts";

/** A request of a mission that waits for a person. */
export type AskedRequest = { readonly mission: Mission; readonly request: PendingApproval };

const asked = ({ status }: Mission): readonly PendingApproval[] => status?.pendingApprovals ?? [];

// A name that is none is refused before anybody is asked for it.
const isAbsent = (error: unknown): boolean => error instanceof CliError && error.code === exitCode.fault;

/** What a mission asks, or one of its agents, by the name of either; a mission of that name comes first. */
const askedBy = async (cluster: Cluster, name: string) => {
  const { client, namespace } = cluster;
  try {
    const mission = await findMission(cluster, name);
    return { mission, found: asked(mission) };
  } catch (error) {
    const agent = isAbsent(error) ? await client.find(agents, { namespace, name }) : undefined;
    if (agent === undefined) throw error;
    const mission = await findMission(cluster, agent.spec.missionRef.name);
    return { mission, found: asked(mission).filter((one) => one.agent === name) };
  }
};

/** What was decided last, in words; whoever approves twice, or after somebody else, is told. */
const decidedLast = ({ status }: Mission): string => {
  const last = status?.decidedApprovals?.at(-1);
  return last === undefined ? "" : `; ${last.decision.toLowerCase()} by ${last.by} at ${last.at}`;
};

const told = ({ requestID, summary }: PendingApproval): string => `--request ${requestID} ${summary}`;

/** The one request that a mission or an agent waits with, or that of an id among them; rejects with `CliError` where there is not one. */
export const findRequest = async (cluster: Cluster, name: string, id: string): Promise<AskedRequest> => {
  const { mission, found } = await askedBy(cluster, name);
  const meant = id === "" ? found : found.filter(({ requestID }) => requestID === id);
  const [request, other] = meant;
  if (request === undefined) {
    const what = id === "" ? "for nothing" : `for nothing by the id ${id}`;
    throw new CliError(
      printable(`enchanted: ${name} asks ${what}${decidedLast(mission)}; the mission is ${standingOf(mission).words}`),
      exitCode.fault,
    );
  }
  if (other === undefined) return { mission, request };
  const lines = meant.map((one) => `  ${printable(told(one))}`).join("\n");
  throw new CliError(`enchanted: ${name} asks for ${meant.length} things; say which one:\n${lines}`, exitCode.fault);
};

const linesOf = ({ mission, request }: AskedRequest): string[] => [
  printable(`${mission.metadata.name} since ${request.since} ${request.argsDigest}`),
  `  ${printable(request.summary)}`,
  `  ${printable(`enchanted approve ${mission.metadata.name} --request ${request.requestID}`)}`,
];

/** `enchanted approvals`. */
export const approvals: CommandRun = (host, { options }) =>
  inCluster(host, options, async ({ client, namespace }) => {
    const { items } = await client.list(missions, { namespace });
    const all = items
      .map(withoutNulls)
      .flatMap((mission) => asked(mission).map((request): AskedRequest => ({ mission, request })))
      .toSorted((a, b) => Date.parse(a.request.since) - Date.parse(b.request.since));
    const lines = all.length === 0 ? [`nothing waits for a person in namespace ${namespace}`] : all.flatMap(linesOf);
    const json = all.map(({ mission, request }) => ({ mission: mission.metadata.name, ...request }));
    printAnswer(host, options, { lines, json });
    return exited(exitCode.ok);
  });
