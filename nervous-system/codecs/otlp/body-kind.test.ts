import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { anyLogs, anyTraces, encodeLogs, encodeTraces } from "#test/builders/otlp-oracle.ts";
import { checkKind, type BodyKind } from "./body-kind.ts";
import { checkMetricsJson, parseLogsJson, parseTracesJson } from "./json.ts";
import { tracesJsonToWire } from "./traces-json-to-wire.ts";

const kinds = ["traces", "logs", "metrics"] as const;
const field = (number: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.of(number * 8 + 2, content.length), content]);
const metric = (name: string): Buffer => {
  const gauge = field(5, field(1, Buffer.from([0x19, 0, 0, 0, 0, 0, 0, 0, 0])));
  const item = Buffer.concat([field(1, Buffer.from(name)), field(3, Buffer.from("By")), gauge]);
  return field(1, field(2, field(2, item)));
};
const span = { traceId: "ab".repeat(16), spanId: "cd".repeat(8), name: "work", startTimeUnixNano: "1" };
const record = { timeUnixNano: "1", body: { stringValue: "hi" } };
const bodies: Readonly<Record<BodyKind, { protobuf: Buffer; json: unknown }>> = {
  traces: {
    protobuf: encodeTraces({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    json: { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] },
  },
  logs: {
    protobuf: encodeLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }),
    json: { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] },
  },
  metrics: { protobuf: metric("queue.size"), json: { resourceMetrics: [] } },
};
const readers: Readonly<Record<BodyKind, (body: Buffer) => unknown>> = {
  traces: parseTracesJson,
  logs: parseLogsJson,
  metrics: checkMetricsJson,
};
const pairs = kinds.flatMap((sent) => kinds.map((asked) => [sent, asked] as const));

describe("a body of OTLP", () => {
  it.each(pairs.filter(([sent, asked]) => sent !== asked))(
    "with %s is refused at /v1/%s, and told where it belongs",
    (sent, asked) => {
      const where = `belong to /v1/${sent}, not to /v1/${asked}`;
      expect(() => checkKind(bodies[sent].protobuf, asked)).toThrow(where);
      expect(() => readers[asked](Buffer.from(JSON.stringify(bodies[sent].json)))).toThrow(where);
    },
  );

  it.each(kinds)("with %s is taken at its path, and an empty one anywhere", (kind) => {
    for (const body of [bodies[kind].protobuf, Buffer.alloc(0), field(1, Buffer.alloc(0))])
      expect(() => checkKind(body, kind)).not.toThrow();
    for (const body of [bodies[kind].json, {}])
      expect(() => readers[kind](Buffer.from(JSON.stringify(body)))).not.toThrow();
  });

  it("is never refused where it belongs, whatever it holds, as long as its first id is one", () => {
    fc.assert(
      fc.property(anyTraces, anyLogs, (traces, logs) => {
        // A span with half an id and no times is no span.
        const id = /"traceId":"([0-9a-f]*)"/.exec(JSON.stringify(traces))?.[1] ?? "";
        fc.pre(id.length % 32 === 0);
        checkKind(encodeLogs(logs), "logs");
        checkKind(encodeTraces(traces), "traces");
      }),
    );
  });

  it.each([
    ['{"resource_spans":[]}', '"resource_spans" in "request" is spelled "resourceSpans"'],
    ['{"ResourceSpans":[]}', '"ResourceSpans" in "request" is spelled "resourceSpans"'],
    ['{"spans":[]}', 'a request to /v1/traces has the member "resourceSpans"; this one has ["spans"]'],
    ['{"resourceSpans":[{"scope_spans":[]}]}', '"scope_spans" in "resourceSpans" is spelled "scopeSpans"'],
    ['{"resourceSpans":[{"instrumentationLibrarySpans":[]}]}', 'is spelled "scopeSpans"'],
    ['{"resourceSpans":[{"scopeSpans":[{"spans":[{"trace_id":""}]}]}]}', '"trace_id" in "spans" is spelled "traceId"'],
    [
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":{"string_value":"b"}}]}]}]}]}',
      '"string_value" in "value" is spelled "stringValue"',
    ],
  ])("in another spelling is refused: %s", (body, why) => {
    expect(() => parseTracesJson(Buffer.from(body))).toThrow(why);
  });

  it("in another spelling is passed on to no backend either", () => {
    expect(() => tracesJsonToWire(Buffer.from('{"resource_spans":[]}'))).toThrow('is spelled "resourceSpans"');
  });

  it("may have members that nobody knows beside those of its path, and a spelling of before beside that of today", () => {
    const known = { ...span, trace_id: "x", links_of_mine: [] };
    const request = { resourceSpans: [{ scopeSpans: [{ spans: [known] }] }], resource_spans: [], more: 1 };
    expect(parseTracesJson(Buffer.from(JSON.stringify(request)))).toMatchObject([{ traceId: span.traceId }]);
  });
});
