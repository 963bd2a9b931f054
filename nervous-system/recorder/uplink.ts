import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { exportLogs, tailMethod } from "#nervous-system/comms/grpc/methods.ts";
import { TailRequestSchema, TailResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { encodeLogsRequest, frameRecord } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { decodeExportResponse, type PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";
import type { ComposedFrame } from "./compose.ts";

/** The end of a chain as the stream holds it: seq 0 and zeros when empty; `settled` is the highest seq that every store holds. */
export type StreamTail = { seq: number; hash: string; settled?: number };

/** The way to the stream. Both reject with `GrpcFailure`. */
export type Uplink = {
  tail(chain: { agentUid: string; epoch: number }, signal: AbortSignal): Promise<StreamTail>;
  /** Resolves when the frames are *stored*; the answer names what the collector put a GAP in the place of. */
  send(frames: readonly ComposedFrame[], signal: AbortSignal): Promise<PartialSuccess | undefined>;
};

const TAIL_DEADLINE_MS = 10_000;
const EXPORT_DEADLINE_MS = 30_000;

/** The collector as uplink: OTLP logs and `ContextService/Tail` over one channel. */
export const createCollectorUplink = (client: GrpcClient): Uplink => ({
  tail: async ({ agentUid, epoch }, signal) => {
    const request = toBinary(TailRequestSchema, create(TailRequestSchema, { agentUid, epoch }));
    const answer = await client.unary(tailMethod, Buffer.from(request), { deadlineMs: TAIL_DEADLINE_MS, signal });
    const { seq, hash, settled } = fromBinary(TailResponseSchema, answer);
    return { seq: Number(seq), hash, settled: Number(settled) };
  },
  send: (frames, signal) => {
    const request = encodeLogsRequest(frames.map(frameRecord));
    return client.unary(exportLogs, request, { deadlineMs: EXPORT_DEADLINE_MS, signal }).then(decodeExportResponse);
  },
});
