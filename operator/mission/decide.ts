import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isFinished, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import { doneBy, isHeld, pauseOf } from "#nervous-system/schemas/held.ts";
import { admission } from "#operator/mission/admission.ts";
import { anyRuns } from "#operator/mission/at-work.ts";
import { rejected } from "#operator/mission/approvals.ts";
import { finished } from "#operator/mission/finished.ts";
import { leftMs, limits } from "#operator/mission/limits.ts";
import {
  endingPlan,
  waitingPlan,
  type MissionAct,
  type MissionPlan,
  type MissionSnapshot,
  type Step,
} from "#operator/mission/plan.ts";
import { publication } from "#operator/mission/publication.ts";
import { untilLostMs } from "#operator/mission/recording-loss.ts";
import { stopAgents, type Stopped } from "#operator/mission/stop-agents.ts";
import { untilIdleMs } from "#operator/mission/stuck.ts";
import { verification } from "#operator/mission/verification.ts";
import { notTenantMessage } from "#operator/tenant.ts";

// The garbage collector takes the Agents and the verifier pods with their owner; there is nothing of the mission's own.
const deletion: Step = ({ mission }) =>
  mission.metadata.deletionTimestamp === undefined
    ? undefined
    : {
        phase: "Pending",
        reason: Reason.Draining,
        message: "The mission is being deleted.",
        stalled: false,
        acts: [],
        outcome: { kind: "done" },
      };

// Nobody works there and nothing may be changed there; what was made while it was a tenant stays as it is.
const elsewhereRecheckMs = 10_000;
const elsewhere: Step = ({ mission, isTenant }) =>
  isTenant
    ? undefined
    : waitingPlan(
        {
          phase: "Pending",
          reason: Reason.NotTenant,
          message: notTenantMessage(mission),
          refused: "ResolvedRefs",
          stalled: true,
        },
        elsewhereRecheckMs,
      );

const suspendRecheckMs = 60_000;

/** What stops every pod of a mission, and how many have not ended. */
const stopPods = ({ agents, verifier }: MissionSnapshot): Stopped => {
  const { acts, draining } = stopAgents({ agents });
  if (verifier === undefined || verifier.ended) return { acts, draining };
  const stop: MissionAct[] = verifier.deletingUntil === undefined ? [{ kind: "deleteVerifier", pod: verifier }] : [];
  return { acts: [...acts, ...stop], draining: draining + 1 };
};

const cancelled: Step = (snapshot) => {
  const { lastIntervention: last } = snapshot.mission.status ?? {};
  if (last?.kind !== "Cancel") return undefined;
  const ending = { reason: Reason.Cancelled, message: `Cancelled ${doneBy(last)}` };
  return { ...endingPlan("Failed", ending), acts: stopPods(snapshot).acts };
};

/** Why a mission is held: a Pause goes on where spec.suspend is taken back, and the other way round. */
const whyHeld = ({ spec, ...mission }: MissionSnapshot["mission"]): { reason: string; message: string } => {
  const pause = pauseOf(mission);
  if (pause === undefined) return { reason: Reason.Suspended, message: "No pod runs until suspend is false again." };
  const also = spec.suspend ? " It is suspended by its spec, too." : "";
  return { reason: Reason.Paused, message: `Paused ${doneBy(pause)} (until it is resumed).${also}` };
};

const suspended: Step = (snapshot) => {
  if (!isHeld(snapshot.mission)) return undefined;
  const { acts, draining } = stopPods(snapshot);
  const told =
    draining === 0
      ? ({ phase: "Suspended", ...whyHeld(snapshot.mission) } as const)
      : ({ phase: "Draining", reason: Reason.Draining, message: `${draining} pods are being stopped.` } as const);
  return waitingPlan({ ...told, acts }, suspendRecheckMs);
};

// Resuming is part of every later state, so it is added to whatever the later phases decide.
const resumes = ({ mission, agents }: MissionSnapshot, { pauses }: MissionPlan): MissionAct[] =>
  isHeld(mission) || pauses === true
    ? []
    : [...agents.values()]
        .filter(({ spec, status }) => spec.suspend && !isFinished(status?.conditions))
        .map((agent) => ({ kind: "suspendAgent", agent, suspend: false }));

const hostsOf = ({ spec }: Pick<Agent | Mission, "spec">): readonly string[] => spec.egress?.allowHosts ?? [];

// The gateway judges by the Agent, so an edit of the mission is brought there, whatever else happens. An Agent that is to be
// suspended or resumed is changed in another round: two changes of one version would conflict.
const allowsHosts = ({ mission, agents }: MissionSnapshot): MissionAct[] =>
  [...agents.values()]
    .filter(({ spec, status }) => spec.suspend === isHeld(mission) && !isFinished(status?.conditions))
    .filter((agent) => hostsOf(agent).join() !== hostsOf(mission).join())
    .map((agent) => ({ kind: "allowHosts", agent, hosts: hostsOf(mission) }));

