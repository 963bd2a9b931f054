import { hash } from "node:crypto";
import type { DeadLetters } from "#nervous-system/comms/nats/dead-letters.ts";
import type { FrameResult } from "#nervous-system/comms/nats/chain-plan.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { FramePublisher } from "#nervous-system/comms/nats/publisher.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { gapInPlaceOf } from "#pipeline/collector/gap-frame.ts";
import type { Verified } from "#pipeline/collector/verify-frame.ts";

/** Where frames go. */
export type FrameSinks = {
  readonly publisher: Pick<FramePublisher, "publish">;
  readonly deadLetters: DeadLetters;
};

/** Refused frames of one export with the reasons, in order. */
type Refusals = string[];

// A chain whose every link is broken is one frame a round; the sender comes again for the rest.
const MAX_ROUNDS = 16;

/** Throws for what makes the whole export wrong. */
const checkWhole = (verified: readonly Verified[]): void => {
  for (const [index, item] of verified.entries()) {
    if (item.kind === "malformed")
      throw new GrpcFailure(grpcStatus.invalidArgument, `log record ${index}: ${item.reason}`);
    if (item.kind === "foreign")
      throw new GrpcFailure(grpcStatus.permissionDenied, `log record ${index}: ${item.reason}`);
  }
};

const keepDeadLetter = (sinks: FrameSinks, frame: RecordedFrame, reason: string): Promise<void> =>
  sinks.deadLetters.put({
    refusedBy: "collector",
    namespace: frame.envelope.namespace,
    agentUid: frame.envelope.agent_uid,
    reason,
    bytes: frame.bytes,
    // Of these bytes: others that were refused in the same place before are another letter.
    id: `${frame.envelope.agent_uid}/${frame.envelope.epoch}/${frame.envelope.seq}/${hash("sha256", frame.bytes, "hex").slice(0, 32)}`,
  });

/** The dead letter comes first: a GAP in the stream promises that the bytes are kept elsewhere. */
const replace = async (
  sinks: FrameSinks,
  frame: RecordedFrame,
  reason: string,
  prevHash: string,
): Promise<RecordedFrame> => {
  await keepDeadLetter(sinks, frame, reason);
  return gapInPlaceOf(frame, reason, prevHash);
};

const explain = (result: FrameResult, frame: RecordedFrame): GrpcFailure => {
  const { epoch, seq } = frame.envelope;
  const why =
    result.kind === "missing"
      ? `frames before seq ${seq} of epoch ${epoch} are missing; ask Tail and send from seq ${result.expected}`
      : `seq ${seq} of epoch ${epoch} contradicts the stream: ${result.kind === "fork" ? result.why : result.kind}`;
  return new GrpcFailure(grpcStatus.aborted, why);
};

const isProblem = (result: FrameResult): boolean => result.kind === "missing" || result.kind === "fork";

/**
 * Stores the frames of one export. Resolves once all of them, or a GAP in the place of each that was refused,
 * are on disk; rejects with `GrpcFailure` when the export must be changed or sent again.
 */
export const takeFrames = async (
  sinks: FrameSinks,
  caller: Caller,
  verified: readonly Verified[],
): Promise<PartialSuccess | undefined> => {
  checkWhole(verified);
  const refusals: Refusals = [];
  const frames: RecordedFrame[] = [];
  for (const item of verified) {
    if (item.kind === "frame") frames.push(item.frame);
    else if (item.kind === "refused") {
      refusals.push(item.reason);
      frames.push(await replace(sinks, item.frame, item.reason, item.frame.prevHash));
    }
  }
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const results = await sinks.publisher.publish(frames);
    const at = results.findIndex(isProblem);
    const [result, frame] = [results[at], frames[at]];
    if (result === undefined || frame === undefined) return partialSuccess(refusals);
    if (result.kind !== "fork" || result.follows === undefined) throw explain(result, frame);
    refusals.push(result.why);
    frames[at] = await replace(sinks, frame, result.why, result.follows);
  }
  throw new GrpcFailure(
    grpcStatus.aborted,
    `the chain of agent ${caller.agentUid} is broken in many places; send the rest again`,
  );
};

const partialSuccess = (refusals: Refusals): PartialSuccess | undefined =>
  refusals.length === 0
    ? undefined
    : { rejected: refusals.length, message: `a GAP is stored in place of: ${[...new Set(refusals)].join("; ")}` };
