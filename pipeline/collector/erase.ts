import { create, toBinary } from "@bufbuild/protobuf";
import * as z from "zod";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { eraseMethod, namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { UnchainedPublisher } from "#nervous-system/comms/nats/unchained.ts";
import { MOST_ERASED, MOST_NAMED } from "#nervous-system/schemas/erased.ts";
import { erasure } from "#nervous-system/schemas/frames/erasure.ts";
import { EraseRequestSchema, EraseResponseSchema, type FrameToErase } from "#nervous-system/schemas/gen/context_pb.ts";
import { isUuid, stableId } from "#nervous-system/schemas/ids.ts";
import type { ComposeErasure } from "#pipeline/collector/external-frames.ts";
import type { ArchiveLock } from "#pipeline/settings.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import { decodeMessage } from "#pipeline/decode-message.ts";
import { storeFailure } from "./context-service.ts";

/** What taking orders to erase needs. */
export type EraseOptions = {
  readonly identify: Identify;
  readonly unchained: UnchainedPublisher;
  readonly compose: ComposeErasure;
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

/**
 * `ContextService/Erase`: says in the record, under its own name and its caller's, what is to be erased; the sinks do it. What was
 * never recorded is erased by nobody.
 */
export const createErase = ({ identify, unchained, compose, lock }: EraseOptions): GrpcHandler => ({
  kind: "unary",
  method: eraseMethod,
  handle: async (request, { token, metadata }) => {
    const caller = await identify(token, metadata(namespaceMetadata), { use: "delete" });
    // A pod's token proves whose pod it is; that its user may erase nobody has asked.
    if (caller.principal === undefined)
      throw new GrpcFailure(grpcStatus.permissionDenied, "what a record says is erased by a user, never by a pod");
    const { order: id, frames, reason } = decodeMessage(EraseRequestSchema, request);
    if (!isUuid(id)) throw invalid("the order's id is no lower-case UUID");
    if (frames.length === 0 || frames.length > MOST_ERASED) throw invalid(`name 1 to ${MOST_ERASED} frames`);
    const composed = frames.map((frame, index) =>
      compose({
        eventId: stableId("erasure", caller.agentUid, id, String(index)),
        payload: orderOf(frame, index, reason),
        caller,
      }),
    );
    try {
      await unchained.publish(composed);
    } catch (error) {
      throw storeFailure(error);
    }
    const eventIds = composed.map(({ envelope }) => envelope.event_id);
    return Buffer.from(
      toBinary(
        EraseResponseSchema,
        create(EraseResponseSchema, {
          eventIds,
          ...(lock === undefined ? {} : { archiveLockedDays: lock.days, archiveLockMode: lock.mode }),
        }),
      ),
    );
  },
});