const workRecheckMs = 300_000;

const nextLookMs = (snapshot: MissionSnapshot): number =>
  Math.max(1_000, Math.min(workRecheckMs, leftMs(snapshot), untilIdleMs(snapshot), untilLostMs(snapshot)));

const reasonOf = (agent: Agent): { reason: string; message: string } => {
  const told = findCondition(agent.status?.conditions, ConditionType.Failed);
  return {
    reason: told?.reason ?? Reason.AgentFailed,
    message: `Agent "${agent.metadata.name}" gave up: ${told?.message ?? "no reason was given"}`,
  };
};

const lastErrorOf = ({ fold }: MissionSnapshot, agent: Agent): string | undefined =>
  fold?.agents[agent.metadata.uid]?.lastError;

const doing = (agents: readonly Agent[]): string =>
  agents.map(({ metadata, status }) => `${metadata.name} (${status?.phase ?? "Pending"})`).join(", ");

/** The agents are at work, or one of them gave up. */
const work: Step = (snapshot) => {
  const agents = [...snapshot.agents.values()];
  const failed = agents.find(({ status }) => isTrue(status?.conditions, ConditionType.Failed));
  if (failed !== undefined)
    return endingPlan("Failed", { ...reasonOf(failed), evidence: lastErrorOf(snapshot, failed) });
  const busy = agents.filter(({ status }) => !isTrue(status?.conditions, ConditionType.Complete));
  if (busy.length === 0) return undefined;
  const stuck = busy.flatMap((agent) => {
    const told = findCondition(agent.status?.conditions, ConditionType.Stalled);
    return told?.status === "True" ? [{ agent, told }] : [];
  })[0];
  if (stuck !== undefined) {
    const { agent, told } = stuck;
    const message = `Agent "${agent.metadata.name}" cannot go on: ${told.message}`;
    const recheckMs = anyRuns(busy) ? nextLookMs(snapshot) : workRecheckMs;
    return waitingPlan({ phase: "Running", reason: told.reason, message, stalled: true }, recheckMs);
  }
  const message = `At work: ${doing(busy)}.`;
  return waitingPlan({ phase: "Running", reason: Reason.Working, message }, nextLookMs(snapshot));
};

/*
 *  Pending ──admitted──> Running ──agents exited 0──> Publishing ──pull requests open──> Verifying ──> Complete
 *     ^                    │  ^                           │                                  │
 *     └─ refused, waits    v  │ suspend                   └────────── refused ──> Failed <────┘ criteria failed
 *                       Suspended          an agent gives up ─────────────────────^
 *
 *  step          answers when                              phase                   acts
 *  deletion      it is being deleted                       Pending                 none: the garbage collector takes its own
 *  finished      it is Complete or Failed                  Complete, Failed        none
 *  elsewhere     its namespace is no tenant                Pending                 none
 *  cancelled     a person cancelled it                     Failed                  suspend the Agents, stop the verifier
 *  rejected      a person rejected what it proposes       Failed                  none: its agents are done
 *  suspended     spec.suspend, or a person paused it       Suspended               suspend the Agents, stop the verifier
 *  admission     an Agent of the team is missing           Pending, Running        make the Agents, once every check holds
 *  limits        an Agent is at work, and the mission      Draining, Suspended,    suspend the Agents
 *                used more than budget or deadline allow,  Failed
 *                is stuck or unrecorded, and is to pause then
 *  work          an Agent is at work or gave up            Running, Failed         none
 *  publication   a record is behind, a proposal waits      AwaitingHuman,          none
 *                for a person or its pull request, or      Suspended, Publishing,
 *                was refused                               Failed
 *  verification  always                                    Verifying, Complete,    make the verifier
 *                                                          Failed
 */
const steps: readonly Step[] = [
  deletion,
  finished,
  elsewhere,
  cancelled,
  rejected,
  suspended,
  admission,
  limits,
  work,
  publication,
  verification,
];

/** Decides what happens to a Mission next: the first step that answers. */
export const decideMission = (snapshot: MissionSnapshot): MissionPlan => {
  for (const step of steps) {
    const plan = step(snapshot);
    if (plan === undefined) continue;
    return plan.ending === undefined && snapshot.isTenant
      ? { ...plan, acts: [...resumes(snapshot, plan), ...allowsHosts(snapshot), ...plan.acts] }
      : plan;
  }
  throw new Error("the last step always answers");
};
