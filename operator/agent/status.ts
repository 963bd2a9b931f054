import {
  ConditionType,
  findCondition,
  mergeConditions,
  Reason,
  type DecidedCondition,
} from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { tallyAfter } from "#operator/agent/attempts.ts";
import type { AgentPlan } from "#operator/agent/plan.ts";
import { kubeTime, type AgentSnapshot } from "#operator/agent/snapshot.ts";
import type { AgentFold } from "#operator/frames/fold.ts";
import type { PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import { annotation } from "#nervous-system/schemas/names.ts";
import { agentPodName } from "#operator/pod/names.ts";
import { parseAgentEnd, parseFetchEnd, parseScribeEnd } from "#operator/pod/termination.ts";

const maxHistory = 10;

const cut = (text: string, max: number): string => (text.length <= max ? text : `${text.slice(0, max - 1)}…`);

const headline = (plan: AgentPlan): DecidedCondition[] => {
  const { reason, message } = plan;
  const ready = plan.stand === "Running" || plan.stand === "Succeeded";
  const told = { reason, message: cut(message, 1024) };
  const as = (type: ConditionType): DecidedCondition => ({ type, status: "True", ...told });
  const list: DecidedCondition[] = [{ type: ConditionType.Ready, status: ready ? "True" : "False", ...told }];
  if (plan.stalled) list.push(as(ConditionType.Stalled));
  if (plan.stand === "Starting" || plan.stand === "Retrying") list.push(as(ConditionType.Reconciling));
  if (plan.stand === "Succeeded") list.push(as(ConditionType.Complete));
  if (plan.stand === "Failed") list.push(as(ConditionType.Failed));
  if (plan.stand === "Suspended") list.push(as(ConditionType.Suspended));
  return list;
};

const kept = (before: AgentStatus, type: ConditionType): DecidedCondition[] => {
  const old = findCondition(before.conditions, type);
  return old === undefined ? [] : [{ type, status: old.status, reason: old.reason, message: old.message }];
};

const scheduledCondition = (pod: PodFacts): DecidedCondition[] => {
  const type = ConditionType.PodScheduled;
  if (pod.unscheduled !== undefined)
    return [{ type, status: "False", reason: Reason.PodUnschedulable, message: cut(pod.unscheduled.message, 1024) }];
  return pod.scheduled
    ? [{ type, status: "True", reason: Reason.PodRunning, message: `The pod is on node "${pod.nodeName ?? ""}".` }]
    : [];
};

const workspaceCondition = (pod: PodFacts): DecidedCondition[] => {
  const type = ConditionType.WorkspaceReady;
  const end = pod.fetch?.terminated;
  if (end === undefined)
    return [{ type, status: "False", reason: Reason.PreparingWorkspace, message: "The repository is not there yet." }];
  const told = parseFetchEnd(end.message);
  if (end.exitCode === 0)
    return [{ type, status: "True", reason: Reason.WorkspaceReady, message: "The repository was fetched." }];
  return told?.kind === "failed"
    ? [{ type, status: "False", reason: told.reason, message: cut(told.message, 1024) }]
    : [{ type, status: "False", reason: Reason.AttemptFailed, message: `fetch ended with exit code ${end.exitCode}.` }];
};

const recordingAtEnd = (pod: PodFacts | undefined): DecidedCondition[] => {
  const type = ConditionType.Recording;
  const end = parseScribeEnd(pod?.scribe?.terminated?.message);
  if (end === undefined)
    return pod !== undefined && pod.main === undefined
      ? []
      : [{ type, status: "False", reason: Reason.RecordGap, message: "The scribe left no word of where it stopped." }];
  return end.ackedSeq >= end.lastSeq
    ? [{ type, status: "True", reason: Reason.RecordComplete, message: "Every frame of the last attempt is stored." }]
    : [
        {
          type,
          status: "False",
          reason: Reason.RecordGap,
          message: `${end.lastSeq - end.ackedSeq} frames were written and not confirmed.`,
        },
      ];
};

const recordingWhileAlive = ({ fold, framesAreLive }: AgentSnapshot, pod: PodFacts): DecidedCondition[] | undefined => {
  if (!framesAreLive) return undefined;
  if (fold === undefined || fold.epoch !== pod.attempt) return [];
  const message = "Its frames reach the stream.";
  return [{ type: ConditionType.Recording, status: "True", reason: Reason.Recording, message }];
};

const ofThePod = (snapshot: AgentSnapshot, plan: AgentPlan, before: AgentStatus): DecidedCondition[] => {
  const { progress } = plan;
  const keep = (type: ConditionType): DecidedCondition[] => kept(before, type);
  switch (progress.kind) {
    case "none":
      return [
        ...keep(ConditionType.PodScheduled),
        ...keep(ConditionType.WorkspaceReady),
        ...keep(ConditionType.Recording),
      ];
    case "started":
      return [];
    case "alive":
      return [
        ...scheduledCondition(progress.pod),
        ...workspaceCondition(progress.pod),
        ...(recordingWhileAlive(snapshot, progress.pod) ?? keep(ConditionType.Recording)),
      ];
    case "ended":
      return [
        ...(progress.pod === undefined ? keep(ConditionType.WorkspaceReady) : workspaceCondition(progress.pod)),
        ...recordingAtEnd(progress.pod),
      ];
  }
};

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
  const decided = [...headline(plan), ...ofThePod(snapshot, plan, before)];
  return {
    ...toldByFrames(snapshot.fold, progressed(snapshot, plan, before)),
    observedGeneration: generation,
    conditions: mergeConditions(before.conditions, decided, { now: kubeTime(nowMs), generation }),
    phase: plan.stand,
    ...(requestedAt === undefined ? {} : { lastHandledReconcileAt: requestedAt.slice(0, 128) }),
  };
};
