import { isForbidden } from "#nervous-system/kubernetes/errors.ts";
import { ownName } from "#nervous-system/kubernetes/reviews.ts";
import { interventions, type Intervention } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, isFinished, isTrue } from "#nervous-system/schemas/conditions.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { maxInterventionText, type InterventionKind } from "#nervous-system/schemas/resources/intervention.ts";
import { textOption, type CommandRun, type Invocation, type OptionValues } from "../arguments.ts";
import { CliError, exitCode, exited, type Ending, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { follow, timeIsOver, TimeOver, withinTimeout, type Followed } from "./follow.ts";
import { printAnswer } from "./print-answer.ts";
import { findRequest } from "./requests.ts";

const textOf = (kind: InterventionKind, { options, operands }: Invocation): string | undefined => {
  const what = kind === "Message" ? "the text" : "--reason";
  const text = kind === "Message" ? (operands[1] ?? "") : textOption(options, "reason");
  if (text.length <= maxInterventionText) return text === "" ? undefined : text;
  throw new CliError(
    `enchanted ${kind.toLowerCase()}: ${what} has ${text.length} characters, and ${maxInterventionText} are taken; shorten it`,
  );
};

const refusal = (error: unknown, { namespace }: Cluster): unknown => {
  if (!isForbidden(error)) return error;
  const { message } = error as Error;
  return new CliError(
    `enchanted: you may not do that in namespace "${namespace}": ${message}; ask who runs it for the role \`edit\` there`,
    exitCode.fault,
  );
};

/** The mission that is meant, and what an act on it names beside. An approval says first, to whoever gives it, what it is bound to. */
const targetOf = async (host: Host, cluster: Cluster, kind: InterventionKind, { operands, options }: Invocation) => {
  const [name = ""] = operands;
  if (kind !== "Approve" && kind !== "Reject") return { mission: await findMission(cluster, name), names: {} };
  const { mission, request } = await findRequest(cluster, name, textOption(options, "request"));
  const { requestID, argsDigest, summary } = request;
  host.warn(printable(`${summary} ${argsDigest}`));
  return { mission, names: { requestID, argsDigest } };
};

/** Creates the act on a mission that is there, under the name that the API server knows its user by. */
const create = async (
  host: Host,
  cluster: Cluster,
  kind: InterventionKind,
  invocation: Invocation,
): Promise<Intervention> => {
  const text = textOf(kind, invocation);
  const { mission, names } = await targetOf(host, cluster, kind, invocation);
  const { metadata } = mission;
  const requestedBy = await ownName(cluster.client);
  const name = `${metadata.name}-${kind.toLowerCase()}-${host.randomHex(4)}`;
  try {
    return await cluster.client.create(interventions, {
      apiVersion: groupVersion,
      kind: interventions.kind,
      metadata: { namespace: cluster.namespace, name },
      spec: {
        missionRef: { name: metadata.name },
        kind,
        ...names,
        requestedBy,
        ...(text === undefined ? {} : { text }),
      },
    });
  } catch (error) {
    throw refusal(error, cluster);
  }
};

const factsOf = ({ metadata, spec, status }: Intervention) => ({
  name: metadata.name,
  namespace: metadata.namespace,
  mission: spec.missionRef.name,
  kind: spec.kind,
  phase: status?.phase,
  message: status?.message,
});

const tell = (
  host: Host,
  seen: Followed<Intervention>,
  { metadata, spec }: Intervention,
  output: OptionValues[string],
): Ending => {
  if (seen.kind === "deleted") {
    host.warn(
      `enchanted: "${metadata.name}" went before it was answered, as it does where mission "${spec.missionRef.name}" is deleted`,
    );
    return exited(exitCode.fault);
  }
  const { object } = seen;
  const isDone = isTrue(object.status?.conditions, ConditionType.Complete);
  const words = printable(`${spec.missionRef.name}: ${object.status?.message ?? ""}`);
  if (output === "json" || isDone) printAnswer(host, { output }, { lines: [words], json: factsOf(object) });
  if (!isDone) host.warn(`enchanted: ${words}`);
  return exited(isDone ? exitCode.ok : exitCode.fault);
};

const actOn = async (host: Host, cluster: Cluster, kind: InterventionKind, invocation: Invocation): Promise<Ending> => {
  const { options } = invocation;
  const { client, namespace } = cluster;
  let made: Intervention | undefined;
  try {
    return await withinTimeout(host, kind.toLowerCase(), options, async (signal) => {
      const found = await create(host, cluster, kind, invocation);
      made = found;
      const look = ({ status }: Intervention): boolean => isFinished(status?.conditions);
      const trouble = (why: string): void =>
        host.warn(printable(`enchanted: the cluster does not tell the answer, trying again: ${why}`));
      const seen = await follow(host, { client, kind: interventions, found, look, trouble }, signal);
      return tell(host, seen, found, options["output"]);
    });
  } catch (error) {
    if (!(error instanceof TimeOver)) throw error;
    const name = made?.metadata.name ?? "";
    host.warn(
      `enchanted: nobody has answered within ${textOption(options, "timeout")}; does the operator run? It is done when it does: kubectl get intv ${name} -n ${namespace} -w`,
    );
    return exited(timeIsOver);
  }
};

const command =
  (kind: InterventionKind): CommandRun =>
  (host, invocation) =>
    inCluster(host, invocation.options, (cluster) => actOn(host, cluster, kind, invocation));

/** `enchanted pause`. */
export const pause = command("Pause");
/** `enchanted resume`. */
export const resume = command("Resume");
/** `enchanted cancel`. */
export const cancel = command("Cancel");
/** `enchanted approve`. */
export const approve = command("Approve");
/** `enchanted reject`. */
export const reject = command("Reject");
/** `enchanted message`. */
export const message = command("Message");
