import type { OtlpCall, OtlpReceiver } from "#nervous-system/comms/otlp-service.ts";
import type { Recorder, RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { Refusal } from "#nervous-system/recorder/read-input.ts";
import { decodeLogs } from "#nervous-system/telemetry/otlp/decode-records.ts";
import { decodeTraces } from "#nervous-system/telemetry/otlp/decode-traces.ts";
import { parseLogsJson, parseTracesJson } from "#nervous-system/telemetry/otlp/json.ts";
import { tracesJsonToWire } from "#nervous-system/telemetry/otlp/traces-json-to-wire.ts";
import { framesFromLog } from "#nervous-system/telemetry/otlp/logs-to-frames.ts";
import { asProducer, framesFromSpan, type TelemetryFrame } from "#nervous-system/telemetry/otlp/spans-to-frames.ts";
import type { PartialSuccess } from "#nervous-system/telemetry/otlp/status.ts";

/** What the OTLP mouth needs. */
export type OtlpMouthOptions = {
  recorder: Pick<Recorder, "record">;
  /** Brings spans to whoever shows them, best effort. */
  passSpans: (request: Buffer) => void;
  /** Brings metrics to whoever keeps them, or refuses. */
  passMetrics: OtlpReceiver["metrics"];
  /** Told of every frame that is refused. */
  onRefused: (refusal: Refusal) => void;
};

// As many frames as exporters send at once; more would all be in memory before the first is on the medium.
const AT_ONCE = 512;

const partialOf = (refused: readonly string[]): PartialSuccess | undefined =>
  refused.length === 0
    ? undefined
    : { rejected: refused.length, message: `not recorded: ${[...new Set(refused)].join("; ")}` };

/**
 * The program's own telemetry becomes frames here, so that it is redacted, sequenced and chained like everything else; the
 * program hears success when they are on the medium. Spans go on to trace backends beside it.
 */
export const createOtlpMouth = ({ recorder, passSpans, passMetrics, onRefused }: OtlpMouthOptions): OtlpReceiver => {
  const recordOne = ({ frame, trace }: TelemetryFrame): Promise<RecordResult> =>
    recorder.record(frame, { producer: "agent", ...(trace === undefined ? {} : { trace }) });

  const record = async (told: readonly TelemetryFrame[]): Promise<PartialSuccess | undefined> => {
    const reasons: string[] = [];
    for (let from = 0; from < told.length; from += AT_ONCE) {
      const some = told.slice(from, from + AT_ONCE);
      const results = await Promise.all(some.map((one) => recordOne(asProducer(one, "agent"))));
      for (const refusal of results.filter((result) => !result.ok)) {
        onRefused(refusal);
        reasons.push(refusal.reason);
      }
    }
    return partialOf(reasons);
  };
  const isJson = ({ encoding }: OtlpCall): boolean => encoding === "json";
  return {
    logs: (request, call) => {
      const logs = isJson(call) ? parseLogsJson(request) : decodeLogs(request);
      return record(logs.flatMap(framesFromLog));
    },
    traces: async (request, call) => {
      const spans = isJson(call) ? parseTracesJson(request) : decodeTraces(request);
      const partial = await record(spans.flatMap(framesFromSpan));
      passSpans(isJson(call) ? tracesJsonToWire(request) : request);
      // The spans themselves are taken: a rejected count would make exporters report them as lost.
      return partial === undefined ? undefined : { ...partial, rejected: 0 };
    },
    metrics: passMetrics,
  };
};
