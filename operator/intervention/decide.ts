import type { Intervention, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { controllerOf, isControlledBy } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import { isFinished, Reason } from "#nervous-system/schemas/conditions.ts";
import { isAppliedTo, wasApplied } from "#operator/intervention/apply.ts";
import { judgeIntervention } from "#operator/intervention/judge.ts";
import type { RecordHealth } from "#operator/frames/view.ts";
import { notTenantMessage } from "#operator/tenant.ts";

/** Everything that decides what becomes of an act, read once. */
export type InterventionSnapshot = {
  readonly intervention: Intervention;
  readonly isTenant: boolean;
  readonly mission: Mission | undefined;
  /** The act on the same mission that is answered next. */
  readonly next: Intervention | undefined;
  readonly record: RecordHealth;
  /** Place of the frame that tells of it, where that is in the stream. */
  readonly place: number | undefined;
  readonly nowMs: number;
};

/** One word for where an act stands. */
type Phase = "Pending" | "Applied" | "Superseded" | "Expired" | "Denied";

/** What is to be done about an act, and what its status is to say; without a phase it stays as it is. */
export type InterventionPlan = {
  readonly act?: { readonly kind: "own" | "record"; readonly mission: Mission };
  readonly phase?: Phase;
  readonly reason?: string;
  readonly message?: string;
  readonly outcome: Outcome;
};

type Step = (snapshot: InterventionSnapshot) => InterventionPlan | undefined;

/** How long an act waits for a mission that comes with it; a mission that is made later is another one. */
const missionWaitMs = 60_000;
const recheckMs = 10_000;

const answer = (phase: Phase, reason: string, message: string): InterventionPlan => ({
  phase,
  reason,
  message,
  outcome: { kind: "done" },
});

const wait = (reason: string, message: string, plan: Partial<InterventionPlan> = {}): InterventionPlan => ({
  ...plan,
  outcome: { kind: "waiting", reason, message, recheckMs },
});

/** What an applied act says. */
const applied = ({ intervention: { status } }: InterventionSnapshot): InterventionPlan =>
  answer("Applied", Reason.Applied, status?.message ?? "");

// Before the past is read nobody knows what it holds; after a restart the same act would be told again.
const recorded: Step = (snapshot) => {
  const { intervention, mission, place, record } = snapshot;
  if (!wasApplied(intervention)) return undefined;
  const isTold = intervention.status?.appliedSeq !== undefined || place !== undefined;
  if (isTold || mission === undefined || !isControlledBy(intervention, mission)) return applied(snapshot);
  const waiting = wait(Reason.Recording, "Its frame is not in the stream yet.", applied(snapshot));
  return record.starting === true ? waiting : { ...waiting, act: { kind: "record", mission } };
};

const answered: Step = ({ intervention: { status } }) =>
  isFinished(status?.conditions) ? { outcome: { kind: "done" } } : undefined;

const elsewhere: Step = ({ intervention, isTenant }) =>
  isTenant ? undefined : answer("Denied", Reason.NotTenant, notTenantMessage(intervention));

const missing: Step = ({ intervention: { metadata, spec }, mission, nowMs }) => {
  const untilMs = Date.parse(metadata.creationTimestamp) + missionWaitMs;
  const bornMs = mission === undefined ? nowMs : Date.parse(mission.metadata.creationTimestamp);
  const name = `"${spec.missionRef.name}" in namespace "${metadata.namespace ?? ""}"`;
  if (bornMs > untilMs)
    return answer("Expired", Reason.MissionNotFound, `There was no mission ${name} within a minute.`);
  if (mission !== undefined) return undefined;
  const message = `There is no mission ${name}; it is waited for, a minute at most.`;
  return wait(Reason.MissionNotFound, message, { phase: "Pending", reason: Reason.MissionNotFound, message });
};

const owned: Step = ({ intervention, mission }) => {
  if (mission === undefined || isControlledBy(intervention, mission)) return undefined;
  if (controllerOf(intervention) === undefined)
    return wait(Reason.WaitsItsTurn, "It is given to its mission.", { act: { kind: "own", mission } });
  const message = `It belongs to another object than the mission "${mission.metadata.name}" that is there now.`;
  return answer("Denied", Reason.MissionNotFound, message);
};

const inTurn: Step = ({ intervention, next }) => {
  if (next === undefined || next.metadata.uid === intervention.metadata.uid) return undefined;
  const message = `"${next.metadata.name}" is answered before it.`;
  return wait(Reason.WaitsItsTurn, message, { phase: "Pending", reason: Reason.WaitsItsTurn, message });
};

const words: Readonly<Record<Intervention["spec"]["kind"], string>> = {
  Pause: "The mission is paused; its pods are being stopped.",
  Resume: "The pause is taken back; the mission goes on unless something else holds it.",
  Cancel: "The mission is cancelled; its pods are being stopped.",
  Approve: "It is approved; the publisher opens the pull request.",
  Reject: "It is rejected; nothing of it is published, and the mission is over.",
  Message: "It is recorded; agents that run the cortex hear it before a next step.",
};

const wordsFor = ({ spec: { kind } }: Intervention, { spec }: Mission): string =>
  kind === "Resume" && spec.suspend
    ? "The pause is taken back; the mission waits all the same, since its spec suspends it: set spec.suspend to false where its manifest is kept."
    : words[kind];

// What agents are told is the frame itself, so it is applied once that is in the stream.
const told: Step = ({ intervention, mission, place, record }) => {
  if (mission === undefined || intervention.spec.kind !== "Message") return undefined;
  if (place !== undefined) return answer("Applied", Reason.Applied, words.Message);
  if (judgeIntervention(intervention, mission).kind !== "applies") return undefined;
  const message = record.healthy ? "Its frame is not in the stream yet." : record.message;
  const waiting = wait(Reason.Recording, message, { phase: "Pending", reason: Reason.Recording, message });
  return record.starting === true ? waiting : { ...waiting, act: { kind: "record", mission } };
};

const judged: Step = ({ intervention, mission }) => {
  if (mission === undefined) return undefined;
  if (isAppliedTo(mission, intervention)) return answer("Applied", Reason.Applied, wordsFor(intervention, mission));
  const judgement = judgeIntervention(intervention, mission);
  if (judgement.kind === "applies") return wait(Reason.WaitsItsTurn, "Its mission takes it next.");
  return answer(judgement.kind === "denied" ? "Denied" : "Superseded", judgement.reason, judgement.message);
};

/*
 *  Pending ──its turn, the mission holds it──> Applied ──its frame is in the stream──> Applied, appliedSeq
 *     ├──────is so already───────────────────> Superseded
 *     ├──────cannot be───────────────────────> Denied
 *     └──────no such mission for a minute────> Expired
 */
const steps: readonly Step[] = [recorded, answered, elsewhere, missing, owned, told, inTurn, judged];

/** Decides what becomes of an act: the first step that answers. The mission's own controller applies it. */
export const decideIntervention = (snapshot: InterventionSnapshot): InterventionPlan => {
  for (const step of steps) {
    const plan = step(snapshot);
    if (plan !== undefined) return plan;
  }
  return { outcome: { kind: "done" } };
};
