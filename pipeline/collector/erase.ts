import { create, toBinary } from "@bufbuild/protobuf";
import * as z from "zod";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { eraseMethod, namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createTokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { UnchainedPublisher } from "#nervous-system/comms/nats/unchained.ts";
import { MOST_BLOBS_AT_ONCE, MOST_ERASED, MOST_NAMED } from "#nervous-system/schemas/erased.ts";
import { erasure } from "#nervous-system/schemas/frames/erasure.ts";
import { EraseRequestSchema, EraseResponseSchema, type FrameToErase } from "#nervous-system/schemas/gen/context_pb.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { isUuid, stableId } from "#nervous-system/schemas/ids.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { ComposeErasure } from "#pipeline/collector/external-frames.ts";
import type { ArchiveLock } from "#pipeline/settings.ts";
import type { Admission } from "#pipeline/collector/admission.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import type { StreamQuota } from "#pipeline/collector/stream-quota.ts";
import { decodeMessage } from "#pipeline/decode-message.ts";
import { storeFailure } from "./context-service.ts";

/**
 * What orders of a namespace name, frames and blobs: each frame costs every store a key for ever, each blob the archive a request,
 * whether they are there or not.
 */
const NAMED = { perSecond: 100, burst: 2 * MOST_BLOBS_AT_ONCE };
const MAX_NAMESPACES = 10_000;

/** What taking orders to erase needs. */
export type EraseOptions = {
  readonly identify: Identify;
  readonly admission: Pick<Admission, "enter" | "admit">;
  readonly quota: StreamQuota;
  readonly unchained: UnchainedPublisher;
  readonly compose: ComposeErasure;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** How files of the archive are locked, which whoever orders is told; undefined where they are not. */
  readonly lock?: ArchiveLock | undefined;
};

const { event, seq, places, blobs } = erasure.payload.shape;

const order = z.object({
  event: event.min(1).max(128),
  agent_uid: z.string().refine(isUuid, "is no lower-case UUID"),
  epoch: z.int().min(0),
  seq,
  principal: z.string().max(1024).optional(),
  places: places.min(1).max(MOST_NAMED.places),
  blobs: blobs.unwrap().max(MOST_NAMED.blobs),
  reason: z.string().max(1024),
});

const invalid = (message: string): GrpcFailure => new GrpcFailure(grpcStatus.invalidArgument, message);

const orderOf = (frame: FrameToErase, index: number, reason: string): z.output<typeof order> => {
  const parsed = order.safeParse({
    event: frame.eventId,
    agent_uid: frame.agentUid,
    epoch: frame.epoch,
    seq: Number(frame.seq),
    ...(frame.principal === "" ? {} : { principal: frame.principal }),
    places: frame.places.map(Number),
    blobs: frame.blobs,
    reason,
  });
  if (parsed.success) return parsed.data;
  throw invalid(`frame ${index + 1} cannot be erased so: ${z.prettifyError(parsed.error)}`);
};

/** Counts what orders of each namespace name; throws UNAVAILABLE, with RetryInfo, where it is too much. */
const createNaming = (clock: Pick<Clock, "monotonicMs">): ((caller: Caller, orders: Orders) => void) => {
  const namespaces = createTokenBuckets(NAMED, clock, MAX_NAMESPACES);
  return ({ namespace }, { frames }) => {
    const named = frames.reduce((sum, frame) => sum + 1 + frame.blobs.length, 0);
    const waitMs = namespaces.of(namespace).take(named);
    if (waitMs === 0) return;
    const why = `namespace ${namespace} has ordered to erase more than it may lately`;
    throw new GrpcFailure(grpcStatus.unavailable, why, waitMs);
  };
};

type Orders = { readonly id: string; readonly reason: string; readonly frames: readonly FrameToErase[] };

const parseOrders = (request: Buffer): Orders => {
  const { order: id, frames, reason } = decodeMessage(EraseRequestSchema, request);
  if (!isUuid(id)) throw invalid("the order's id is no lower-case UUID");
  if (frames.length === 0 || frames.length > MOST_ERASED) throw invalid(`name 1 to ${MOST_ERASED} frames`);
  if (frames.reduce((sum, frame) => sum + frame.blobs.length, 0) > MOST_BLOBS_AT_ONCE)
    throw invalid(`name at most ${MOST_BLOBS_AT_ONCE} blobs of all frames together`);
  return { id, frames, reason };
};

/** The frames of what is ordered, which count against the caller as what he exports does: there may be as many orders as he likes. */
const takeOrders = (
  { admission, quota, compose }: EraseOptions,
  caller: Caller,
  { id, reason, frames }: Orders,
): RecordedFrame[] => {
  admission.admit(caller, frames.length);
  const composed = frames.map((frame, index) =>
    compose({
      eventId: stableId("erasure", caller.agentUid, id, String(index)),
      payload: orderOf(frame, index, reason),
      caller,
    }),
  );
  const bytes = composed.reduce((sum, frame) => sum + frame.bytes.length + frame.envelopeText.length, 0);
  quota.admit(caller, bytes, []);
  return composed;
};

/**
 * `ContextService/Erase`: says in the record, under its own name and its caller's, what is to be erased; the sinks do it. What was
 * never recorded is erased by nobody. Whether a frame is there the collector does not ask: its place may be one of an earlier stream.
 */
export const createErase = (options: EraseOptions): GrpcHandler => {
  const countNamed = createNaming(options.clock);
  return {
    kind: "unary",
    method: eraseMethod,
    handle: async (request, { token, metadata }) => {
      const { identify, admission, unchained, lock } = options;
      const caller = await identify(token, metadata(namespaceMetadata), { use: "delete" });
      // A pod's token proves whose pod it is; that its user may erase nobody has asked.
      if (caller.principal === undefined)
        throw new GrpcFailure(grpcStatus.permissionDenied, "what a record says is erased by a user, never by a pod");
      const orders = parseOrders(request);
      const leave = admission.enter(caller, request.length);
      try {
        countNamed(caller, orders);
        const composed = takeOrders(options, caller, orders);
        await unchained.publish(composed);
        const eventIds = composed.map(({ envelope }) => envelope.event_id);
        const locked = lock === undefined ? {} : { archiveLockedDays: lock.days, archiveLockMode: lock.mode };
        return Buffer.from(toBinary(EraseResponseSchema, create(EraseResponseSchema, { eventIds, ...locked })));
      } catch (error) {
        throw storeFailure(error);
      } finally {
        leave();
      }
    },
  };
};
