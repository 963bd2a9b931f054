import { cut } from "#nervous-system/kernel/cut.ts";
import { ConditionType, findCondition, Reason, type DecidedCondition } from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import type { AgentPlan, AgentSnapshot } from "#operator/agent/plan.ts";
import { hasRun, howEnded, scribeDiedBesideAgent, type PodFacts } from "#operator/pod/facts.ts";
import { parseFetchEnd, parseScribeEnd } from "#operator/pod/termination.ts";

/** The summary and the ends: what `kubectl wait` is given. */
export const headline = (plan: AgentPlan): DecidedCondition[] => {
  const { reason, message } = plan;
  const ready = !plan.stalled && (plan.phase === "Running" || plan.phase === "Succeeded");
  const told = { reason, message: cut(message, 1024) };
  const as = (type: ConditionType): DecidedCondition => ({ type, status: "True", ...told });
  const list: DecidedCondition[] = [{ type: ConditionType.Ready, status: ready ? "True" : "False", ...told }];
  const underway = plan.phase === "Starting" || plan.phase === "Retrying";
  if (plan.stalled) list.push(as(ConditionType.Stalled));
  else if (underway) list.push(as(ConditionType.Reconciling));
  if (plan.phase === "Succeeded") list.push(as(ConditionType.Complete));
  if (plan.phase === "Failed") list.push(as(ConditionType.Failed));
  if (plan.phase === "Suspended") list.push(as(ConditionType.Suspended));
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
  const gap = (message: string): DecidedCondition[] => [{ type, status: "False", reason: Reason.RecordGap, message }];
  if (pod !== undefined && !hasRun(pod.scribe)) return [];
  const end = parseScribeEnd(pod?.scribe?.terminated?.message);
  if (end === undefined) return gap(`The scribe left no word of where it stopped${howEnded(pod?.scribe)}.`);
  if (end.ackedSeq < end.lastSeq) return gap(`${end.lastSeq - end.ackedSeq} frames were written and not confirmed.`);
  const message = "Every frame of the last attempt is stored.";
  return [{ type, status: "True", reason: Reason.RecordComplete, message }];
};

/** Four beats of a scribe. */
const silenceMs = 120_000;

/** What is wrong with the recording of an agent that works, its frames that came before notwithstanding. */
const whyUnrecorded = (
  { silentMs, nowMs }: AgentSnapshot,
  pod: PodFacts,
): { reason: Reason; message: string } | undefined => {
  if (scribeDiedBesideAgent(pod)) {
    const message = `The scribe ended ${pod.scribe?.restarts} times while the agent worked, which nothing that an agent does may bring about: look at what it did. What it told meanwhile may be missing.`;
    return { reason: Reason.ScribeDied, message };
  }
  const worksMs = nowMs - (Date.parse(pod.main?.startedAt ?? "") || nowMs);
  if (pod.main?.running !== true || Math.min(silentMs, worksMs) <= silenceMs) return undefined;
  const message = "No frame of it has reached the stream for two minutes, and a scribe writes one every 30 s.";
  return { reason: Reason.RecordingUnhealthy, message };
};

const recordingWhileAlive = (snapshot: AgentSnapshot, pod: PodFacts): DecidedCondition[] | undefined => {
  const { fold, framesAreLive } = snapshot;
  const wrong = whyUnrecorded(snapshot, pod);
  if (wrong !== undefined) return [{ type: ConditionType.Recording, status: "False", ...wrong }];
  if (!framesAreLive) return undefined;
  if (fold === undefined || fold.epoch !== pod.attempt) return [];
  const message = "Its frames reach the stream.";
  return [{ type: ConditionType.Recording, status: "True", reason: Reason.Recording, message }];
};

/** Conditions of the current pod, or of the last one. */
export const podConditions = (snapshot: AgentSnapshot, plan: AgentPlan, before: AgentStatus): DecidedCondition[] => {
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
