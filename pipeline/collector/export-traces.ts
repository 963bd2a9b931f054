import { recordedMetadata } from "#nervous-system/comms/grpc/methods.ts";
import type { OtlpCall, OtlpReceiver } from "#nervous-system/comms/grpc/otlp-service.ts";
import type { SpanStream } from "#nervous-system/comms/nats/span-stream.ts";
import { maxSpanBytes } from "#nervous-system/comms/nats/span-stream.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { createCallLinks } from "#nervous-system/codecs/otlp/call-links.ts";
import { decodeTraces } from "#nervous-system/codecs/otlp/decode-traces.ts";
import { tracesShape } from "#nervous-system/codecs/otlp/export-shapes.ts";
import { parseTracesJson } from "#nervous-system/codecs/otlp/json.ts";
import { tracesJsonToWire } from "#nervous-system/codecs/otlp/traces-json-to-wire.ts";
import { splitTraces } from "#nervous-system/codecs/otlp/split-traces.ts";
import { stampExport } from "#nervous-system/codecs/otlp/stamp-export.ts";
import { countTold, tellSpans } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import type { PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { StreamQuota } from "#pipeline/collector/stream-quota.ts";
import { stampOf } from "#pipeline/collector/stamp-of.ts";
import { takingExports, type ExportsOptions } from "#pipeline/collector/take-exports.ts";
import { takeExternalFrames, type ExternalSinks } from "./take-external-frames.ts";

/** What taking spans needs. */
export type ExportTracesOptions = ExportsOptions & {
  readonly quota: StreamQuota;
  readonly sinks: ExternalSinks & { readonly spans: Pick<SpanStream, "put"> };
  readonly log: Log;
};

const MAX_PENDING_BYTES = 8 * 1024 * 1024;

/** Brings spans to their stream, best effort: nobody waits for it, and what does not fit is lost and counted. */
const createSpanLane = ({ sinks, metrics, log }: ExportTracesOptions) => {
  let pending = 0;
  const put = async (namespace: string, part: Buffer): Promise<void> => {
    if (part.length > maxSpanBytes || pending + part.length > MAX_PENDING_BYTES) return metrics.spansLost.inc();
    pending += part.length;
    try {
      await sinks.spans.put(namespace, part);
    } catch (error) {
      metrics.spansLost.inc();
      log.debug({ error: String(error) }, "spans could not be stored");
    } finally {
      pending -= part.length;
    }
  };
  const stamped = (caller: Caller, request: Buffer): Buffer => {
    const stamp = stampOf(caller);
    if (stamp === undefined) return request;
    const goesOn = stampExport(request, tracesShape, stamp);
    metrics.spansMoved.inc(goesOn.moved);
    return goesOn.request;
  };
  const split = (caller: Caller, request: Buffer): readonly Buffer[] => {
    try {
      return splitTraces(stamped(caller, request), maxSpanBytes);
    } catch (error) {
      metrics.spansLost.inc();
      log.debug({ error: String(error) }, "spans could not be stamped or split");
      return [];
    }
  };
  return (caller: Caller, request: Buffer): void => {
    for (const part of split(caller, request)) void put(caller.namespace, part);
  };
};

function* mapped<T>(items: Iterable<T>, change: (item: T) => T): Generator<T> {
  for (const item of items) yield change(item);
}

const spansOf = (request: Buffer, { encoding }: OtlpCall): ReturnType<typeof decodeTraces> =>
  encoding === "json" ? parseTracesJson(request) : decodeTraces(request);

/**
 * `TraceService/Export`: spans go on to trace backends, stamped with whose they are, and those of external clients become frames
 * first. The spans of a pod, and of `enchanted run`, do not: the recorder there made frames of them already.
 */
export const createExportTraces = (options: ExportTracesOptions): OtlpReceiver["traces"] => {
  const { admission, quota, sinks, metrics } = options;
  const passOn = createSpanLane(options);
  const calls = createCallLinks();

  const takeFramesOf = async (request: Buffer, call: OtlpCall, caller: Caller): Promise<PartialSuccess | undefined> => {
    if (caller.principal === undefined || call.metadata(recordedMetadata) !== undefined) return undefined;
    const spans = spansOf(request, call);
    admission.admit(caller, countTold(spans));
    quota.admit(caller, request.length, []);
    const told = mapped(tellSpans(spans), (one) => calls.link(one, caller.agentUid));
    const { stored, refused } = await takeExternalFrames(sinks, caller, told);
    metrics.framesStored.inc(stored);
    metrics.framesRefused.inc(refused.length);
    const message = `frames kept as dead letters only: ${[...new Set(refused)].join("; ")}`;
    // The spans themselves are taken, so none of them is rejected; the message is OTLP's way to warn.
    return refused.length === 0 ? undefined : { rejected: 0, message };
  };

  return takingExports(options, "traces", async (request, call, caller) => {
    const partial = await takeFramesOf(request, call, caller);
    passOn(caller, call.encoding === "json" ? tracesJsonToWire(request) : request);
    return partial;
  });
};
