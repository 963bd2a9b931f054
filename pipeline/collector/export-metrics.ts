import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { GrpcFailure, grpcStatus, toGrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { exportMetrics } from "#nervous-system/comms/grpc/methods.ts";
import type { OtlpReceiver } from "#nervous-system/comms/grpc/otlp-service.ts";
import { metricsShape } from "#nervous-system/codecs/otlp/export-shapes.ts";
import { stampExport } from "#nervous-system/codecs/otlp/stamp-export.ts";
import { decodeExportResponse } from "#nervous-system/codecs/otlp/status.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { stampOf } from "#pipeline/collector/stamp-of.ts";
import { takingExports, type ExportsOptions } from "#pipeline/collector/take-exports.ts";

/** What passing metrics on needs. */
export type ExportMetricsOptions = ExportsOptions & {
  /** Client of the metrics backend, if there is one. */
  readonly backend: Pick<GrpcClient, "unary"> | undefined;
};

const DEADLINE_MS = 10_000;
const RETRY_MS = 5_000;

const stamped = (request: Buffer, caller: Caller): Buffer => {
  const stamp = stampOf(caller);
  return stamp === undefined ? request : stampExport(request, metricsShape, stamp).request;
};

/** `MetricsService/Export`: passed on stamped with whose they are; the sender hears what the backend said, or that there is none. */
export const createExportMetrics = (options: ExportMetricsOptions): OtlpReceiver["metrics"] => {
  const { backend } = options;
  const forward = async (request: Buffer): Promise<ReturnType<typeof decodeExportResponse>> => {
    if (backend === undefined)
      return { rejected: 0, message: "no metrics backend is configured here; set collector.metricsEndpoint" };
    const answer = await backend.unary(exportMetrics, request, { deadlineMs: DEADLINE_MS }).catch((error: unknown) => {
      const { message, retryAfterMs = RETRY_MS } = toGrpcFailure(error);
      throw new GrpcFailure(grpcStatus.unavailable, `the metrics backend did not take them: ${message}`, retryAfterMs);
    });
    return decodeExportResponse(answer);
  };
  return takingExports(options, "metrics", async (request, { encoding }, caller) => {
    if (encoding === "json")
      throw new GrpcFailure(
        grpcStatus.invalidArgument,
        "metrics are passed on as protobuf; set the exporter to http/protobuf or grpc",
      );
    return forward(stamped(request, caller));
  });
};
