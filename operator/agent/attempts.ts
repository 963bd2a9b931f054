import type { AgentFold } from "#nervous-system/fold/state.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import type { AgentSnapshot, AgentTimes } from "#operator/agent/plan.ts";
import type { PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";

/** Disruptions that an Agent survives; they do not count as attempts, but not for ever. */
const maxDisruptions = 10;

type Ended = NonNullable<AgentStatus["history"]>[number];

/** Number of the current attempt; 0 before the first. */
export const currentAttempt = ({ agent }: Pick<AgentSnapshot, "agent">): number => agent.status?.attempt ?? 0;

/** The record of the current attempt's end, once it is in the status. */
export const recordedEnd = (snapshot: Pick<AgentSnapshot, "agent">): Ended | undefined =>
  snapshot.agent.status?.history?.find(({ attempt }) => attempt === currentAttempt(snapshot));

/** The pod of the current attempt, while it lives. */
export const livingPod = (snapshot: Pick<AgentSnapshot, "agent" | "pod">): PodFacts | undefined =>
  recordedEnd(snapshot) === undefined && snapshot.pod?.ended === false ? snapshot.pod : undefined;

/** How often an Agent failed and was disrupted. */
type EndCounts = { failures: number; disruptions: number };

/** The counts after one more end; a pod that was stopped for `suspend` counts as neither. */
export const countsAfter = (status: AgentStatus | undefined, end: PodEnd): EndCounts => {
  const { failures = 0, disruptions = 0 } = status ?? {};
  switch (end.verdict) {
    case "failed":
    case "fatal":
      return { failures: failures + 1, disruptions };
    case "disrupted":
      return { failures, disruptions: end.reason === Reason.Suspended ? disruptions : disruptions + 1 };
    case "succeeded":
      return { failures, disruptions };
  }
};

/** Why an Agent must give up after this end; nothing while it may try again. */
export const givesUp = (
  end: PodEnd,
  counts: EndCounts,
  maxAttempts: number,
): { reason: string; message: string } | undefined => {
  if (end.verdict === "fatal") return { reason: end.reason, message: end.message };
  if (end.verdict === "failed" && counts.failures >= maxAttempts)
    return {
      reason: Reason.AttemptsExhausted,
      message: `All ${maxAttempts} attempts failed. The last: ${end.message}`,
    };
  if (end.verdict === "disrupted" && counts.disruptions > maxDisruptions)
    return {
      reason: Reason.DisruptedTooOften,
      message: `The cluster ended ${counts.disruptions} attempts. The last: ${end.message}`,
    };
  return undefined;
};

// An agent's reasons for an end to which its own ways led: what it kept would lead there again.
const afresh: ReadonlySet<string> = new Set([
  "RepeatedActions",
  "ModelNonsense",
  "NoChanges",
  "NotPublishable",
  "RepositoryFailed",
]);

/** The state that was kept last: a fold that is being read from the past is behind what the status knows, and else ahead of it. */
export const newestSnapshot = (
  status: AgentStatus | undefined,
  fold: AgentFold | undefined,
): AgentStatus["snapshot"] => {
  const [known, told] = [status?.snapshot, fold?.snapshot];
  if (known === undefined || told === undefined) return told ?? known;
  const isLater = told.epoch > known.epoch || (told.epoch === known.epoch && told.seq >= known.seq);
  return isLater ? told : known;
};

/**
 * The snapshot that the next attempt goes on from; nothing where it begins anew.
 *
 *   the attempt that kept it        | those that were given it      | then
 *   ended, but not by its own ways  | were all ended by the cluster | the next one goes on from it
 *   was led to its end by its ways  | -                             | nothing
 *   -                               | one of them failed            | nothing: it may be what they fail by
 */
export const snapshotToResume = ({ agent, fold }: Pick<AgentSnapshot, "agent" | "fold">): string | undefined => {
  const { status } = agent;
  const { history = [] } = status ?? {};
  const snapshot = newestSnapshot(status, fold);
  if (snapshot === undefined || history.length === 0) return undefined;
  const isRefused = history.some(({ attempt, disruption, agentReason = "" }) =>
    attempt === snapshot.epoch ? afresh.has(agentReason) : attempt > snapshot.epoch && disruption !== true,
  );
  return isRefused ? undefined : snapshot.manifest;
};

const unreached: ReadonlySet<string> = new Set([Reason.RepositoryUnreachable, Reason.CollectorUnreachable]);

/**
 * Pause before the attempt after this end, in milliseconds: base × 2^(n-1), at most the longest. What a
 * fetch does not reach, forge or collector, is asked as seldom as after a failure, although it does not count as one.
 */
export const pauseMs = (
  end: { reason: string; disruption?: boolean | undefined },
  counts: EndCounts,
  times: AgentTimes,
): number => {
  if (end.reason === Reason.Suspended) return 0;
  const quick = end.disruption === true && !unreached.has(end.reason);
  const base = quick ? times.disruptionPauseMs : times.failurePauseMs;
  const n = end.disruption === true ? counts.disruptions : counts.failures;
  return Math.min(times.longestPauseMs, base * 2 ** Math.min(20, Math.max(0, n - 1)));
};
