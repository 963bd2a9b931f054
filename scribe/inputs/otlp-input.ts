import { checkingBodies } from "#nervous-system/comms/grpc/check-body.ts";
import type { OtlpCall, OtlpReceiver } from "#nervous-system/comms/grpc/otlp-service.ts";
import { groupsOf } from "#nervous-system/kernel/groups.ts";
import { createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import type { Recorder, RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { Refusal } from "#nervous-system/recorder/read-input.ts";
import { createCallLinks, type CallLinks } from "#nervous-system/codecs/otlp/call-links.ts";
import { decodeLogs } from "#nervous-system/codecs/otlp/decode-records.ts";
import { decodeTraces } from "#nervous-system/codecs/otlp/decode-traces.ts";
import { parseLogsJson, parseTracesJson } from "#nervous-system/codecs/otlp/json.ts";
import { tracesJsonToWire } from "#nervous-system/codecs/otlp/traces-json-to-wire.ts";
import { tellLogs } from "#nervous-system/codecs/otlp/logs-to-frames.ts";
import { asProducer, tellSpans, type TelemetryEvent } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import type { PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";

/** What the OTLP input needs. */
type OtlpInputOptions = {
  recorder: Pick<Recorder, "record">;
  /** Brings spans to whoever shows them, best effort. */
  passSpans: (request: Buffer) => void;
  /** Brings metrics to whoever keeps them, or refuses. */
  passMetrics: OtlpReceiver["metrics"];
  /** Told of every frame that is refused. */
  onRefused: (refusal: Refusal) => void;
  /** Knows the calls of models that something else tells too; those that only spans tell without it. */
  calls?: CallLinks;
};

// As many frames as exporters send at once; more would all be in memory before the first is on the medium. Small frames of
// one resource may be large together.
const atOnce = {
  items: 512,
  bytes: 1024 * 1024,
  bytesOf: ({ frame }: TelemetryEvent) => JSON.stringify(frame.payload).length,
};

// A request of the largest size unfolds to a good part of the heap: it is worked on alone.
const MAX_AT_WORK_BYTES = 4 * 1024 * 1024;

const partialOf = (refused: readonly string[]): PartialSuccess | undefined =>
  refused.length === 0
    ? undefined
    : { rejected: refused.length, message: `not recorded: ${[...new Set(refused)].join("; ")}` };

/**
 * The program's own telemetry becomes frames here, so that it is redacted, sequenced and chained like everything else; the
 * program hears success when they are on the medium. Spans go on to trace backends beside it.
 */
export const createOtlpInput = (options: OtlpInputOptions): OtlpReceiver => {
  const { recorder, passSpans, passMetrics, onRefused, calls = createCallLinks() } = options;
  const recordOne = ({ frame, trace }: TelemetryEvent): Promise<RecordResult> =>
    recorder.record(frame, { producer: "agent", ...(trace === undefined ? {} : { trace }) });

  const record = async (told: Iterable<TelemetryEvent>): Promise<PartialSuccess | undefined> => {
    const reasons: string[] = [];
    for (const some of groupsOf(told, atOnce)) {
      const results = await Promise.all(some.map((one) => recordOne(asProducer(calls.link(one), "agent"))));
      for (const refusal of results.filter((result) => !result.ok)) {
        onRefused(refusal);
        reasons.push(refusal.reason);
      }
    }
    return partialOf(reasons);
  };
  const atWork = createSemaphore(MAX_AT_WORK_BYTES);
  const isJson = ({ encoding }: OtlpCall): boolean => encoding === "json";
  return checkingBodies({
    logs: (request, call) =>
      atWork.run(request.length, async () =>
        record(tellLogs(isJson(call) ? parseLogsJson(request) : decodeLogs(request))),
      ),
    traces: (request, call) =>
      atWork.run(request.length, async () => {
        const partial = await record(tellSpans(isJson(call) ? parseTracesJson(request) : decodeTraces(request)));
        passSpans(isJson(call) ? tracesJsonToWire(request) : request);
        // The spans themselves are taken: a rejected count would make exporters report them as lost.
        return partial === undefined ? undefined : { ...partial, rejected: 0 };
      }),
    metrics: passMetrics,
  });
};
