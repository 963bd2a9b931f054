import { parseProduced } from "#nervous-system/fold/read-frame.ts";
import { maxBundleBytes } from "#nervous-system/git/proposal-bundle.ts";
import type { ForgeAnswer } from "#supervisor/forge/forge.ts";
import type { PublicationRefusal } from "#nervous-system/schemas/publication-refusals.ts";
import { argsDigestOf, publicationRequest, type ApprovalRequest } from "#nervous-system/schemas/approvals.ts";
import * as z from "zod";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";

/** Why a proposal is not published; told in its PUBLICATION, never retried. */
export type Refused = { readonly kind: "refused"; readonly reason: PublicationRefusal; readonly message: string };

/** What keeps a proposal waiting; it is tried again, and no sooner than in `afterMs` where the forge asks for that. */
export type Retryable = {
  readonly kind: "retry";
  readonly message: string;
  readonly afterMs?: number | undefined;
  /** It waits for a person: for as long as that takes, and not for as long as something broken is tried. */
  readonly awaitsPerson?: true;
};

/** What every step of a publication ends in. */
export type Step<T> = { readonly kind: "ok"; readonly value: T } | Refused | Retryable;

/** A step that succeeded. */
export const done = <T>(value: T): Step<T> => ({ kind: "ok", value });

/** A step that ends the publication. */
export const refuse = (reason: PublicationRefusal, message: string): Refused => ({ kind: "refused", reason, message });

/** A step that may succeed later. */
export const retry = (message: string): Retryable => ({ kind: "retry", message });

/** A step that a person has to approve first. */
export const awaitPerson = (message: string): Retryable => ({ kind: "retry", message, awaitsPerson: true });

/** A forge's answer as a step of a publication. */
export const asStep = <T>(answer: ForgeAnswer<T>): Step<T> => {
  if (answer.kind === "ok") return done(answer.value);
  return answer.kind === "retry" ? answer : refuse(answer.reason, answer.message);
};

const commit = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, "must be a full commit id in lower-case hex");

const payloadSchema = z.looseObject({
  bundle: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  bundle_bytes: z.number().int().min(1).max(maxBundleBytes),
  repo: z.string().min(1).max(2048),
  branch: z.string().min(1).max(255),
  base: commit,
  head: commit,
  title: z.string().trim().min(1),
  body: z.string(),
});

/** A proposal as its frame makes it: what the agent says, and what the record knows of the agent. */
export type Proposal = z.output<typeof payloadSchema> & {
  readonly eventId: string;
  /** Name of the Agent that the frame claims; believed only where the UID agrees. */
  readonly agentName: string;
  readonly agentUid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly hash: string;
  /** What a person approves: the request, and exactly what it asks. */
  readonly request: ApprovalRequest;
  /** When the frame was recorded, Unix seconds. */
  readonly observedSeconds: number;
  readonly namespace: string;
  readonly mission: string;
  readonly missionUid: string;
};

const frameSchema = z.looseObject({ agent_id: z.string().min(1).max(253), payload: z.unknown() });

/** Reads a PROPOSAL frame; one that is malformed is refused with what is wrong. */
export const parseProposal = (frame: StoredFrame): { readonly kind: "ok"; readonly value: Proposal } | Refused => {
  const outer = frameSchema.safeParse(parseProduced(frame.bytes));
  const payload = payloadSchema.safeParse(outer.data?.payload);
  if (!outer.success || !payload.success) {
    const error = outer.error ?? payload.error;
    return refuse("InvalidProposal", `the proposal is malformed: ${error === undefined ? "" : z.prettifyError(error)}`);
  }
  const { envelope } = frame;
  const value: Proposal = {
    ...payload.data,
    eventId: envelope.event_id,
    agentName: outer.data.agent_id,
    agentUid: envelope.agent_uid,
    epoch: envelope.epoch,
    seq: envelope.seq,
    hash: frame.hash,
    request: {
      requestID: publicationRequest(envelope.agent_uid, envelope.epoch, envelope.seq),
      argsDigest: argsDigestOf(frame.bytes),
    },
    observedSeconds: Number(BigInt(envelope.observed) / 1_000_000_000n),
    namespace: envelope.namespace,
    mission: envelope.mission,
    missionUid: envelope.mission_uid,
  };
  return { kind: "ok", value };
};
