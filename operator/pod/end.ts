import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { hasRun, howEnded, type PodFacts } from "#operator/pod/facts.ts";
import { parseAgentEnd, parseFetchEnd, parseScribeEnd } from "#operator/pod/termination.ts";

/**
 * How a pod ended, by who is answerable for it: `failed` counts as an attempt, `fatal` must not be tried again,
 * `disrupted` is the cluster's or the network's doing and does not count.
 */
export type PodEnd = {
  verdict: "succeeded" | "failed" | "fatal" | "disrupted";
  reason: string;
  message: string;
  exitCode?: number | undefined;
};

type Judge = (pod: PodFacts) => PodEnd | undefined;

const mainEnd = ({ main }: PodFacts) => main?.terminated;

/** The agent's own last words, if it left any. */
const lastWords = (pod: PodFacts): string => {
  const told = parseAgentEnd(mainEnd(pod)?.message);
  const words = [told?.reason, told?.message].filter((text) => text !== undefined && text !== "");
  return words.length === 0 ? "" : ` It says: ${words.join(": ")}`;
};

/** Whether the scribe said where it stopped; one that never ran, as a container of ours always does, has nothing to say. */
const isWitnessed = ({ scribe }: PodFacts): boolean =>
  !hasRun(scribe) || parseScribeEnd(scribe?.terminated?.message) !== undefined;

const exitedWell: Judge = (pod) =>
  mainEnd(pod)?.exitCode === 0 && isWitnessed(pod)
    ? {
        verdict: "succeeded",
        reason: Reason.Succeeded,
        message: "The agent finished its work.",
        exitCode: 0,
      }
    : undefined;

/** Exit code by which an agent says that trying again is of no use. */
const notRetryableExitCode = 2;

const refusedToRetry: Judge = (pod) =>
  mainEnd(pod)?.exitCode === notRetryableExitCode
    ? {
        verdict: "fatal",
        reason: Reason.NotRetryable,
        message: `The agent ended with exit code 2: another attempt would end the same way.${lastWords(pod)}`,
        exitCode: notRetryableExitCode,
      }
    : undefined;

/** Whose fault a failed `fetch` is; an unreachable forge is the network's, and a host may be there after a few tries. */
const fetchVerdicts: Readonly<Record<string, PodEnd["verdict"]>> = {
  [Reason.RepositoryNotFound]: "fatal",
  [Reason.AuthenticationFailed]: "fatal",
  [Reason.RefNotFound]: "fatal",
  [Reason.HostNotFound]: "failed",
  [Reason.HostNotAllowed]: "failed",
  [Reason.NetworkPolicyNotEnforced]: "failed",
};

const workspaceNotFetched: Judge = ({ fetch }) => {
  const end = fetch?.terminated;
  if (end === undefined || end.exitCode === 0) return undefined;
  const told = parseFetchEnd(end.message);
  if (told?.kind !== "failed") return undefined;
  const verdict = ownOf(fetchVerdicts, told.reason) ?? "disrupted";
  return { verdict, reason: told.reason, message: told.message, exitCode: end.exitCode };
};

const exitCodeOf = (pod: PodFacts): { exitCode?: number } => {
  const code = mainEnd(pod)?.exitCode;
  return code === undefined ? {} : { exitCode: code };
};

const everRan = ({ main, fetch, scribe, others }: PodFacts): boolean => [main, fetch, scribe, ...others].some(hasRun);

// The kubelet evicts for a pod's own limits without the condition DisruptionTarget, and for the node's pressure with it;
// it says the same of a pod that it does not take while its node is under pressure.
const filledItsDisk: Judge = (pod) =>
  pod.reason === "Evicted" && pod.disruption === undefined && everRan(pod)
    ? {
        verdict: "failed",
        reason: Reason.DiskExceeded,
        message: `The pod was evicted for its own use of the disk: ${pod.message}`,
        ...exitCodeOf(pod),
      }
    : undefined;

// containerd after a restart of the node, and the kubelet where a container is gone that it knew: neither saw it end.
const lostReasons: ReadonlySet<string> = new Set(["Unknown", "ContainerStatusUnknown"]);

const nodeLostIt: Judge = (pod) => {
  const lost = [pod.main, pod.fetch, ...pod.others.filter(({ place }) => place === "init")]
    .map((container) => container?.terminated)
    .find((end) => end !== undefined && lostReasons.has(end.reason));
  if (lost === undefined) return undefined;
  const message = `The node lost the pod's containers, as it does when it restarts (${lost.reason}, exit code ${lost.exitCode}).`;
  return { verdict: "disrupted", reason: Reason.ContainerLost, message, ...exitCodeOf(pod) };
};

// Two machines' clocks tell the two times: what is closer than this was not clearly before.
const clearlyMs = 5_000;

