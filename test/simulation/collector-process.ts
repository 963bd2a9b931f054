import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { ObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { otlpGrpcHandlers, type TakeExport } from "#nervous-system/comms/grpc/otlp-service.ts";
import { createPublisher } from "#nervous-system/comms/nats/publisher.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createAdmission } from "#pipeline/collector/admission.ts";
import { createStreamQuota } from "#pipeline/collector/stream-quota.ts";
import { createContextService } from "#pipeline/collector/context-service.ts";
import { createExportLogs } from "#pipeline/collector/export-logs.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import { createCollectorMetrics } from "#pipeline/collector/measure.ts";
import { createExternalFrames } from "#pipeline/collector/external-frames.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";
import type { StreamConnection } from "./stream-connection.ts";

/** What a simulated collector is made of. */
export type CollectorOptions = { life: Life; connection: StreamConnection; identify: Identify; random: Random };

const metrics = createCollectorMetrics(createRegistry());
const redactor = createRedactor([]);
const limits = {
  maxInFlightBytes: 128 * 1024 * 1024,
  inFlightBytesApart: 8 * 1024 * 1024,
  framesPerSecond: 20_000,
  namespaceFramesPerSecond: 60_000,
};

const notHere = (): never => {
  throw new Error("the simulation has only chains in it");
};
const noTelemetry: TakeExport = async () => notHere();

/** Starts the collector's own code in a life: what answers its calls. */
export const startCollectorProcess = ({ life, connection, identify, random }: CollectorOptions): GrpcHandler[] => {
  const { clock } = life;
  const owners = { check: async () => undefined };
  const sinks = {
    publisher: createPublisher({ stream: connection.stream, clock, random: random.next }),
    unchained: { publish: async () => notHere() },
    deadLetters: connection.deadLetters,
    compose: createExternalFrames({ clock, redactor }),
  };
  // The simulated stream has no bound that anything could come close to.
  const quota = createStreamQuota(() => ({ bytes: 0, limitBytes: undefined }), clock);
  const logs = createExportLogs({ identify, owners, admission: createAdmission(limits, clock), quota, sinks, metrics });
  const blobs: ObjectStore = { put: notHere, putStream: notHere, get: notHere };
  return [
    ...otlpGrpcHandlers({ logs, traces: noTelemetry, metrics: noTelemetry }),
    ...createContextService({
      identify,
      owners,
      bus: connection,
      sinks: ["ledger"],
      blobs,
      blobQuota: { open: notHere },
      blobShare: { take: notHere },
    }),
  ];
};
