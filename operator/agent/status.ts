import type { AgentFold } from "#nervous-system/fold/state.ts";
import { cut } from "#nervous-system/kernel/cut.ts";
import { mergeConditions } from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { countsAfter, newestSnapshot } from "#operator/agent/attempts.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { headline, podConditions } from "#operator/agent/conditions.ts";
import { personaCondition } from "#operator/agent/persona.ts";
import type { AgentPlan, AgentSnapshot } from "#operator/agent/plan.ts";
import type { PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import { agentPodName } from "#operator/pod/names.ts";
import { parseAgentEnd, parseFetchEnd, parseScribeEnd, type ScribeEnd } from "#operator/pod/termination.ts";
import { kubeTime, observedOf, usageAfter } from "#operator/status/fields.ts";

// Throughout, a member that is undefined is one that is absent: the merge patch removes it, or never names it.

const maxHistory = 10;

type Ended = NonNullable<AgentStatus["history"]>[number];

const scribeEndOf = (pod: PodFacts | undefined): ScribeEnd | undefined =>
  parseScribeEnd(pod?.scribe?.terminated?.message);

const agentReasonOf = (pod: PodFacts | undefined): string | undefined => {
  const told = parseAgentEnd(pod?.main?.terminated?.message)?.reason ?? "";
  return told === "" ? undefined : cut(told, 64);
};

const historyItem = (
  before: AgentStatus,
  { end, pod }: { end: PodEnd; pod: PodFacts | undefined },
  nowMs: number,
): Ended => ({
  attempt: before.attempt ?? 0,
  podUID: pod?.uid ?? before.podUID,
  exitCode: end.exitCode,
  reason: cut(end.reason, 128),
  message: cut(end.message, 1024),
  agentReason: agentReasonOf(pod),
  toSeq: scribeEndOf(pod)?.lastSeq,
  endTime: kubeTime(nowMs),
  disruption: end.verdict === "disrupted",
});

// The first attempt's commit is every attempt's: a branch that moved on must not mix two starting points.
const baseCommitOf = (before: AgentStatus, pod: PodFacts | undefined): string | undefined => {
  if (before.baseCommit !== undefined) return before.baseCommit;
  const told = parseFetchEnd(pod?.fetch?.terminated?.message);
  return told?.kind === "fetched" ? told.commit : undefined;
};

const afterEnd = (
  before: AgentStatus,
  ended: { end: PodEnd; pod: PodFacts | undefined },
  plan: AgentPlan,
  nowMs: number,
): AgentStatus => {
  const isOver = plan.phase === "Succeeded" || plan.phase === "Failed";
  return {
    ...before,
    baseCommit: baseCommitOf(before, ended.pod),
    ledger: scribeEndOf(ended.pod) ?? before.ledger,
    headSHA: parseAgentEnd(ended.pod?.main?.terminated?.message)?.headSHA ?? before.headSHA,
    ...countsAfter(before, ended.end),
    history: [...(before.history ?? []), historyItem(before, ended, nowMs)].slice(-maxHistory),
    completionTime: isOver ? kubeTime(nowMs) : before.completionTime,
  };
};

const started = (before: AgentStatus, agent: string, attempt: number, nowMs: number): AgentStatus => ({
  ...before,
  attempt,
  podName: agentPodName(agent, attempt),
  // Not known yet, and the old ones must not admit the old pod's frames as the new one's.
  podUID: undefined,
  nodeName: undefined,
  startTime: before.startTime ?? kubeTime(nowMs),
});

const whileAlive = (before: AgentStatus, pod: PodFacts): AgentStatus => ({
  ...before,
  podUID: pod.uid,
  podName: pod.name,
  nodeName: pod.nodeName ?? before.nodeName,
  baseCommit: baseCommitOf(before, pod),
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

const activityOf = ({ activity }: AgentFold): AgentStatus["activity"] => {
  if (activity === undefined) return undefined;
  const { sinceMs, ...told } = activity;
  return { ...told, since: kubeTime(sinceMs) };
};

const hasEnded = ({ attempt, history = [] }: AgentStatus): boolean =>
  history.some((ended) => ended.attempt === attempt);

const toldByFrames = ({ fold, stream }: AgentSnapshot, status: AgentStatus): AgentStatus => {
  const usage = usageAfter(status.usage, fold?.usage, stream);
  const counted = { ...status, usage, snapshot: newestSnapshot(status, fold) };
  // While the pod lives the stream is the witness; afterwards its scribe's last word is, and nothing is being done.
  if (hasEnded(status)) return { ...counted, activity: undefined };
  if (fold === undefined || fold.epoch !== status.attempt) return counted;
  return {
    ...counted,
    activity: activityOf(fold) ?? status.activity,
    ledger: { ...status.ledger, lastSeq: fold.seq, ackedSeq: fold.seq },
  };
};

/** The whole status that the plan leads to, from the status before, what the frames tell, and nothing else. */
export const computeAgentStatus = (snapshot: AgentSnapshot, plan: AgentPlan): AgentStatus => {
  const { agent, nowMs } = snapshot;
  const { persona } = agent.spec;
  const before = agent.status ?? {};
  const observed = observedOf(agent);
  const decided = [...headline(plan), ...podConditions(snapshot, plan, before), ...personaCondition(snapshot)];
  const at = { now: kubeTime(nowMs), generation: observed.observedGeneration };
  return {
    ...toldByFrames(snapshot, progressed(snapshot, plan, before)),
    ...observed,
    conditions: mergeConditions(before.conditions, decided, at),
    phase: plan.phase,
    ...(persona === undefined ? {} : { personaDigest: personaDigestOf(persona.systemPrompt) }),
  };
};
