import type { Pod } from "#nervous-system/kubernetes/kinds.ts";

/** What a kubelet writes about a pod. */
export type PodStatus = NonNullable<Pod["status"]>;
type ContainerStatus = NonNullable<PodStatus["containerStatuses"]>[number];

/** Commit that `fetch` reports in builders. */
export const someCommit = "1".repeat(40);
/** Hash that `scribe` reports in builders. */
export const someHash = "c".repeat(64);

const at = "2026-11-23T09:01:00Z";

const container = (
  name: string,
  state: ContainerStatus["state"],
  more: Partial<ContainerStatus> = {},
): ContainerStatus => ({
  name,
  image: "image",
  imageID: "",
  ready: false,
  restartCount: 0,
  ...(state === undefined ? {} : { state }),
  ...more,
});

const ended = (name: string, exitCode: number, message: unknown, reason?: string): ContainerStatus =>
  container(name, {
    terminated: {
      exitCode,
      reason: reason ?? (exitCode === 0 ? "Completed" : "Error"),
      message: typeof message === "string" ? message : JSON.stringify(message),
      startedAt: at,
      finishedAt: at,
    },
  });

const running = (name: string): ContainerStatus =>
  container(name, { running: { startedAt: at } }, { ready: true, started: true });

const scheduled = { type: "PodScheduled", status: "True", lastProbeTime: at, lastTransitionTime: at };

/** Scheduled, everything up, the agent at work. */
export const runningStatus = (): PodStatus => ({
  phase: "Running",
  conditions: [scheduled],
  initContainerStatuses: [ended("fetch", 0, { commit: someCommit }), running("ports"), running("scribe")],
  containerStatuses: [running("agent")],
});

/** How an agent pod ended; members that are left out ended well. */
export type EndedPod = {
  exitCode?: number;
  agentMessage?: unknown;
  agentReason?: string;
  scribe?: { lastSeq: number; ackedSeq: number } | undefined;
};

/** The agent has ended and its scribe after it. */
export const endedStatus = ({ exitCode = 0, agentMessage = "", agentReason, scribe }: EndedPod = {}): PodStatus => ({
  phase: exitCode === 0 ? "Succeeded" : "Failed",
  conditions: [scheduled],
  initContainerStatuses: [
    ended("fetch", 0, { commit: someCommit }),
    ended("ports", 0, ""),
    ended("scribe", 0, { lastSeq: 7, ackedSeq: 7, hash: someHash, ...scribe }),
  ],
  containerStatuses: [ended("agent", exitCode, agentMessage, agentReason)],
});

/** The agent has ended, and a container that a webhook put beside it keeps the pod alive. */
export const lingeringStatus = (exitCode: number, agentMessage: unknown = ""): PodStatus => ({
  ...runningStatus(),
  containerStatuses: [ended("agent", exitCode, agentMessage), running("mesh-proxy")],
});

/** An init container that a webhook put before ours does not end, or ended badly. */
export const otherInitStatus = (state: ContainerStatus["state"]): PodStatus => ({
  phase: state?.terminated === undefined ? "Pending" : "Failed",
  conditions: [scheduled],
  initContainerStatuses: [
    container("mesh-init", state),
    container("fetch", { waiting: { reason: "PodInitializing" } }),
  ],
  containerStatuses: [container("agent", { waiting: { reason: "PodInitializing" } })],
});

/** Its node restarted: nobody saw its containers end. */
export const lostStatus = (reason: string, exitCode: number): PodStatus => ({
  ...endedStatus({ exitCode, agentReason: reason }),
});

/** The agent works while its scribe ends again and again. */
export const scribeDownStatus = (): PodStatus => ({
  ...runningStatus(),
  initContainerStatuses: [
    ended("fetch", 0, { commit: someCommit }),
    running("ports"),
    container(
      "scribe",
      { waiting: { reason: "CrashLoopBackOff", message: "back-off 40s" } },
      { restartCount: 3, lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } } },
    ),
  ],
});