// What the agent did before anybody began to end its pod is its own doing.
const hadEnded = (pod: PodFacts, beforeMs: number): boolean =>
  Date.parse(mainEnd(pod)?.finishedAt ?? "") + clearlyMs < beforeMs;

const clusterEndedIt: Judge = (pod) =>
  pod.disruption === undefined || hadEnded(pod, pod.disruption.sinceMs)
    ? undefined
    : {
        verdict: "disrupted",
        reason: Reason.Evicted,
        message: `The cluster ended the pod (${pod.disruption.reason}): ${pod.disruption.message}`,
        ...exitCodeOf(pod),
      };

const wasDeleted: Judge = (pod) =>
  pod.deletedAtMs === undefined || hadEnded(pod, pod.deletedAtMs)
    ? undefined
    : {
        verdict: "disrupted",
        reason: Reason.PodDeleted,
        message: "The pod was deleted before the agent had finished.",
        ...exitCodeOf(pod),
      };

const initContainerFailed: Judge = ({ fetch, others }) => {
  const before = [{ name: "fetch", terminated: fetch?.terminated }, ...others.filter(({ place }) => place === "init")];
  const failed = before.find(({ terminated }) => terminated !== undefined && terminated.exitCode !== 0);
  if (failed?.terminated === undefined) return undefined;
  const { exitCode, reason } = failed.terminated;
  return {
    verdict: "failed",
    reason: Reason.AttemptFailed,
    message: `Init container "${failed.name}" ended with exit code ${exitCode} (${reason || "Error"}).`,
    exitCode,
  };
};

const neverStarted: Judge = (pod) => {
  const end = mainEnd(pod);
  if (end?.reason !== "StartError" && end?.reason !== "ContainerCannotRun") return undefined;
  const message = `The agent container could not be started: ${end.message || "the node does not say why"}`;
  return { verdict: "failed", reason: Reason.AttemptFailed, message, exitCode: end.exitCode };
};

const ranOutOfMemory: Judge = (pod) =>
  mainEnd(pod)?.reason === "OOMKilled"
    ? {
        verdict: "failed",
        reason: Reason.OutOfMemory,
        message: "The agent container used more memory than its limit and was killed.",
        ...exitCodeOf(pod),
      }
    : undefined;

const ranOutOfTime: Judge = (pod) =>
  pod.reason === "DeadlineExceeded"
    ? {
        verdict: "failed",
        reason: Reason.DeadlineExceeded,
        message: "The pod was stopped because it took longer than it may.",
        ...exitCodeOf(pod),
      }
    : undefined;

// A kubelet that refuses a pod (no room after all, node shutting down) ends it with a reason and without containers.
const kubeletRefusedIt: Judge = (pod) =>
  mainEnd(pod) === undefined && pod.reason !== ""
    ? {
        verdict: "disrupted",
        reason: Reason.PodRejected,
        message: `The node did not run the pod (${pod.reason}): ${pod.message}`,
      }
    : undefined;

const leftNoRecord: Judge = (pod) =>
  mainEnd(pod)?.exitCode === 0
    ? {
        verdict: "failed",
        reason: Reason.RecordGap,
        message: `The agent ended well, but its scribe left no word of where it stopped${howEnded(pod.scribe)}: what is not known to be recorded does not count.`,
        exitCode: 0,
      }
    : undefined;

const endedBadly: Judge = (pod) => {
  const end = mainEnd(pod);
  if (end === undefined) return undefined;
  return {
    verdict: "failed",
    reason: Reason.AttemptFailed,
    message: `The agent ended with exit code ${end.exitCode}.${lastWords(pod)}`,
    exitCode: end.exitCode,
  };
};

/** The order is the contract: what the agent itself said comes first, then who ended it, then its exit code. */
const judges: readonly Judge[] = [
  exitedWell,
  refusedToRetry,
  workspaceNotFetched,
  filledItsDisk,
  nodeLostIt,
  clusterEndedIt,
  wasDeleted,
  initContainerFailed,
  neverStarted,
  ranOutOfMemory,
  ranOutOfTime,
  kubeletRefusedIt,
  leftNoRecord,
  endedBadly,
];

/** Judges a pod that has ended; see `PodEnd`. */
export const judgeEnd = (pod: PodFacts): PodEnd => {
  for (const judge of judges) {
    const end = judge(pod);
    if (end !== undefined) return end;
  }
  return {
    verdict: "disrupted",
    reason: Reason.PodRejected,
    message: `The pod ended as ${pod.phase} and no container of it says why.`,
  };
};

/** The end of a pod that is gone without having been read: it was forced away, finalizer and all. */
export const vanished: PodEnd = {
  verdict: "disrupted",
  reason: Reason.PodDeleted,
  message: "The pod is gone and nobody could read how it ended.",
};
