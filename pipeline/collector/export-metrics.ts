import type { GrpcClient } from "#nervous-system/comms/grpc-client.ts";
import { GrpcFailure, grpcStatus, toGrpcFailure } from "#nervous-system/comms/grpc-failure.ts";
import { exportMetrics, namespaceMetadata } from "#nervous-system/comms/grpc-methods.ts";
import type { OtlpReceiver } from "#nervous-system/comms/otlp-service.ts";
import { decodeExportResponse } from "#nervous-system/telemetry/otlp/status.ts";
import type { Admission } from "#pipeline/collector/admission.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import type { CollectorMetrics } from "#pipeline/collector/measure.ts";
import { countingRefusals } from "#pipeline/collector/refuse.ts";

/** What passing metrics on needs. */
export type ExportMetricsOptions = {
  readonly identify: Identify;
  readonly admission: Admission;
  /** Client of the metrics backend, if there is one. */
  readonly backend: Pick<GrpcClient, "unary"> | undefined;
  readonly metrics: CollectorMetrics;
};

const DEADLINE_MS = 10_000;
const RETRY_MS = 5_000;

/** `MetricsService/Export`: passed on as they came; the sender hears what the backend said, or that there is none. */
export const createExportMetrics = (options: ExportMetricsOptions): OtlpReceiver["metrics"] => {
  const { identify, admission, backend, metrics } = options;
  const forward = async (request: Buffer): Promise<ReturnType<typeof decodeExportResponse>> => {
    if (backend === undefined)
      return { rejected: 0, message: "no metrics backend is configured here; set collector.metricsEndpoint" };
    const answer = await backend.unary(exportMetrics, request, { deadlineMs: DEADLINE_MS }).catch((error: unknown) => {
      const { message, retryAfterMs = RETRY_MS } = toGrpcFailure(error);
      throw new GrpcFailure(grpcStatus.unavailable, `the metrics backend did not take them: ${message}`, retryAfterMs);
    });
    return decodeExportResponse(answer);
  };
  return (request, call) =>
    countingRefusals(metrics, async () => {
      const leave = admission.enter(request.length);
      try {
        await identify(call.token, call.metadata(namespaceMetadata));
        if (call.encoding === "json")
          throw new GrpcFailure(
            grpcStatus.invalidArgument,
            "metrics are passed on as protobuf; set the exporter to http/protobuf or grpc",
          );
        return await forward(request);
      } finally {
        leave();
      }
    });
};
