import { cut, oneLine } from "#nervous-system/kernel/cut.ts";
import { plainText } from "#nervous-system/kernel/plain-text.ts";
import { argsDigestOf } from "#nervous-system/schemas/approvals.ts";
import type { PublicationRefusal } from "#nervous-system/schemas/publication-refusals.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { msOf } from "./activity.ts";
import type { Said } from "./read-frame.ts";
import {
  maxOpenProposals,
  type AnsweredFold,
  type FoldInput,
  type OpenProposalFold,
  type ProposalFold,
  type ProposalsFold,
  type PublicationFold,
} from "./state.ts";

type Place = Pick<ProposalFold, "epoch" | "seq">;
type Answer = Said<"PUBLICATION">;
type Answering = Pick<Envelope, "about" | "observed">;

const isSame = (a: Place, b: Place): boolean => a.epoch === b.epoch && a.seq === b.seq;
const isBefore = (a: Place, b: Place): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.seq < b.seq);

// What was refused of an attempt counts for nothing once a newer one proposes; what may be pushed of it does.
const nextAttempt = ({ open, tooMany, published }: ProposalsFold, epoch: number): ProposalsFold => ({
  epoch,
  open,
  tooMany,
  ...(published === undefined ? {} : { published }),
});

const maxTitle = 200;

const openOf = (
  { envelope: { epoch, seq, event_id: eventId }, bytes }: Pick<FoldInput, "envelope" | "bytes">,
  said: Said<"PROPOSAL">,
): OpenProposalFold => ({
  epoch,
  seq,
  eventId,
  argsDigest: argsDigestOf(bytes),
  title: cut(oneLine(plainText((said.title ?? "").slice(0, 4 * maxTitle))), maxTitle),
  head: (said.head ?? "").slice(0, 64),
  files: said.files?.length ?? 0,
});

/**
 * What an agent proposed, after one more PROPOSAL. One of an older attempt that comes after a newer attempt's is left out: the
 * publisher reads the Agent's attempt and refuses it.
 */
export const proposed = (
  before: ProposalsFold,
  frame: Pick<FoldInput, "envelope" | "bytes">,
  said: Said<"PROPOSAL">,
): ProposalsFold => {
  const { epoch } = frame.envelope;
  if (epoch < before.epoch) return before;
  const newest = epoch > before.epoch ? nextAttempt(before, epoch) : before;
  return newest.open.length < maxOpenProposals
    ? { ...newest, open: [...newest.open, openOf(frame, said)] }
    : { ...newest, tooMany: true };
};

const publicationOf = (said: Answer, state: PublicationFold["state"], observed: string): PublicationFold => ({
  state,
  atMs: msOf(observed),
  url: (said.url ?? "").slice(0, 512),
  number: said.number ?? 0,
  branch: (said.branch ?? "").slice(0, 255),
  ...(said.fork === undefined ? {} : { fork: said.fork.slice(0, 2048) }),
  head: (said.head ?? "").slice(0, 64),
  reason: (said.reason ?? "").slice(0, 64),
  message: (said.message ?? "").slice(0, 1024),
});

// Publishers before `proposal_seq` named the event only: such an answer is of the one that is called so, if it is one.
const seqOf = ({ open }: ProposalsFold, { proposal_seq: seq, proposal_event_id: id }: Answer, epoch: number) => {
  if (seq !== undefined) return seq;
  const called = open.filter((proposal) => proposal.epoch === epoch && proposal.eventId === id);
  return called.length === 1 ? called[0]?.seq : undefined;
};

const answerOf = (before: ProposalsFold, said: Answer, { about, observed }: Answering): AnsweredFold | undefined => {
  const { state, proposal_event_id: eventId = "" } = said;
  if (about === undefined || state === undefined) return undefined;
  const seq = seqOf(before, said, about.epoch);
  return seq === undefined
    ? undefined
    : { epoch: about.epoch, seq, eventId, publication: publicationOf(said, state, observed) };
};

// Also of a proposal that was not kept: it is on the branch. What people closed before says nothing of what was pushed since.
const pushed = (after: ProposalsFold, answer: AnsweredFold): ProposalsFold => {
  if (after.published !== undefined && isBefore(answer, after.published)) return after;
  const { refused: closed, ...rest } = after;
  const isOver = closed?.publication.state === "closed" && !isBefore(answer, closed);
  return { ...(isOver ? rest : after), published: answer };
};

/** Reason of a refusal that says no more than that a later proposal of the same agent stands on the branch already. */
export const superseded = "Superseded" satisfies PublicationRefusal;

const refused = (after: ProposalsFold, answer: AnsweredFold, waited: boolean): ProposalsFold => {
  const { state, reason } = answer.publication;
  // One that was answered before comes again where the publisher was killed, and may find its attempt or its mission over.
  const isPast = after.published !== undefined && isBefore(answer, after.published);
  const isNews = state === "closed" ? !isPast : waited && reason !== superseded;
  const counts = isNews && answer.epoch === after.epoch && after.refused === undefined;
  return counts ? { ...after, refused: answer } : after;
};

/** What an agent proposed, after the publisher answered one of its proposals. */
export const answered = (before: ProposalsFold, said: Answer, envelope: Answering): ProposalsFold => {
  const answer = answerOf(before, said, envelope);
  if (answer === undefined) return before;
  const open = before.open.filter((proposal) => !isSame(proposal, answer));
  const after = { ...before, open };
  const { state } = answer.publication;
  return state === "open" || state === "merged"
    ? pushed(after, answer)
    : refused(after, answer, open.length < before.open.length);
};
