import { Reason } from "#nervous-system/schemas/conditions.ts";
import { howEnded, lingering, type ContainerFacts, type PodFacts } from "#operator/pod/facts.ts";

/** Why a pod that has not ended does not work yet, or no longer. */
export type Hindrance = {
  reason: string;
  message: string;
  /** A person or the cluster must act before it goes on. */
  stuck: boolean;
};

// While the agent works, what others put beside it is no hindrance.
const containers = (pod: PodFacts): ReadonlyArray<readonly [string, ContainerFacts | undefined]> => [
  ["fetch", pod.fetch],
  ["ports", pod.ports],
  ["scribe", pod.scribe],
  ["main", pod.main],
  ...(pod.main?.running === true ? [] : pod.others.map((other) => [other.name, other] as const)),
];

const pullFailures: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "RegistryUnavailable",
]);

const rejections: ReadonlySet<string> = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

const waitingFor = (
  pod: PodFacts,
  reasons: ReadonlySet<string>,
): { name: string; reason: string; message: string } | undefined => {
  for (const [name, container] of containers(pod)) {
    const reason = container?.waitingReason;
    if (reason !== undefined && reasons.has(reason)) return { name, reason, message: container?.waitingMessage ?? "" };
  }
  return undefined;
};

/** How long after the end of its grace a deleted pod may stay silent before its node counts as unreachable, in ms. */
export const nodeSilenceMs = 60_000;

type Look = (pod: PodFacts, nowMs: number) => Hindrance | undefined;

const nodeIsSilent: Look = (pod, nowMs) => {
  if (pod.deletingUntil === undefined) return undefined;
  if (nowMs <= Date.parse(pod.deletingUntil) + nodeSilenceMs) return undefined;
  const node = pod.nodeName ?? "unknown";
  return {
    reason: Reason.NodeUnreachable,
    message: `Node "${node}" does not confirm the end of pod "${pod.name}"; remove the node, or taint it with node.kubernetes.io/out-of-service once it is surely off.`,
    stuck: true,
  };
};

const isDraining: Look = (pod) =>
  pod.deletingUntil === undefined
    ? undefined
    : {
        reason: Reason.Draining,
        message: `Pod "${pod.name}" is being stopped; its scribe hands over what it still holds.`,
        stuck: false,
      };

const handsOver: Look = (pod) => {
  if (pod.main?.terminated === undefined) return undefined;
  const names = lingering(pod).map(({ name }) => `"${name}"`);
  const rest = names.length === 0 ? "its scribe hands over what it still holds" : `${names.join(", ")} still runs`;
  return { reason: Reason.Draining, message: `The agent has ended; ${rest}.`, stuck: false };
};

const isUnscheduled: Look = ({ unscheduled }) =>
  unscheduled === undefined
    ? undefined
    : { reason: Reason.PodUnschedulable, message: unscheduled.message, stuck: true };

const imageIsMissing: Look = (pod) => {
  const found = waitingFor(pod, pullFailures);
  return found === undefined
    ? undefined
    : {
        reason: Reason.ImagePullFailed,
        message: `The image of container "${found.name}" cannot be pulled (${found.reason}): ${found.message}`,
        stuck: true,
      };
};

/** A refusal of the node, by the name of the Secret where one is missing. */
const refusedByNode = (what: string, { reason, message }: { reason: string; message: string }): Hindrance => {
  const secret = /secret "([^"]+)" not found/.exec(message)?.[1];
  const told = `${what} (${reason}): ${message}`;
  return secret === undefined
    ? { reason: Reason.PodRejected, message: told, stuck: true }
    : { reason: Reason.SecretNotFound, message: `Secret "${secret}" does not exist; create it. ${told}`, stuck: true };
};

const containerIsRejected: Look = (pod) => {
  const found = waitingFor(pod, rejections);
  return found && refusedByNode(`Container "${found.name}" cannot be started`, found);
};

const podIsNotPrepared: Look = ({ warning }) => warning && refusedByNode("The node cannot prepare the pod", warning);

const othersCrash: Look = (pod) => {
  const found = pod.others.find((other) => other.waitingReason === "CrashLoopBackOff" && pod.main?.running !== true);
  if (found === undefined) return undefined;
  const told = found.terminated?.message || found.waitingMessage || "no message";
  const message = `Container "${found.name}", which is not of this operator, ends again and again: ${told}`;
  return { reason: Reason.PodRejected, message, stuck: true };
};

const fetchIsAtWork: Look = ({ fetch }) =>
  fetch !== undefined && fetch.terminated === undefined && fetch.running
    ? { reason: Reason.PreparingWorkspace, message: "The repository is being fetched.", stuck: false }
    : undefined;

// The kubelet starts the agent only behind a ready scribe, so only the time between fetch and agent is the scribe's.
const awaitsScribe = ({ fetch, main }: PodFacts): boolean =>
  fetch?.terminated?.exitCode === 0 && main?.running !== true;

const restarted = (what: string, container: ContainerFacts): Hindrance => {
  const told = container.terminated?.message || container.waitingMessage || "no message";
  return {
    reason: Reason.RecordingUnhealthy,
    message: `${what} was restarted ${container.restarts} times${howEnded(container)}: ${told}`,
    stuck: true,
  };
};

const portsAreNotHeld: Look = (pod) =>
  pod.ports !== undefined && pod.ports.restarts > 1 && awaitsScribe(pod)
    ? restarted('Container "ports", which holds the ports of the scribe,', pod.ports)
    : undefined;

const scribeIsNotUp: Look = (pod) => {
  const { scribe, main } = pod;
  if (scribe === undefined) return undefined;
  const isDown = main?.running === true && scribe.waitingReason === "CrashLoopBackOff";
  return isDown || (awaitsScribe(pod) && scribe.restarts > 1) ? restarted("The scribe", scribe) : undefined;
};

const isPending: Look = ({ main }) =>
  main?.running === true ? undefined : { reason: Reason.PodPending, message: "The pod is starting.", stuck: false };

const looks: readonly Look[] = [
  nodeIsSilent,
  isDraining,
  handsOver,
  isUnscheduled,
  imageIsMissing,
  containerIsRejected,
  othersCrash,
  portsAreNotHeld,
  scribeIsNotUp,
  podIsNotPrepared,
  fetchIsAtWork,
  isPending,
];

/** What keeps a living pod from working; nothing while its main container runs. */
export const hindranceOf: (pod: PodFacts, nowMs: number) => Hindrance | undefined = (pod, nowMs) => {
  for (const look of looks) {
    const found = look(pod, nowMs);
    if (found !== undefined) return found;
  }
  return undefined;
};
