import type { OpenProposalFold } from "#nervous-system/fold/state.ts";
import { cut } from "#nervous-system/kernel/cut.ts";
import {
  asksBeforePublishing,
  decisionOn,
  publicationRequest,
  timeOverMs,
  type PendingApproval,
} from "#nervous-system/schemas/approvals.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { doneBy } from "#nervous-system/schemas/held.ts";
import { maxApprovals } from "#nervous-system/schemas/resources/approvals.ts";
import { endingPlan, waitingPlan, type MissionPlan, type MissionSnapshot, type Step } from "#operator/mission/plan.ts";
import { kubeTime } from "#operator/status/fields.ts";

const recheckMs = 60_000;
/** Acts that were asked for in time are answered before a request's time is over. */
const actsRecheckMs = 1_000;
const maxSummary = 512;

const summaryOf = (agent: string, ref: string, { title, head, files }: OpenProposalFold): string => {
  const what = `${head.slice(0, 12)}, ${files} ${files === 1 ? "file" : "files"}`;
  const words = `Agent "${agent}" asks to open a pull request into ${ref}: "${title}" (${what}).`;
  return cut(words, maxSummary).toWellFormed();
};

/** A proposal of an agent that waits for its answer. */
export type OpenProposal = { readonly agent: string; readonly uid: string; readonly proposal: OpenProposalFold };

const requestOf = (
  { mission, nowMs }: Pick<MissionSnapshot, "mission" | "nowMs">,
  { agent, uid, proposal }: OpenProposal,
): PendingApproval => {
  const requestID = publicationRequest(uid, proposal.epoch, proposal.seq);
  const asked = mission.status?.pendingApprovals?.find((one) => one.requestID === requestID);
  return {
    requestID,
    argsDigest: proposal.argsDigest,
    agent,
    kind: "PullRequest",
    summary: summaryOf(agent, mission.spec.workspace.ref, proposal),
    since: asked?.since ?? kubeTime(nowMs),
  };
};

/** What was asked already and no person has decided, as the mission itself knows. */
export const stillPending = (mission: MissionSnapshot["mission"]): PendingApproval[] =>
  (mission.status?.pendingApprovals ?? []).filter((one) => decisionOn(mission, one) === undefined);

/** What is to be asked of these proposals: each that no person has decided. */
export const requestsOf = (
  snapshot: Pick<MissionSnapshot, "mission" | "nowMs">,
  open: readonly OpenProposal[],
): PendingApproval[] =>
  asksBeforePublishing(snapshot.mission)
    ? open
        .map((one) => requestOf(snapshot, one))
        .filter((one) => decisionOn(snapshot.mission, one) === undefined)
        .slice(0, maxApprovals)
    : [];

const timedOut = (snapshot: MissionSnapshot, asks: readonly PendingApproval[], what: string): MissionPlan => {
  const { approvals } = snapshot.mission.spec;
  const reason = Reason.ApprovalTimedOut;
  const told = `Nobody has answered within ${approvals?.timeout}: ${what}`;
  if (approvals?.onTimeout === "Reject") return endingPlan("Failed", { reason, message: told });
  return waitingPlan({ phase: "Suspended", stalled: true, reason, message: told, asks }, recheckMs);
};

/** What a mission does that has asked a person: it waits; nothing where nothing is asked. */
export const awaitsPerson = (snapshot: MissionSnapshot, asks: readonly PendingApproval[]): MissionPlan | undefined => {
  const { mission, nowMs, actsWait } = snapshot;
  const [first] = asks.toSorted((a, b) => Date.parse(a.since) - Date.parse(b.since));
  if (first === undefined) return undefined;
  const { name } = mission.metadata;
  const more = asks.length === 1 ? "" : ` There are ${asks.length - 1} more (enchanted approvals).`;
  const what = `${first.summary}${more} See enchanted diff ${name}; then enchanted approve ${name}, or enchanted reject ${name}.`;
  const leftMs = timeOverMs(mission, first) - nowMs;
  if (leftMs <= 0 && !actsWait) return timedOut(snapshot, asks, what);
  const message = `${what} Nothing is published before.`;
  return waitingPlan(
    { phase: "AwaitingHuman", reason: Reason.ApprovalRequired, message, asks },
    leftMs <= 0 ? actsRecheckMs : Math.min(recheckMs, leftMs),
  );
};

/** A person rejected what the mission asked for. */
export const rejected: Step = ({ mission }) => {
  const found = mission.status?.decidedApprovals?.find(({ decision }) => decision === "Rejected");
  return found && endingPlan("Failed", { reason: Reason.Rejected, message: `Rejected ${doneBy(found)}` });
};
