import type { AnsweredFold } from "#nervous-system/fold/state.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { criteriaFailed, otherCriteria, runsCriteriaOf, shortOfMemory } from "#operator/mission/criteria.ts";
import {
  endingPlan,
  waitingPlan,
  type MissionAct,
  type MissionPlan,
  type MissionSnapshot,
  type Step,
  type VerifierTarget,
} from "#operator/mission/plan.ts";
import { judgeWorkspace } from "#operator/gateway/workspace.ts";
import { publishedOf } from "#operator/mission/publication.ts";
import { judgeNetwork } from "#operator/pod/confinement.ts";
import { judgeEnd, vanished, type PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import { hindranceOf } from "#operator/pod/pending.ts";
import { parseFetchEnd } from "#operator/pod/termination.ts";

/** Verifier pods that the cluster may end before the mission gives up. */
const maxVerifierRuns = 10;

const recheckMs = 60_000;

// In a fork the branch is another repository's, for which the mission's Secret need not be: its head is read by the pull request.
const publishedTarget = ({ branch, head, fork, number }: AnsweredFold["publication"]): VerifierTarget => ({
  ref: branch,
  commit: head,
  ...(fork === undefined ? {} : { pull: number }),
});

/** What the last agent of the team published, or, where nothing was, the commit that the agents started from. */
const targetOf = (snapshot: MissionSnapshot): VerifierTarget => {
  const published = publishedOf(snapshot).at(-1)?.publication;
  if (published !== undefined) return publishedTarget(published);
  const base = [...snapshot.agents.values()].map(({ status }) => status?.baseCommit).find((c) => c !== undefined);
  return { ref: snapshot.mission.spec.workspace.ref, commit: base ?? "" };
};

const published = (snapshot: MissionSnapshot): string => {
  const urls = publishedOf(snapshot).map(({ publication }) => publication.url);
  return urls.length === 0 ? "The agents finished; nothing was proposed." : `Open: ${urls.join(", ")}.`;
};

/** The heads that the criteria were not run on: a mission says so of each. */
const unverified = (snapshot: MissionSnapshot): string => {
  const { commit } = targetOf(snapshot);
  const others = publishedOf(snapshot).filter(({ publication }) => publication.head !== commit);
  const named = others.map(({ publication: { branch, head } }) => `${branch} at ${head.slice(0, 12)}`);
  return named.length === 0 ? "" : ` Not verified: ${named.join(", ")}.`;
};

// `fetch` sees the branch as it is: whatever else somebody pushed there is in the pull request, too.
const pushedOver = (snapshot: MissionSnapshot, pod: PodFacts): string => {
  const told = parseFetchEnd(pod.fetch?.terminated?.message);
  const { ref, commit } = targetOf(snapshot);
  const head = told?.kind === "fetched" ? told.head : undefined;
  if (head === undefined || head === commit || publishedOf(snapshot).length === 0) return "";
  return ` Somebody else pushed to ${ref}: it held ${head.slice(0, 12)} when ${commit.slice(0, 12)} was verified.`;
};

const withoutCriteria = (snapshot: MissionSnapshot): MissionPlan =>
  endingPlan("Complete", {
    reason: publishedOf(snapshot).length === 0 ? Reason.AgentsFinished : Reason.Published,
    message: published(snapshot),
  });

// One whose verdict does not count would work on beside the next, and take its room.
const endLast = ({ verifier }: MissionSnapshot): MissionAct[] =>
  verifier === undefined || verifier.ended || verifier.deletingUntil !== undefined
    ? []
    : [{ kind: "deleteVerifier", pod: verifier }];

const runPlan = (snapshot: MissionSnapshot, attempt: number): MissionPlan => {
  const target = targetOf(snapshot);
  if (snapshot.gatewayAddress === undefined) {
    const message = "Service enchanted-gateway has no cluster address yet.";
    return waitingPlan({ phase: "Verifying", reason: Reason.CheckUnavailable, message }, recheckMs);
  }
  const blocked = judgeWorkspace(snapshot.mission, snapshot.secret) ?? judgeNetwork(snapshot.network);
  if (blocked !== undefined) return waitingPlan({ phase: "Verifying", ...blocked }, recheckMs);
  const message = `The success criteria are run on ${target.ref} at ${target.commit.slice(0, 12)}.`;
  const acts: MissionAct[] = [...endLast(snapshot), { kind: "createVerifier", attempt, ...target }];
  return waitingPlan({ phase: "Verifying", reason: Reason.Verifying, message, acts }, recheckMs);
};

const alivePlan = (snapshot: MissionSnapshot, pod: PodFacts): MissionPlan => {
  const { ref, commit } = targetOf(snapshot);
  const hindrance = hindranceOf(pod, snapshot.nowMs);
  const stuck = hindrance?.stuck === true;
  return waitingPlan(
    {
      phase: "Verifying",
      reason: stuck ? hindrance.reason : Reason.Verifying,
      message: stuck ? hindrance.message : `The success criteria are run on ${ref} at ${commit.slice(0, 12)}.`,
      stalled: stuck,
    },
    recheckMs,
  );
};

const endedAtMs = (pod: PodFacts | undefined): number => {
  if (pod === undefined) return 0;
  const last = pod.main?.terminated ?? pod.fetch?.terminated;
  return Date.parse(last?.finishedAt ?? pod.createdAt) || 0;
};

const disruptedPlan = (snapshot: MissionSnapshot, run: number, end: PodEnd): MissionPlan => {
  if (run >= maxVerifierRuns) {
    const message = `The cluster ended ${run} verifier pods. The last: ${end.message}`;
    return endingPlan("Failed", { reason: Reason.VerifierDisrupted, message });
  }
  const { verifier, nowMs, verifierPauseMs } = snapshot;
  const waitMs = endedAtMs(verifier) + verifierPauseMs * 2 ** (run - 1) - nowMs;
  return waitMs <= 0
    ? runPlan(snapshot, run + 1)
    : waitingPlan({ phase: "Verifying", reason: Reason.Verifying, message: end.message }, waitMs);
};

const endedPlan = (snapshot: MissionSnapshot, run: number, pod: PodFacts): MissionPlan => {
  const end = judgeEnd(pod);
  if (end.verdict === "disrupted") return disruptedPlan(snapshot, run, end);
  if (end.verdict !== "succeeded")
    return endingPlan("Failed", criteriaFailed(pod, end), pod.main?.terminated?.exitCode);
  const count = snapshot.mission.spec.successCriteria.length;
  const message = `All ${count} success criteria hold.${shortOfMemory(pod)} ${published(snapshot)}${unverified(snapshot)}${pushedOver(snapshot, pod)}`;
  return endingPlan("Complete", { reason: Reason.CriteriaMet, message }, 0);
};

/*
 *  what there is                                          what follows
 *  no success criteria                                    Complete
 *  no verifier yet, or one of another head                one is run on the head, if the Secret may still be used; one that
 *                                                         works on another head is ended
 *  a verifier that waits or works                         Verifying, stalled where something keeps it from working
 *  a verifier that the cluster ended, that is gone, or    the next is run after a pause; Failed after `maxVerifierRuns`
 *  that runs other criteria than the mission names
 *  a verifier whose criteria all ended with 0             Complete
 *  a verifier with one that ended otherwise               Failed, with the command and the end of its output
 */
/** Everything is published: the success criteria decide, run by a pod that no agent ever touched. */
export const verification: Step = (snapshot) => {
  const { mission, verifier } = snapshot;
  if (mission.spec.successCriteria.length === 0) return withoutCriteria(snapshot);
  const last = mission.status?.verification;
  if (last === undefined) return runPlan(snapshot, 1);
  if (last.commit !== targetOf(snapshot).commit) return runPlan(snapshot, last.attempt + 1);
  if (verifier === undefined) return disruptedPlan(snapshot, last.attempt, vanished);
  if (!runsCriteriaOf(mission, verifier)) return disruptedPlan(snapshot, last.attempt, otherCriteria);
  // A container that somebody else put beside it may keep the pod alive; the criteria have ended.
  return verifier.ended || verifier.main?.terminated !== undefined
    ? endedPlan(snapshot, last.attempt, verifier)
    : alivePlan(snapshot, verifier);
};
