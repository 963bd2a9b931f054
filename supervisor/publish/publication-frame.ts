import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { Published } from "#supervisor/publish/publish-proposal.ts";
import type { Refused } from "#supervisor/publish/proposal.ts";

/** The frame that is answered, as far as its answer names it. */
type Answered = {
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
    state: pullRequest.state,
  };
};

/** Renders the PUBLICATION that answers a proposal; the same proposal always gives the same event id. */
export const renderPublication = ({ envelope, hash }: Answered, end: PublicationEnd): ComponentEvent => {
  const { trace_id: traceId, span_id: spanId } = envelope;
  return {
    eventType: "PUBLICATION",
    eventId: stableId("publication", hash),
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
