import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc-failure.ts";
import { exportLogs } from "#nervous-system/comms/grpc-methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc-server.ts";
import { decodeLogsRequest, type LogRecordView } from "#nervous-system/telemetry/otlp/decode-logs.ts";
import { encodeExportResponse } from "#nervous-system/telemetry/otlp/status.ts";
import { WireError } from "#nervous-system/telemetry/otlp/wire.ts";
import type { Admission } from "#pipeline/collector/admission.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import type { CollectorMetrics } from "#pipeline/collector/measure.ts";
import { takeFrames, type FrameSinks } from "#pipeline/collector/take-frames.ts";
import { verifyFrame } from "#pipeline/collector/verify-frame.ts";

/** What taking logs needs. */
export type ExportLogsOptions = {
  readonly identify: Identify;
  readonly admission: Admission;
  readonly sinks: FrameSinks;
  readonly metrics: CollectorMetrics;
};

const RETRY_MS = 1_000;

const decode = (request: Buffer): LogRecordView[] => {
  try {
    return decodeLogsRequest(request);
  } catch (error) {
    if (error instanceof WireError) throw new GrpcFailure(grpcStatus.invalidArgument, error.message);
    throw error;
  }
};

const isBusAway = (error: unknown): error is Error => error instanceof Error && error.name === "BusUnavailableError";

/** `LogsService/Export`: success only once every frame is in JetStream, on disk. */
export const createExportLogs = (options: ExportLogsOptions): GrpcHandler => {
  const { identify, admission, sinks, metrics } = options;

  const take = async (request: Buffer, token: string | undefined): Promise<Buffer> => {
    const caller = await identify(token);
    const records = decode(request);
    admission.admit(caller.agentUid, records.length);
    const verified = records.map((record) => verifyFrame(record, caller));
    const partial = await takeFrames(sinks, caller, verified);
    metrics.framesStored.inc(records.length - (partial?.rejected ?? 0));
    metrics.framesRefused.inc(partial?.rejected ?? 0);
    return encodeExportResponse(partial);
  };

  return {
    kind: "unary",
    method: exportLogs,
    handle: async (request, { token }) => {
      const leave = admission.enter(request.length);
      try {
        return await take(request, token);
      } catch (error) {
        if (error instanceof GrpcFailure) metrics.exportsRefused.inc({ code: String(error.code) });
        if (!isBusAway(error)) throw error;
        metrics.exportsRefused.inc({ code: String(grpcStatus.unavailable) });
        throw new GrpcFailure(grpcStatus.unavailable, error.message, RETRY_MS);
      } finally {
        leave();
      }
    },
  };
};
