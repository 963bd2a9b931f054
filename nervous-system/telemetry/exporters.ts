import { appendFile } from "node:fs/promises";
import { credentials } from "@grpc/grpc-js";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import type { NodeSDKConfiguration } from "@opentelemetry/sdk-node";

/** Sends finished spans somewhere. */
export type SpanExporter = NodeSDKConfiguration["traceExporter"];

/** A finished span as the SDK hands it to exporters. */
type FinishedSpan = Parameters<SpanExporter["export"]>[0][number];

type Report = Parameters<SpanExporter["export"]>[1];
type ResultCode = Parameters<Report>[0]["code"];

// Values of ExportResultCode in @opentelemetry/core, which the SDK does not pass on.
const [succeeded, failed] = [0, 1] as unknown as readonly [ResultCode, ResultCode];

/**
 * Where spans go: an OTLP gRPC endpoint (`http://host:port`, or `https://` with the CA, PEM, that alone its certificate may
 * come from, else the public ones), a file of JSON lines, both or neither.
 */
export type SpanTargets = {
  readonly otlpEndpoint?: string;
  readonly otlpCaPem?: string | undefined;
  readonly jsonlPath?: string;
};

/** Creates an exporter to OTLP over gRPC; the SDK retries what is retryable within its timeout. */
const createOtlpExporter = (url: string, caPem: string | undefined): SpanExporter => {
  const verified = caPem !== undefined && url.startsWith("https://");
  return new OTLPTraceExporter({ url, ...(verified && { credentials: credentials.createSsl(Buffer.from(caPem)) }) });
};

const nanoseconds = ([seconds, nanos]: readonly [number, number]): string =>
  String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));

const isoTime = ([seconds, nanos]: readonly [number, number]): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, "0")}Z`;

const statusNames = ["UNSET", "OK", "ERROR"] as const;

/** Renders a span as one JSON object: ids, times, attributes, events, status. */
const renderSpan = (span: FinishedSpan): Record<string, unknown> => ({
  name: span.name,
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  ...(span.parentSpanContext === undefined ? {} : { parent_span_id: span.parentSpanContext.spanId }),
  start_time: isoTime(span.startTime),
  end_time: isoTime(span.endTime),
  duration_ns: nanoseconds(span.duration),
  status: {
    code: statusNames[span.status.code],
    ...(span.status.message === undefined ? {} : { message: span.status.message }),
  },
  attributes: span.attributes,
  events: span.events.map((event) => ({
    name: event.name,
    time: isoTime(event.time),
    attributes: event.attributes ?? {},
  })),
  resource: span.resource.attributes,
});

/** Creates an exporter that appends one JSON line a span; lines are written in the order of export. */
const createJsonlExporter = (path: string): SpanExporter => {
  let written: Promise<void> = Promise.resolve();
  return {
    export: (spans, report) => {
      const lines = spans.map((span) => `${JSON.stringify(renderSpan(span))}\n`).join("");
      const next = written.then(() => appendFile(path, lines));
      written = next.catch(() => {});
      next.then(
        () => report({ code: succeeded }),
        (error: unknown) => report({ code: failed, error: error as Error }),
      );
    },
    forceFlush: () => written,
    shutdown: () => written,
  };
};

const exportTo = (target: SpanExporter, spans: FinishedSpan[]): Promise<Parameters<Report>[0]> =>
  new Promise((resolve) => target.export(spans, resolve));

/** Creates an exporter that gives each span to every target; it reports a failure when any target failed. */
const createFanOutExporter = (targets: readonly SpanExporter[]): SpanExporter => ({
  export: (spans, report) => {
    void Promise.all(targets.map((target) => exportTo(target, spans))).then((results) =>
      report(results.find((result) => result.code !== succeeded) ?? { code: succeeded }),
    );
  },
  forceFlush: async () => {
    await Promise.all(targets.map((target) => Promise.resolve(target.forceFlush?.())));
  },
  shutdown: async () => {
    await Promise.all(targets.map((target) => target.shutdown()));
  },
});

/** Creates the exporter for the targets given; undefined when there are none. */
export const createExporter = ({ otlpEndpoint, otlpCaPem, jsonlPath }: SpanTargets): SpanExporter | undefined => {
  const targets = [
    ...(otlpEndpoint === undefined ? [] : [createOtlpExporter(otlpEndpoint, otlpCaPem)]),
    ...(jsonlPath === undefined ? [] : [createJsonlExporter(jsonlPath)]),
  ];
  return targets.length > 1 ? createFanOutExporter(targets) : targets[0];
};
