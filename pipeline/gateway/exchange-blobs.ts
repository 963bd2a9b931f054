import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { BlobWriter, FrameWriter } from "#pipeline/gateway/ports.ts";
import { granted, refused, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";
import type { UpstreamBody } from "#pipeline/gateway/upstream-request.ts";

/** What the bodies of exchanges are stored with. */
export type BlobTools = {
  readonly frames: Pick<FrameWriter, "healthy">;
  readonly blobs: BlobWriter;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Log;
};

/** The bytes of an exchange, and whose they are. */
type Stored = { readonly mission: Mission; readonly body: Pick<UpstreamBody, "bytes">; readonly signal: AbortSignal };

// A collector that restarts is back within these; an agent waits for its answer longer than that anyway.
const putPausesMs = [500, 2_000, 5_000];
// An answer cannot be had again; its agent waits for the end of it meanwhile.
const answerPausesMs = [...putPausesMs, 15_000];

// Until somebody gives the namespace more room.
const FULL_SECONDS = 60;

/** Whether a namespace has filled its share of the store, which no other try mends. */
const isFull = (error: unknown): error is GrpcFailure =>
  error instanceof GrpcFailure && error.code === grpcStatus.resourceExhausted;

/** Stores a blob, trying again while the collector is away and nobody stops it; rejects with the last failure. */
const putPatiently = async (
  tools: BlobTools,
  namespace: string,
  bytes: Buffer,
  { pausesMs = putPausesMs, signal }: { pausesMs?: readonly number[]; signal?: AbortSignal } = {},
): Promise<string> => {
  for (const pauseMs of pausesMs) {
    try {
      return await tools.blobs.put(namespace, bytes);
    } catch (error) {
      if (isFull(error)) throw error;
      tools.log.warn({ err: error, pauseMs }, "a blob of a model call could not be stored; trying again");
      await tools.clock.sleep(pauseMs, signal);
    }
  }
  return tools.blobs.put(namespace, bytes);
};

/** Stores what is about to be sent; what cannot be recorded is refused. */
export const putRequest = async (tools: BlobTools, exchange: Stored): Promise<Granted<string>> => {
  const { mission, body, signal } = exchange;
  if (!tools.frames.healthy())
    return refusedUntil(503, "recording_unavailable", "the gateway cannot write its record at present", 5);
  try {
    return granted(await putPatiently(tools, mission.metadata.namespace ?? "", body.bytes, { signal }));
  } catch (error) {
    if (signal.aborted) return refused(400, "client_gone", "the client went away before its request was recorded");
    tools.log.warn({ err: error }, "the blob of a model request could not be stored");
    if (isFull(error))
      return refusedUntil(
        503,
        "recording_unavailable",
        `the request is not sent, since ${error.message}`,
        FULL_SECONDS,
      );
    return refusedUntil(503, "recording_unavailable", "the request could not be recorded, so it is not sent", 5);
  }
};

/** Stores an answer; undefined where it is empty, or cannot be stored: the exchange has happened, and is recorded without it. */
export const putAnswer = async (
  tools: BlobTools,
  { mission }: Pick<Stored, "mission">,
  answer: Buffer,
): Promise<string | undefined> => {
  if (answer.length === 0) return undefined;
  try {
    return await putPatiently(tools, mission.metadata.namespace ?? "", answer, { pausesMs: answerPausesMs });
  } catch (error) {
    tools.log.error({ err: error }, "the blob of a model's answer could not be stored");
    return undefined;
  }
};
