import { ProxyTracerProvider, trace, type Tracer } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { createExporter, type SpanTargets } from "#nervous-system/telemetry/exporters.ts";
import { genAiSchemaUrl } from "#nervous-system/codecs/genai.ts";

/** The tracing of one process. */
export type Tracing = {
  readonly tracer: Tracer;
  /** Sends every ended span now. */
  flush(): Promise<void>;
  /** Flushes and stops; later spans go nowhere. */
  shutdown(): Promise<void>;
};

/** Where spans go and whose they are. */
export type TracingOptions = SpanTargets & { readonly serviceName: string };

// A mission's span carries an event for each decision and change; the SDK's default of 128 would drop the oldest.
const spanLimits = { eventCountLimit: 2_000, attributeValueLengthLimit: 16_384 };

const flushProvider = async (): Promise<void> => {
  const proxy = trace.getTracerProvider();
  const provider: unknown = proxy instanceof ProxyTracerProvider ? proxy.getDelegate() : proxy;
  await (provider as { forceFlush?: () => Promise<void> }).forceFlush?.();
};

/**
 * Starts OpenTelemetry for this process: spans to the targets, context carried through async calls. Without a target spans
 * are made and dropped, so that code need not ask.
 */
export const createTracing = (options: TracingOptions): Tracing => {
  const exporter = createExporter(options);
  const sdk = new NodeSDK({
    serviceName: options.serviceName,
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
    spanLimits,
    ...(exporter === undefined ? { spanProcessors: [] } : { traceExporter: exporter }),
  });
  sdk.start();
  return {
    tracer: trace.getTracerProvider().getTracer("enchanted", undefined, { schemaUrl: genAiSchemaUrl }),
    flush: flushProvider,
    shutdown: () => sdk.shutdown(),
  };
};
