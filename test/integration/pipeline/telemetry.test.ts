import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Agent, request as httpsRequest } from "node:https";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exportTraces } from "#nervous-system/comms/grpc/methods.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { tracesJsonToWire } from "#nervous-system/codecs/otlp/traces-json-to-wire.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { runSink } from "#pipeline/siphon/run-sink.ts";
import { startJaeger, type JaegerServer } from "#platform/stores/jaeger.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, deadLettersOf, startTestNats, temporaryDirectory } from "./bus-harness.ts";
import { startTestCollector, type TestCollector } from "./collector-harness.ts";
import { startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { allowRecording } from "./recording-right.ts";

const cleanup = createCleanup();
let plane: TestPlane;
let nats: NatsServer;
let jaeger: JaegerServer;
let ledger: TestLedger;
let collector: TestCollector;
let namespace: string;
let token: string;
let python: string;

beforeAll(async () => {
  python = await ensurePythonEnvironment();
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  jaeger = await startJaeger({ dir: await temporaryDirectory(cleanup) });
  cleanup.add(() => jaeger.stop());
  ledger = await startTestLedger(cleanup);
  collector = await startTestCollector(plane, nats, cleanup, { traces: jaeger.otlpEndpoint });
  const stop = new AbortController();
  const bus = await connectTestBus(nats, cleanup);
  const sink = ledger.sink();
  const feeding = runSink(
    {
      kind: { name: "ledger", limits: { maxFrames: 64, maxBytes: 1 << 20, lingerMs: 20, ackWaitMs: 60_000 } },
      sink,
      bus,
      clock: systemClock(),
      random: Math.random,
      metrics: createSiphonMetrics(createRegistry()),
      log: silentLog,
      onTrouble: () => undefined,
    },
    stop.signal,
  );
  cleanup.add(async () => {
    stop.abort(new Error("stopped"));
    await feeding;
    await sink.close();
  });
  namespace = await freshNamespace(plane.admin);
  await createAccount(plane.admin, namespace, "ann");
  await allowRecording(plane, namespace, "ann");
  token = await tokenFor(plane.admin, { namespace, name: "ann" }, "enchanted-collector");
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

type Row = {
  event_type: string;
  agent_id: string;
  frame: string;
  principal: string;
  producer: string;
  trace_id: string;
};

const rowsOf = async (where: string): Promise<Array<Row & { payload: Record<string, unknown> }>> => {
  const rows = await ledger.rows<Row>(
    `SELECT event_type, agent_id, frame, principal, producer, trace_id FROM enchanted.context_frames FINAL WHERE ${where} ORDER BY event_type`,
  );
  return rows.map((row) => ({
    ...row,
    payload: (JSON.parse(row.frame) as { payload: Record<string, unknown> }).payload,
  }));
};

type Answer = { status: number; headers: Record<string, unknown>; body: string };

/** Sends one request to OTLP over HTTP. */
const post = async (path: string, body: Buffer, headers: Record<string, string>): Promise<Answer> => {
  const agent = new Agent({ ca: await readFile(collector.caFile) });
  const options = {
    method: "POST",
    host: "127.0.0.1",
    port: collector.collector.httpPort,
    path,
    agent,
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      "content-length": body.length,
      ...headers,
    },
  };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
};
const postJson = (path: string, value: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  post(path, Buffer.from(JSON.stringify(value)), headers);

const spanOf = (name: string, more: object = {}) => ({
  traceId: randomBytes(16).toString("hex"),
  spanId: randomBytes(8).toString("hex"),
  name,
  startTimeUnixNano: "1763701174000000000",
  endTimeUnixNano: "1763701175000000000",
  ...more,
});
const tracesOf = (...spans: object[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
const logsOf = (...logRecords: object[]) => ({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });

const inJaeger = async (traceId: string): Promise<string[] | undefined> => {
  const answer = await fetch(`${jaeger.queryUrl}/api/traces/${traceId}`);
  if (!answer.ok) return undefined;
  const { data } = (await answer.json()) as {
    data: Array<{
      spans: Array<{ operationName: string; logs: Array<{ fields: Array<{ key: string; value: unknown }> }> }>;
    }>;
  };
  return data[0]?.spans.flatMap(({ operationName, logs }) => [
    operationName,
    ...logs.flatMap(({ fields }) => fields.filter(({ key }) => key === "event").map(({ value }) => String(value))),
  ]);
};

describe("a program with Python's OpenTelemetry SDK", () => {
  it.each(["http", "grpc"])(
    "over %s is in the ledger and in Jaeger, decision and state change included",
    async (protocol) => {
      const port = protocol === "http" ? collector.collector.httpPort : collector.collector.port;
      const { stdout } = await promisify(execFile)(python, ["test/integration/pipeline/agent_with_otlp.py", protocol], {
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${port}`,
          OTEL_EXPORTER_OTLP_CERTIFICATE: collector.caFile,
          OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${token},enchanted-namespace=${namespace}`,
        },
      });
      const traceId = stdout.trim();
      await eventually(
        "the ledger holds the cycle",
        async () => (await rowsOf(`trace_id = '${traceId}'`)).length === 6,
      );
      const rows = await rowsOf(`trace_id = '${traceId}'`);
      expect(rows.map(({ event_type }) => event_type)).toEqual([
        "ACTION",
        "AGENT_EXECUTION_CYCLE",
        "DECISION_RATIONALE",
        "ERROR",
        "MODEL_CALL",
        "STATE_CHANGE",
      ]);
      const [action, cycle, decision, error, call, change] = rows;
      expect(decision).toMatchObject({
        agent_id: "Architect-GPT-4",
        principal: `system:serviceaccount:${namespace}:ann`,
        producer: "agent",
        payload: { reasoning: "Detected circular dependency in auth_module.", confidence_score: 0.98 },
      });
      expect(change?.payload).toMatchObject({ file_modified: "src/auth/login.py", new_state_hash: "abc-123-xyz" });
      expect(cycle?.payload).toMatchObject({ attributes: { "state.start_hash": "git-commit-998877" } });
      expect(error?.payload["message"]).toBe("cycle between login and session");
      expect(action?.payload).toMatchObject({ tool: "grep", arguments: { pattern: "login" }, ok: true });
      expect(call).toMatchObject({
        producer: "collector",
        payload: { provider: "some-provider", model: "m-1", input_tokens: 120, output_tokens: 8 },
      });
      await eventually("Jaeger has the trace", async () => ((await inJaeger(traceId)) ?? []).length >= 6);
      expect(await inJaeger(traceId)).toEqual(
        expect.arrayContaining(["agent_execution_cycle", "decision_made", "state_change_applied", "chat m-1"]),
      );
    },
    60_000,
  );
});

describe("external clients' telemetry", () => {
  it("is one frame however often, and over whichever way, it is sent", async () => {
    const span = spanOf("solo", { attributes: [{ key: "agent.id", value: { stringValue: "once" } }] });
    const json = tracesOf(span);
    for (let time = 0; time < 2; time += 1) expect((await postJson("/v1/traces", json)).status).toBe(200);
    const gzipped = await post("/v1/traces", gzipSync(JSON.stringify(json)), { "content-encoding": "gzip" });
    expect(gzipped.status).toBe(200);
    const client = collector.clientOf(token);
    await client.unary(exportTraces, tracesJsonToWire(Buffer.from(JSON.stringify(json))), { deadlineMs: 10_000 });
    await eventually("the ledger holds it", async () => (await rowsOf("agent_id = 'once'")).length === 1);
    await postJson("/v1/logs", logsOf({ eventName: "LATER", body: { stringValue: "x" } }));
    await eventually("what came after is there", async () => (await rowsOf("event_type = 'LATER'")).length === 1);
    expect(await rowsOf("agent_id = 'once'")).toHaveLength(1);
  });

  it("may be logs: text, JSON in a text, a map, and names that nobody knows", async () => {
    const kvlistValue = { values: [{ key: "sheep", value: { intValue: "3" } }] };
    const answer = await postJson(
      "/v1/logs",
      logsOf(
        {
          body: { stringValue: "plain words" },
          severityText: "WARN",
          attributes: [{ key: "agent.id", value: { stringValue: "logger" } }],
        },
        { body: { stringValue: '{"event":"THOUGHT","agent_id":"logger","text":"hm"}' } },
        {
          eventName: "enchanted.DREAM",
          body: { kvlistValue },
          attributes: [{ key: "agent.id", value: { stringValue: "logger" } }],
        },
      ),
    );
    expect(answer).toMatchObject({ status: 200, body: "{}" });
    await eventually("the ledger holds them", async () => (await rowsOf("agent_id = 'logger'")).length === 3);
    expect((await rowsOf("agent_id = 'logger'")).map(({ event_type, payload }) => [event_type, payload])).toEqual([
      ["DREAM", { sheep: 3, "agent.id": "logger" }],
      ["LOG", { text: "plain words", severity: "WARN", attributes: { "agent.id": "logger" } }],
      ["THOUGHT", { text: "hm" }],
    ]);
  });

  it("loses what it may not write to the dead letters, is told so, and keeps the rest", async () => {
    const body = { stringValue: "{}" };
    const answer = await postJson("/v1/logs", logsOf({ eventName: "PROPOSAL", body }, { eventName: "KEPT", body }));
    expect(JSON.parse(answer.body)).toEqual({
      partialSuccess: {
        rejectedLogRecords: "1",
        errorMessage: expect.stringContaining("an external client may not write PROPOSAL"),
      },
    });
    await eventually("the rest is kept", async () => (await rowsOf("event_type = 'KEPT'")).length === 1);
    expect(await rowsOf("event_type = 'PROPOSAL'")).toEqual([]);
    expect((await deadLettersOf(nats)).at(-1)?.reason).toContain("PROPOSAL");
  });

  it("is cut where it is too long for a frame, and its secrets are taken out", async () => {
    const secret = ["gh", "p_", "abcdefghijklmnopqrstuvwxyz0123456789"].join("");
    const text = `${secret} ${"long ".repeat(100_000)}`;
    await postJson("/v1/logs", logsOf({ eventName: "ESSAY", body: { stringValue: text } }));
    await eventually("it is kept", async () => (await rowsOf("event_type = 'ESSAY'")).length === 1);
    const [row] = await rowsOf("event_type = 'ESSAY'");
    expect(row?.payload["truncated"]).toBe(true);
    expect(row?.frame).toContain("[redacted:github-token] long");
    expect(row?.frame).not.toContain(secret);
  });

  it("cannot pass for another subject, a chain or the record of a mission", async () => {
    const tricks = ["a b", "x\r\nPUB context.0.a.b.c.1.THOUGHT 2", "*", ">", "a.b", "\u0000", "💣".repeat(80)];
    const spans = tricks.map((name) =>
      spanOf(name, { attributes: [{ key: "agent.id", value: { stringValue: name } }] }),
    );
    expect((await postJson("/v1/traces", tracesOf(...spans))).status).toBe(200);
    await eventually(
      "all are kept",
      async () =>
        (await rowsOf(`trace_id IN (${spans.map(({ traceId }) => `'${traceId}'`).join()})`)).length === tricks.length,
    );
    const [keys] = await ledger.rows<{ chains: string }>(
      "SELECT count() AS chains FROM enchanted.context_frames WHERE recorder = 'collector' AND (mission != '_' OR seq != 0 OR epoch != 0)",
    );
    expect(Number(keys?.chains)).toBe(0);
  });

  it("goes to Jaeger whole, although one request is larger than a message of NATS", async () => {
    const traceId = randomBytes(16).toString("hex");
    const value = { stringValue: "x".repeat(20_000) };
    const spans = Array.from({ length: 150 }, (_, n) =>
      spanOf(`part-${n}`, { traceId, attributes: [{ key: "big", value }] }),
    );
    expect((await postJson("/v1/traces", tracesOf(...spans))).status).toBe(200);
    await eventually("Jaeger has all of it", async () => (await inJaeger(traceId))?.length === 150);
  }, 60_000);

  const wrong: ReadonlyArray<[string, string, Buffer, Record<string, string>, number, RegExp]> = [
    [
      "truncated protobuf",
      "/v1/traces",
      Buffer.from([0x0a, 0x7f, 1]),
      { "content-type": "application/x-protobuf" },
      400,
      /malformed protobuf/,
    ],
    [
      "a body of 100 MiB",
      "/v1/logs",
      Buffer.alloc(100 * 1024 * 1024),
      { "content-type": "application/x-protobuf" },
      413,
      /larger than/,
    ],
    [
      "a gzip bomb",
      "/v1/logs",
      gzipSync(Buffer.alloc(64 * 1024 * 1024)),
      { "content-encoding": "gzip" },
      413,
      /larger than/,
    ],
    [
      "JSON of spans at the path of logs",
      "/v1/logs",
      Buffer.from('{"resourceSpans":[]}'),
      { "content-type": "application/json" },
      400,
      /spans, which belong to \/v1\/traces/,
    ],
    [
      "JSON in snake_case",
      "/v1/traces",
      Buffer.from('{"resource_spans":[]}'),
      { "content-type": "application/json" },
      400,
      /"resource_spans\\?" in .*"resourceSpans/,
    ],
    [
      "log records in protobuf at the path of spans",
      "/v1/traces",
      // Resource, scope, record: its time and no body.
      Buffer.from([0x0a, 13, 0x12, 11, 0x12, 9, 0x09, 1, 0, 0, 0, 0, 0, 0, 0]),
      { "content-type": "application/x-protobuf" },
      400,
      /log records, which belong to \/v1\/logs/,
    ],
    ["no token", "/v1/logs", Buffer.from("{}"), { authorization: "" }, 401, /Bearer/],
    ["a token that is none", "/v1/logs", Buffer.from("{}"), { authorization: "Bearer made-up" }, 401, /not valid/],
    [
      "another namespace",
      "/v1/logs",
      Buffer.from("{}"),
      { "enchanted-namespace": "kube-system" },
      403,
      /missions\/record/,
    ],
    [
      "a namespace that is none",
      "/v1/logs",
      Buffer.from("{}"),
      { "enchanted-namespace": "a/b" },
      400,
      /name the namespace/,
    ],
  ];
  it.each(wrong)("is refused: %s", async (_, path, body, headers, status, why) => {
    const answer = await post(path, body, headers).catch((error: NodeJS.ErrnoException) => error);
    // A client that is still sending when it is refused may only see its connection end.
    if (answer instanceof Error)
      expect([status, ["ECONNRESET", "EPIPE"].includes(answer.code ?? "")]).toEqual([413, true]);
    else expect([answer.status, answer.body]).toEqual([status, expect.stringMatching(why)]);
  });

  it("hears that nobody keeps its metrics", async () => {
    const answer = await post("/v1/metrics", Buffer.alloc(0), { "content-type": "application/x-protobuf" });
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining("metricsEndpoint")]);
  });
});
