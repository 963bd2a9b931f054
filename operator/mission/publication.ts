import {
  emptyAgent,
  maxOpenProposals,
  type AnsweredFold,
  type MissionFold,
  type ProposalsFold,
} from "#nervous-system/fold/state.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { awaitsPerson, requestsOf, stillPending } from "#operator/mission/approvals.ts";
import { endingPlan, waitingPlan, type Ending, type MissionSnapshot, type Step } from "#operator/mission/plan.ts";

const recheckMs = 60_000;
/** How long the frames of an agent whose scribe left no last word may take to arrive, in milliseconds. */
const unwitnessedMs = 30_000;

type Observed = Pick<MissionSnapshot, "agents" | "fold">;

const proposalsOf = ({
  agents,
  fold,
}: Observed): ReadonlyArray<ProposalsFold & { readonly agent: string; readonly uid: string }> =>
  [...agents.values()].map(({ metadata: { uid, name } }) => ({
    ...(fold?.agents[uid] ?? emptyAgent).proposals,
    agent: name,
    uid,
  }));

/** What stands on the branch of each agent that published anything, in the team's order. */
export const publishedOf = (observed: Observed): readonly AnsweredFold[] =>
  proposalsOf(observed).flatMap(({ published = [] }) => published);

/** Every answer that is still known of, in the team's order. */
export const answersOf = (observed: Observed): readonly AnsweredFold[] =>
  proposalsOf(observed).flatMap(({ published = [], refused = [] }) => [published, refused].flat());

type Behind = { message: string; waitMs: number };

const hasFolded = (fold: MissionFold | undefined, { metadata, status }: Agent): boolean => {
  const { attempt = 0, ledger } = status ?? {};
  const needed = ledger?.ackedSeq ?? 0;
  if (needed === 0) return true;
  const { epoch, seq } = fold?.agents[metadata.uid] ?? emptyAgent;
  return epoch > attempt || (epoch === attempt && seq >= needed);
};

const isWitnessed = ({ status }: Agent): boolean =>
  status?.history?.some(({ attempt, toSeq }) => attempt === status.attempt && toSeq !== undefined) === true;

// An agent that proposes just before it exits is judged only after its last frame was read: no proposal is overlooked.
const behind = ({ agents, fold, record, nowMs }: MissionSnapshot): Behind | undefined => {
  if (!record.healthy) return { message: `The record cannot be read: ${record.message}`, waitMs: recheckMs };
  for (const agent of agents.values()) {
    const name = agent.metadata.name;
    if (!hasFolded(fold, agent))
      return { message: `The last frames of Agent "${name}" are on their way.`, waitMs: recheckMs };
    const endedMs = Date.parse(agent.status?.completionTime ?? "") || nowMs;
    const leftMs = isWitnessed(agent) ? 0 : endedMs + unwitnessedMs - nowMs;
    if (leftMs > 0)
      return { message: `Agent "${name}" left no last word; late frames may still come.`, waitMs: leftMs };
  }
  return undefined;
};

const refusalOf = (observed: Observed): Ending | undefined => {
  const all = proposalsOf(observed);
  const refused = all.flatMap((proposals) => proposals.refused ?? [])[0];
  if (refused !== undefined) {
    const { state, reason, message, url } = refused.publication;
    const told = state === "closed" ? `pull request ${url} was closed` : `${reason}: ${message}`;
    return {
      reason: Reason.PublicationRefused,
      message: `The change was not published: ${told}`,
      evidence: refused.eventId,
    };
  }
  const noisy = all.find(({ tooMany }) => tooMany);
  return (
    noisy && {
      reason: Reason.PublicationRefused,
      message: `Agent "${noisy.agent}" made a proposal while ${maxOpenProposals} others of its own waited for their pull requests; no more are taken.`,
    }
  );
};

/** The agents are done: every proposal of theirs must have become an open pull request, approved where the mission asks for that. */
export const publication: Step = (snapshot) => {
  const late = behind(snapshot);
  if (late !== undefined)
    return (
      awaitsPerson(snapshot, stillPending(snapshot.mission)) ??
      waitingPlan({ phase: "Publishing", reason: Reason.Publishing, message: late.message }, late.waitMs)
    );
  const refusal = refusalOf(snapshot);
  if (refusal !== undefined) return endingPlan("Failed", refusal);
  const open = proposalsOf(snapshot).flatMap(({ agent, uid, open: all }) =>
    all.map((proposal) => ({ agent, uid, proposal })),
  );
  const waiting = open.length;
  if (waiting === 0) return undefined;
  const asked = awaitsPerson(snapshot, requestsOf(snapshot, open));
  if (asked !== undefined) return asked;
  const are = waiting === 1 ? "proposal waits" : "proposals wait";
  const message = `${waiting} ${are} for a pull request.`;
  return waitingPlan({ phase: "Publishing", reason: Reason.Publishing, message }, recheckMs);
};