/** What holds the ports of the scribe ends again and again, so that neither scribe nor agent begins. */
export const portsDownStatus = (message: string): PodStatus => ({
  phase: "Pending",
  conditions: [scheduled],
  initContainerStatuses: [
    ended("fetch", 0, { commit: someCommit }),
    container(
      "ports",
      { waiting: { reason: "CrashLoopBackOff", message: "back-off 40s" } },
      { restartCount: 3, lastState: { terminated: { exitCode: 2, reason: "Error", message } } },
    ),
    running("scribe"),
  ],
  containerStatuses: [container("agent", { waiting: { reason: "PodInitializing" } })],
});

/** It has a node, and no container of it has begun. */
export const unstartedStatus = (): PodStatus => waitingStatus("PodInitializing", "");

/** `fetch` could not make the repository ready. */
export const fetchFailedStatus = (reason: string, message: string): PodStatus => ({
  phase: "Failed",
  conditions: [scheduled],
  initContainerStatuses: [
    ended("fetch", 1, { reason, message }),
    container("ports", { waiting: { reason: "PodInitializing" } }),
    container("scribe", { waiting: { reason: "PodInitializing" } }),
  ],
  containerStatuses: [container("agent", { waiting: { reason: "PodInitializing" } })],
});

/** The cluster takes the pod away, for a reason that is not the agent's. */
export const disruptedStatus = (reason: string): PodStatus => ({
  ...endedStatus({ exitCode: 143 }),
  conditions: [
    scheduled,
    { type: "DisruptionTarget", status: "True", reason, message: "taken away", lastTransitionTime: at },
  ],
});

/** The pod was evicted for using more disk than it asked for. */
export const diskExceededStatus = (): PodStatus => ({
  ...endedStatus({ exitCode: 137 }),
  reason: "Evicted",
  message: 'Usage of EmptyDir volume "workspace" exceeds the limit "2Gi".',
});

/** A container waits for its image, or for something else that the kubelet names. */
export const waitingStatus = (reason: string, message: string): PodStatus => ({
  phase: "Pending",
  conditions: [scheduled],
  initContainerStatuses: [container("fetch", { waiting: { reason, message } })],
  containerStatuses: [],
});

/** No node takes the pod. */
export const unschedulableStatus = (message: string): PodStatus => ({
  phase: "Pending",
  conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message, lastTransitionTime: at }],
});

/** The criteria of a verifier pod: the one at `place` in this state, those before it ended with 0, none after it started. */
const criteriaStatus = (of: number, place: number, at: (name: string) => ContainerStatus): Partial<PodStatus> => {
  const criteria = Array.from({ length: of }, (_, index) => {
    const name = `criterion-${index + 1}`;
    if (index + 1 === place) return at(name);
    return index + 1 < place ? ended(name, 0, "") : container(name, { waiting: { reason: "PodInitializing" } });
  });
  return {
    conditions: [scheduled],
    initContainerStatuses: [ended("fetch", 0, { commit: someCommit }), ...criteria.slice(0, -1)],
    containerStatuses: criteria.slice(-1),
  };
};

/** How the criterion at `place` of `of` ended, which ended the pod. */
export type EndedCriterion = { exitCode: number; message?: unknown; reason?: string; place?: number; of?: number };

/** The verifier pod at its end. */
export const verifierStatus = ({ of = 1, place = of, ...end }: EndedCriterion): PodStatus => ({
  phase: end.exitCode === 0 ? "Succeeded" : "Failed",
  ...criteriaStatus(of, place, (name) => ended(name, end.exitCode, end.message ?? "", end.reason)),
});

/** The verifier pod while the criterion at `place` of `of` is at work. */
export const verifyingStatus = ({ place = 1, of = 1 } = {}): PodStatus => ({
  phase: place < of ? "Pending" : "Running",
  ...criteriaStatus(of, place, running),
});
