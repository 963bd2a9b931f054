import { mergeConditions } from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { tallyAfter } from "#operator/agent/attempts.ts";
import { cut, headline, podConditions } from "#operator/agent/conditions.ts";
import type { AgentPlan } from "#operator/agent/plan.ts";
import { kubeTime, type AgentSnapshot } from "#operator/agent/snapshot.ts";
import type { AgentFold } from "#operator/frames/fold.ts";
import type { PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import { annotation } from "#nervous-system/schemas/names.ts";
import { agentPodName } from "#operator/pod/names.ts";
import { parseAgentEnd, parseFetchEnd, parseScribeEnd } from "#operator/pod/termination.ts";

const maxHistory = 10;

type Ended = NonNullable<AgentStatus["history"]>[number];

const historyItem = (
  before: AgentStatus,
  { end, pod }: { end: PodEnd; pod: PodFacts | undefined },
  nowMs: number,
): Ended => {
  const podUID = pod?.uid ?? before.podUID;
  const scribe = parseScribeEnd(pod?.scribe?.terminated?.message);
  return {
    attempt: before.attempt ?? 0,
    ...(podUID === undefined ? {} : { podUID }),
    ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
    reason: cut(end.reason, 128),
    message: cut(end.message, 1024),
    ...(scribe === undefined ? {} : { toSeq: scribe.lastSeq }),
    endTime: kubeTime(nowMs),
    disruption: end.verdict === "disrupted",
  };
};

const baseCommitOf = (pod: PodFacts | undefined): Pick<AgentStatus, "baseCommit"> => {
  const told = parseFetchEnd(pod?.fetch?.terminated?.message);
  return told?.kind === "fetched" ? { baseCommit: told.commit } : {};
};

const afterEnd = (
  before: AgentStatus,
  ended: { end: PodEnd; pod: PodFacts | undefined },
  plan: AgentPlan,
  nowMs: number,
): AgentStatus => {
  const scribe = parseScribeEnd(ended.pod?.scribe?.terminated?.message);
  const headSHA = parseAgentEnd(ended.pod?.main?.terminated?.message)?.headSHA;
  const isOver = plan.stand === "Succeeded" || plan.stand === "Failed";
  return {
    ...before,
    ...(before.baseCommit === undefined ? baseCommitOf(ended.pod) : {}),
    ...(scribe === undefined ? {} : { ledger: scribe }),
    ...(headSHA === undefined ? {} : { headSHA }),
    ...tallyAfter(before, ended.end),
    history: [...(before.history ?? []), historyItem(before, ended, nowMs)].slice(-maxHistory),
    ...(isOver ? { completionTime: kubeTime(nowMs) } : {}),
  };
};

const started = (before: AgentStatus, agent: string, attempt: number, nowMs: number): AgentStatus => {
  // The new pod's UID and node are not known yet, and the old ones must not admit the old pod's frames as the new one's.
  const { podUID: _uid, nodeName: _node, ...rest } = before;
  return {
    ...rest,
    attempt,
    podName: agentPodName(agent, attempt),
    startTime: before.startTime ?? kubeTime(nowMs),
  };
};

const whileAlive = (before: AgentStatus, pod: PodFacts): AgentStatus => ({
  ...before,
  podUID: pod.uid,
  podName: pod.name,
  ...(pod.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
  ...(before.baseCommit === undefined ? baseCommitOf(pod) : {}),
});

const progressed = (snapshot: AgentSnapshot, plan: AgentPlan, before: AgentStatus): AgentStatus => {
  const { progress } = plan;
  switch (progress.kind) {
    case "none":
      return before;
    case "started":
      return started(before, snapshot.agent.metadata.name, progress.attempt, snapshot.nowMs);
    case "alive":
      return whileAlive(before, progress.pod);
    case "ended":
      return afterEnd(before, progress, plan, snapshot.nowMs);
  }
};

const toldByFrames = (fold: AgentFold | undefined, status: AgentStatus): AgentStatus => {
  if (fold === undefined) return status;
  const isCurrent = fold.epoch === status.attempt;
  const ended = status.history?.some(({ attempt }) => attempt === fold.epoch) === true;
  return {
    ...status,
    usage: fold.usage,
    ...(fold.activity === undefined || !isCurrent
      ? {}
      : {
          activity: {
            ...fold.activity,
            ...(fold.activity.file === undefined ? {} : { file: cut(fold.activity.file, 512) }),
          },
        }),
    // While the pod lives the stream is the witness; afterwards its scribe's last word is.
    ...(isCurrent && !ended ? { ledger: { ...status.ledger, lastSeq: fold.seq, ackedSeq: fold.seq } } : {}),
  };
};

/** The whole status that the plan leads to, from the status before, what the frames tell, and nothing else. */
export const computeAgentStatus = (snapshot: AgentSnapshot, plan: AgentPlan): AgentStatus => {
  const { agent, nowMs } = snapshot;
  const before = agent.status ?? {};
  const generation = agent.metadata.generation ?? 0;
  const requestedAt = agent.metadata.annotations?.[annotation.requestedAt];
  const decided = [...headline(plan), ...podConditions(snapshot, plan, before)];
  return {
    ...toldByFrames(snapshot.fold, progressed(snapshot, plan, before)),
    observedGeneration: generation,
    conditions: mergeConditions(before.conditions, decided, { now: kubeTime(nowMs), generation }),
    phase: plan.stand,
    ...(requestedAt === undefined ? {} : { lastHandledReconcileAt: requestedAt.slice(0, 128) }),
  };
};
