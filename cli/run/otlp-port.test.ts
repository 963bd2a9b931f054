import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { createCallLinks } from "#nervous-system/codecs/otlp/call-links.ts";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { exportMetrics, exportTraces } from "#nervous-system/comms/grpc/methods.ts";
import { LOOPBACK } from "#nervous-system/comms/socket/listen.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { tracesJsonToWire } from "#nervous-system/codecs/otlp/traces-json-to-wire.ts";
import { hasOwnEndpoint, openOtlpPort, otlpEnvironment, type OtlpPort } from "./otlp-port.ts";

const clock = systemClock();
const traces = {
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            {
              traceId: "a".repeat(32),
              spanId: "b".repeat(16),
              name: "work",
              startTimeUnixNano: "1763701174000000000",
              endTimeUnixNano: "1763701175000000000",
            },
          ],
        },
      ],
    },
  ],
};

let port: OtlpPort;
const record = { calls: createCallLinks(), settle: () => Promise.resolve() };
const heard: Array<{ event_type: string }> = [];
const passed: string[] = [];
beforeEach(async () => {
  heard.length = 0;
  passed.length = 0;
  port = await openOtlpPort({
    at: { host: LOOPBACK, port: 0 },
    host: { clock },
    record: {
      ...record,
      hear: async (frame) => {
        heard.push(frame as { event_type: string });
        return { ok: true, seq: heard.length, eventId: "e" };
      },
    },
    beside: { passSpans: () => void passed.push("spans"), passMetrics: () => void passed.push("metrics") },
  });
});
afterEach(() => port.close());

const post = (path: string, body: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${port.port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });

describe("one port for every protocol of OTLP", () => {
  it("takes HTTP and gRPC", async () => {
    expect((await post("/v1/traces", JSON.stringify(traces))).status).toBe(200);
    const client = createGrpcClient({ address: `127.0.0.1:${port.port}`, clock });
    const request = tracesJsonToWire(Buffer.from(JSON.stringify(traces)));
    await client.unary(exportTraces, request, { deadlineMs: 10_000 });
    await client.unary(exportMetrics, Buffer.of(), { deadlineMs: 10_000 });
    client.close();
    expect(heard.map(({ event_type }) => event_type)).toEqual(["WORK", "WORK"]);
    expect(passed).toEqual(["spans", "spans", "metrics"]);
  });

  it("takes metrics without complaint, and answers what is no OTLP", async () => {
    expect((await post("/v1/metrics", "{}")).status).toBe(200);
    expect((await post("/v1/traces", "{")).status).toBe(400);
    expect((await post("/elsewhere", "{}")).status).toBe(404);
    expect(heard).toEqual([]);
  });

  it("refuses what was sent to the wrong path or is spelled wrongly, and says where it belongs", async () => {
    const refusals = [
      ["/v1/logs", JSON.stringify(traces), "belong to /v1/traces"],
      ["/v1/metrics", JSON.stringify(traces), "belong to /v1/traces"],
      [
        "/v1/traces",
        JSON.stringify(traces).replace("resourceSpans", "resource_spans"),
        'is spelled \\"resourceSpans\\"',
      ],
    ] as const;
    for (const [path, body, why] of refusals) {
      const answer = await post(path, body);
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(why)]);
    }
    const client = createGrpcClient({ address: `127.0.0.1:${port.port}`, clock });
    const request = tracesJsonToWire(Buffer.from(JSON.stringify(traces)));
    const sent = client.unary(exportMetrics, request, { deadlineMs: 10_000 });
    await expect(sent).rejects.toThrow("belong to /v1/traces");
    client.close();
    expect([heard, passed]).toEqual([[], []]);
  });

  it.each([
    ["of another site", { origin: "http://evil" }],
    ["whose name was pointed to this machine", { host: "evil" }],
  ])("refuses a web page %s", async (_, headers) => {
    const json = { "content-type": "application/json", ...headers };
    const options = { host: "127.0.0.1", port: port.port, path: "/v1/traces", method: "POST", headers: json };
    const asking = request({ ...options, agent: false }).end(JSON.stringify(traces));
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    answer.resume();
    expect([answer.statusCode, heard]).toEqual([403, []]);
  });

  it("closes while a client holds a connection that said nothing", async () => {
    const silent = connect(port.port, "127.0.0.1");
    await new Promise((resolve) => silent.once("connect", resolve));
    const cut = new Promise((resolve) => silent.once("close", resolve));
    await port.close();
    await cut;
    port = await openOtlpPort({
      at: { host: LOOPBACK, port: 0 },
      host: { clock },
      record: { ...record, hear: () => Promise.reject(new Error()) },
      beside: undefined,
    });
  });
});

describe("what the program finds", () => {
  it("is our port, unless an endpoint is set; a protocol that is set stays", () => {
    expect(hasOwnEndpoint({})).toBe(false);
    expect(hasOwnEndpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://mine" })).toBe(true);
    expect(otlpEnvironment(7, {})).toEqual({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:7",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    });
    expect(otlpEnvironment(7, { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toMatchObject({
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    });
  });

  const at = (signal: string, protocol = "http/protobuf") => ({
    [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]:
      protocol === "grpc" ? "http://127.0.0.1:7" : `http://127.0.0.1:7/v1/${signal.toLowerCase()}`,
    [`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`]: protocol,
  });
  it.each([
    ["TRACES", "METRICS", "LOGS"],
    ["METRICS", "TRACES", "LOGS"],
    ["LOGS", "TRACES", "METRICS"],
  ])("says nothing that holds for %s, too, where these go elsewhere", (own, one, other) => {
    const env = { [`OTEL_EXPORTER_OTLP_${own}_ENDPOINT`]: "http://mine:4317" };
    expect(hasOwnEndpoint(env)).toBe(false);
    expect(otlpEnvironment(7, env)).toEqual({ ...at(one), ...at(other) });
    const grpc = { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", [`OTEL_EXPORTER_OTLP_${other}_PROTOCOL`]: "http/json" };
    expect(otlpEnvironment(7, grpc)).toEqual({ ...at(one, "grpc"), ...at(other, "http/json") });
  });

  it("is nothing where every signal goes elsewhere", () => {
    const endpoints = ["TRACES", "METRICS", "LOGS"].map((signal) => [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, "x"]);
    expect(hasOwnEndpoint(Object.fromEntries(endpoints))).toBe(true);
  });

  it.each(["PROTOCOL", "HEADERS", "CERTIFICATE"])("is our port where a signal has a %s alone, which stays", (what) => {
    const env = { [`OTEL_EXPORTER_OTLP_TRACES_${what}`]: "grpc" };
    expect(hasOwnEndpoint(env)).toBe(false);
    expect(Object.keys(otlpEnvironment(7, env))).toEqual([
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OTEL_EXPORTER_OTLP_PROTOCOL",
    ]);
  });
});
