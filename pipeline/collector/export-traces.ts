import type { GrpcClient } from "#nervous-system/comms/grpc-client.ts";
import { toGrpcFailure } from "#nervous-system/comms/grpc-failure.ts";
import { exportTraces } from "#nervous-system/comms/grpc-methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc-server.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import type { CollectorMetrics } from "#pipeline/collector/measure.ts";

/** What passing spans on needs. */
export type ExportTracesOptions = {
  readonly identify: Identify;
  /** Client of the trace backend; without it spans are counted as lost. */
  readonly backend: Pick<GrpcClient, "unary"> | undefined;
  readonly metrics: CollectorMetrics;
  readonly log: Log;
};

const MAX_PENDING_BYTES = 8 * 1024 * 1024;
const DEADLINE_MS = 10_000;

/**
 * `TraceService/Export`: spans go on as they came, best effort. The sender is never made to wait for the backend,
 * and what does not fit into 8 MiB of waiting spans is lost and counted: frames, not spans, are the record.
 */
export const createExportTraces = (options: ExportTracesOptions): GrpcHandler => {
  const { backend, metrics, log } = options;
  let pending = 0;

  const forward = async (spans: Buffer): Promise<void> => {
    if (backend === undefined || pending + spans.length > MAX_PENDING_BYTES) return metrics.spansLost.inc();
    pending += spans.length;
    try {
      await backend.unary(exportTraces, spans, { deadlineMs: DEADLINE_MS });
      metrics.spansForwarded.inc();
    } catch (error) {
      metrics.spansLost.inc();
      log.debug({ error: toGrpcFailure(error).message }, "the trace backend did not take spans");
    } finally {
      pending -= spans.length;
    }
  };

  return {
    kind: "unary",
    method: exportTraces,
    handle: async (request, { token }) => {
      await options.identify(token);
      void forward(request);
      return Buffer.alloc(0);
    },
  };
};
