import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { Published } from "#supervisor/publish/publish-proposal.ts";
import type { Refused } from "#supervisor/publish/proposal.ts";

/** The frame that is answered, as far as its answer names it. */
export type Answered = {
  readonly envelope: Pick<
    Envelope,
    | "agent_uid"
    | "epoch"
    | "seq"
    | "mission_uid"
    | "mission"
    | "namespace"
    | "lineage"
    | "event_id"
    | "trace_id"
    | "span_id"
  >;
  readonly hash: string;
};

/** How a proposal ended. */
export type PublicationEnd =
  | { readonly kind: "ok"; readonly value: Published; readonly base: string }
  | (Refused & { readonly base?: string });

const maxMessageCharacters = 4_000;
const maxUrlCharacters = 2_048;

// Half a character, or a frame that is too long, is nothing that can be recorded: the proposal would come again for ever.
const cutTo = (text: string, max: number): string => text.slice(0, max).toWellFormed();

/** What became of a published proposal. */
export type PublishedEnd = Extract<PublicationEnd, { kind: "ok" }>;

const payloadOf = (end: PublicationEnd): Record<string, unknown> => {
  if (end.kind === "refused")
    return { state: "refused", reason: end.reason, message: cutTo(end.message, maxMessageCharacters) };
  const { pullRequest, branch, fork, commit } = end.value;
  return {
    url: cutTo(pullRequest.url, maxUrlCharacters),
    number: pullRequest.number,
    branch,
    ...(fork === undefined ? {} : { fork }),
    head: commit,
    base: end.base,
    ...(pullRequest.mergeCommit === undefined ? {} : { merge_commit: pullRequest.mergeCommit }),
    state: pullRequest.state,
  };
};

const render = ({ envelope }: Answered, eventId: string, end: PublicationEnd): ComponentEvent => {
  const { trace_id: traceId, span_id: spanId } = envelope;
  return {
    eventType: "PUBLICATION",
    eventId,
    payload: { proposal_event_id: envelope.event_id, proposal_seq: envelope.seq, ...payloadOf(end) },
    parentEventId: envelope.event_id,
    subject: {
      mission_uid: envelope.mission_uid,
      mission: envelope.mission,
      namespace: envelope.namespace,
      lineage: envelope.lineage,
      about: { agent_uid: envelope.agent_uid, epoch: envelope.epoch },
    },
    trace: traceId === undefined || spanId === undefined ? undefined : { traceId, spanId },
  };
};

/** Renders the PUBLICATION that answers a proposal; the same proposal always gives the same event id. */
export const renderPublication = (answered: Answered, end: PublicationEnd): ComponentEvent =>
  render(answered, stableId("publication", answered.hash), end);

/** Renders what became of its pull request later; the same id for the same state, however often that is told. */
export const renderLaterPublication = (answered: Answered, end: PublishedEnd): ComponentEvent =>
  render(answered, stableId("publication", answered.hash, end.value.pullRequest.state), end);
