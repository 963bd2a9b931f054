import { Client, compressionAlgorithms, credentials, Metadata } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "@jest/globals";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { context, trace } from "@opentelemetry/api";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { decodeTraces } from "#nervous-system/codecs/otlp/decode-traces.ts";
import type { OtlpSpan } from "#nervous-system/codecs/otlp/model.ts";
import { framesFromSpan } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import { decodeExportResponse } from "#nervous-system/codecs/otlp/status.ts";
import { grpcStatus } from "./failure.ts";
import { exportTraces, MAX_MESSAGE_BYTES } from "./methods.ts";
import { startGrpcServer, type GrpcServer } from "./server.ts";
import { otlpGrpcHandlers, type TakeExport } from "./otlp-service.ts";

let server: GrpcServer;
let client: Client;
let spans: OtlpSpan[];
let errors: unknown[];

const start = async (partial?: Awaited<ReturnType<TakeExport>>): Promise<void> => {
  spans = [];
  errors = [];
  const take: TakeExport = async (request) => {
    spans.push(...decodeTraces(request));
    return partial;
  };
  const handlers = otlpGrpcHandlers({ logs: take, traces: take, metrics: take });
  const onError = (_method: string, error: unknown): void => void errors.push(error);
  server = await startGrpcServer({ address: "127.0.0.1:0", handlers, onError, clock: systemClock() });
  client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
    "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
    "grpc.max_send_message_length": -1,
  });
};
afterEach(async () => {
  client.close();
  await server.close(0);
});

const asIs = (bytes: Buffer): Buffer => bytes;
const send = (request: Buffer): Promise<{ code: number; answer?: Buffer | undefined }> =>
  new Promise((resolve) => {
    client.makeUnaryRequest(exportTraces.path, asIs, asIs, request, new Metadata(), (error, answer) =>
      resolve({ code: error?.code ?? 0, answer }),
    );
  });

describe("OTLP over gRPC", () => {
  it("unpacks gzip, bounded by what comes out", async () => {
    await start();
    expect(await send(Buffer.alloc(0))).toMatchObject({ code: 0 });
    // Some hundred KiB on the wire, more than any message may be unpacked.
    expect(await send(Buffer.alloc(2 * MAX_MESSAGE_BYTES))).toMatchObject({ code: grpcStatus.resourceExhausted });
    expect(await send(Buffer.alloc(0))).toMatchObject({ code: 0 });
    expect(spans).toEqual([]);
  });

  it("refuses truncated protobuf as what nobody should send again", async () => {
    await start();
    expect(await send(Buffer.from([0x0a, 0x05, 0x12]))).toMatchObject({ code: grpcStatus.invalidArgument });
    expect(errors).toEqual([]);
  });

  it("tells partial success", async () => {
    await start({ rejected: 3, message: "why" });
    const { answer } = await send(Buffer.alloc(0));
    expect(decodeExportResponse(answer ?? Buffer.of())).toEqual({ rejected: 3, message: "why" });
  });

  it("takes what the OpenTelemetry SDK sends", async () => {
    await start();
    const sdk = new NodeSDK({
      serviceName: "sdk-agent",
      autoDetectResources: false,
      instrumentations: [],
      metricReaders: [],
      logRecordProcessors: [],
      traceExporter: new OTLPTraceExporter({ url: `http://127.0.0.1:${server.port}` }),
    });
    sdk.start();
    const tracer = trace.getTracerProvider().getTracer("test-scope", "1.2");
    const outer = tracer.startSpan("agent_execution_cycle", { attributes: { "agent.id": "a-1", n: 1.5, list: ["x"] } });
    outer.addEvent("decision_made", { payload: JSON.stringify({ rationale: "because", confidence_score: 0.5 }) });
    outer.recordException(new Error("went wrong"));
    const within = trace.setSpan(context.active(), outer);
    tracer.startSpan("chat m", { attributes: { "gen_ai.operation.name": "chat" } }, within).end();
    outer.end();
    await sdk.shutdown();
    trace.disable();
    context.disable();
    const [cycle, call] = spans.toSorted((a, b) => a.name.localeCompare(b.name));
    expect(cycle).toMatchObject({
      scope: { name: "test-scope", version: "1.2", resource: { "service.name": "sdk-agent" } },
      attributes: { "agent.id": "a-1", n: 1.5, list: ["x"] },
      events: [{ name: "decision_made" }, { name: "exception" }],
    });
    expect([call?.parentSpanId, call?.traceId]).toEqual([cycle?.spanId, cycle?.traceId]);
    const types = spans.flatMap(framesFromSpan).map(({ frame }) => frame.event_type);
    expect(types.toSorted()).toEqual(["AGENT_EXECUTION_CYCLE", "DECISION_RATIONALE", "ERROR", "MODEL_CALL"]);
  });
});
