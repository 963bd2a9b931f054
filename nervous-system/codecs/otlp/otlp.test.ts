import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { otlpOracle } from "#test/builders/otlp-oracle.ts";
import { decodeLogsRequest, type LogRecordView } from "./decode-logs.ts";
import { encodeLogsRequest, encodeRecord, joinRecords, recordSize, type FrameRecord } from "./encode-logs.ts";
import { decodeExportResponse, decodeRetryMs, encodeExportResponse, encodeRetryStatus } from "./status.ts";
import { WireError } from "./wire.ts";

const Request = otlpOracle.lookupType("Logs");

type OracleValue = { value?: string; stringValue?: Uint8Array; bytesValue?: Uint8Array };
type OracleRecord = {
  timeUnixNano: { toString(): string };
  observedTimeUnixNano: { toString(): string };
  eventName: Uint8Array;
  traceId: Uint8Array;
  spanId: Uint8Array;
  body: OracleValue | null;
  attributes: Array<{ key: Uint8Array; value: OracleValue | null }>;
};
type OracleRequest = { resourceLogs: Array<{ scopeLogs: Array<{ logRecords: OracleRecord[] }> }> };

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const oracleAttribute = (record: OracleRecord, key: string): Buffer => {
  const last = record.attributes.findLast((pair) => text(pair.key) === key && pair.value?.value === "stringValue");
  return Buffer.from(last?.value?.stringValue ?? []);
};

const oracleBody = (body: OracleValue | null): { kind: string; bytes: string } => {
  const held = body?.value;
  if (held === undefined) return { kind: "none", bytes: "" };
  if (held === "stringValue") return { kind: "string", bytes: hex(body?.stringValue ?? Buffer.of()) };
  if (held === "bytesValue") return { kind: "bytes", bytes: hex(body?.bytesValue ?? Buffer.of()) };
  return { kind: "other", bytes: "" };
};

const byOracle = (bytes: Uint8Array): object[] => {
  const request = Request.decode(bytes) as unknown as OracleRequest;
  const records = request.resourceLogs.flatMap((r) => r.scopeLogs.flatMap((s) => s.logRecords));
  return records.map((record) => ({
    time: record.timeUnixNano.toString(),
    observed: record.observedTimeUnixNano.toString(),
    name: text(record.eventName),
    traceId: hex(record.traceId),
    spanId: hex(record.spanId),
    body: oracleBody(record.body),
    envelope: hex(oracleAttribute(record, "enchanted.envelope")),
    prevHash: oracleAttribute(record, "enchanted.prev_hash").toString("latin1"),
    hash: oracleAttribute(record, "enchanted.hash").toString("latin1"),
  }));
};

const seen = (record: LogRecordView): object => ({
  time: record.timeUnixNano.toString(),
  observed: record.observedTimeUnixNano.toString(),
  name: record.eventName,
  traceId: record.traceId,
  spanId: record.spanId,
  body: { kind: record.bodyKind, bytes: hex(record.body) },
  envelope: hex(record.envelope),
  prevHash: record.prevHash,
  hash: record.hash,
});
const byUs = (bytes: Uint8Array): object[] => decodeLogsRequest(Buffer.from(bytes)).map(seen);

const hexOf = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(hex);

const outgoing: fc.Arbitrary<FrameRecord> = fc.record({
  eventType: fc.constantFrom("THOUGHT", "DECISION_RATIONALE", "É_TYPE"),
  timeUnixNano: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  observedTimeUnixNano: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  bytes: fc.uint8Array({ maxLength: 300 }),
  envelope: fc.string({ unit: "grapheme", maxLength: 300 }),
  prevHash: hexOf(32),
  hash: hexOf(32),
  traceId: fc.option(hexOf(16), { nil: undefined }),
  spanId: fc.option(hexOf(8), { nil: undefined }),
});

const anyValue: fc.Arbitrary<object> = fc.oneof(
  fc.record({ stringValue: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ bytesValue: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ intValue: fc.integer() }),
  fc.record({ doubleValue: fc.double() }),
  fc.record({ boolValue: fc.boolean() }),
  fc.constant({}),
  fc.record({ arrayValue: fc.constant({ values: [{ intValue: 7 }, { boolValue: true }] }) }),
);
const keyed = fc.record({
  key: fc
    .constantFrom("enchanted.envelope", "enchanted.prev_hash", "enchanted.hash", "enchanted", "x")
    .map((key) => Buffer.from(key)),
  value: anyValue,
});
const foreignRecord = fc.record(
  {
    timeUnixNano: fc.nat(),
    severityNumber: fc.nat(24),
    severityText: fc.string().map((name) => Buffer.from(name)),
    body: anyValue,
    attributes: fc.array(keyed, { maxLength: 6 }),
    droppedAttributesCount: fc.nat(),
    flags: fc.nat(),
    traceId: fc.uint8Array({ maxLength: 16 }),
    spanId: fc.uint8Array({ maxLength: 8 }),
    observedTimeUnixNano: fc.nat(),
    eventName: fc.string().map((name) => Buffer.from(name)),
  },
  { requiredKeys: [] },
);
const foreignRequest = fc
  .array(fc.array(fc.array(foreignRecord, { maxLength: 4 }), { maxLength: 3 }), { maxLength: 3 })
  .map((resources) => ({
    resourceLogs: resources.map((scopes) => ({
      resource: { attributes: [{ key: Buffer.from("k"), value: { intValue: 1 } }] },
      schemaUrl: Buffer.from("https://opentelemetry.io/schemas/1.40.0"),
      scopeLogs: scopes.map((logRecords) => ({ scope: { name: Buffer.from("s") }, logRecords })),
    })),
  }))
  .map((request) => Buffer.from(Request.encode(Request.fromObject(request)).finish()));

describe("ExportLogsServiceRequest", () => {
  it("that we encode is read by a protobuf library, field for field", () => {
    fc.assert(
      fc.property(fc.array(outgoing, { maxLength: 5 }), (frames) => {
        const expected = frames.map((frame) => ({
          time: frame.timeUnixNano.toString(),
          observed: frame.observedTimeUnixNano.toString(),
          name: `enchanted.${frame.eventType}`,
          traceId: frame.traceId ?? "",
          spanId: frame.spanId ?? "",
          body: { kind: "string", bytes: hex(frame.bytes) },
          envelope: hex(Buffer.from(frame.envelope)),
          prevHash: frame.prevHash,
          hash: frame.hash,
        }));
        const request = encodeLogsRequest(frames);
        expect(byOracle(request)).toEqual(expected);
        expect(byUs(request)).toEqual(expected);
      }),
    );
  });

  it("of any program is read as the protobuf library reads it", () => {
    fc.assert(fc.property(foreignRequest, (request) => expect(byUs(request)).toEqual(byOracle(request))));
  });

  it("cut anywhere gives the records before the cut or a clear error", () => {
    fc.assert(
      fc.property(foreignRequest, fc.nat(), (request, at) => {
        const cut = request.subarray(0, at % (request.length + 1));
        try {
          expect(decodeLogsRequest(cut).length).toBeLessThanOrEqual(byUs(request).length);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
          expect(error.message).toMatch(/^malformed protobuf at byte \d+: /);
        }
      }),
    );
  });

  it("with flipped bytes never crashes, and what both accept they read alike", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(foreignRequest, flips, (request, mutations) => {
        const bytes = Buffer.from(request);
        for (const [at, value] of mutations) if (bytes.length > 0) bytes[at % bytes.length] = value;
        let ours: object[];
        try {
          ours = byUs(bytes);
        } catch (error) {
          if (error instanceof WireError) return;
          throw error;
        }
        let theirs: object[];
        try {
          theirs = byOracle(bytes);
        } catch {
          return; // the library also parses the fields that we only skip, and may dislike them
        }
        expect(ours).toEqual(theirs);
      }),
      { numRuns: 2000 },
    );
  });

  it("with a body that stands twice, or a member of a wrong wire type, is read as the library reads it", () => {
    const message = (field: number, content: number[]): number[] => [field * 8 + 2, content.length, ...content];
    const withRecord = (...record: number[][]): Buffer =>
      Buffer.from(message(1, message(2, message(2, record.flat()))));
    const text = message(1, [0x61]);
    const number = [3 * 8, 7];
    for (const request of [
      withRecord(message(5, text), message(5, [])),
      withRecord(message(5, text), message(5, number)),
      withRecord(message(5, number), message(5, text)),
      withRecord(message(5, [...text, ...message(2, [1])])),
      withRecord(
        message(6, [...message(1, [...Buffer.from("enchanted.hash")]), ...message(2, text), ...message(2, [])]),
      ),
    ])
      expect(byUs(request)).toEqual(byOracle(request));
  });

  it("announcing more than it holds is refused without allocating it", () => {
    const huge = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(() => decodeLogsRequest(huge)).toThrow(/value of 4294967295 bytes, 0 left/);
    expect(() => decodeLogsRequest(Buffer.alloc(11, 0xff))).toThrow(/varint longer than 10 bytes/);
    expect(() => decodeLogsRequest(Buffer.from([0x0b]))).toThrow(/wire type 3/);
    expect(() => decodeLogsRequest(Buffer.from([0x02, 0x00]))).toThrow(/field number/);
  });

  it("grows by exactly the size that was announced for a frame", () => {
    fc.assert(
      fc.property(outgoing, (frame) => {
        const one = recordSize(frame);
        const body = encodeLogsRequest([frame, frame]).length - encodeLogsRequest([frame]).length;
        expect(body - one).toBeLessThanOrEqual(11); // its tag and length, longer lengths of the two enclosing messages
        expect(body - one).toBeGreaterThanOrEqual(2);
        expect(encodeRecord(frame)).toHaveLength(one);
      }),
    );
  });

  it("takes records for neighbours only where their own tag and length stand between them", () => {
    const shared = Buffer.alloc(64, 7);
    const [one, two] = [shared.subarray(0, 10), shared.subarray(12, 22)];
    const apart = joinRecords([Buffer.from(one), Buffer.from(two)]);
    expect(joinRecords([one, two]).equals(apart)).toBe(true);
    shared.set([0x12, 10], 10);
    expect(joinRecords([one, two]).equals(apart)).toBe(true);
  });

  it("joins records as they came into the request that they came in", () => {
    fc.assert(
      fc.property(fc.array(outgoing, { maxLength: 5 }), (frames) => {
        const request = encodeLogsRequest(frames);
        const records = decodeLogsRequest(request).map(({ raw }) => raw);
        expect(records).toEqual(frames.map(encodeRecord));
        expect(joinRecords(records).equals(request)).toBe(true);
      }),
    );
  });
});

describe("responses", () => {
  const Response = otlpOracle.lookupType("Response");
  const Status = otlpOracle.lookupType("RpcStatus");
  const RetryInfo = otlpOracle.lookupType("RetryInfo");

  it("of partial success agree with the protobuf library both ways", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.string(), (rejected, message) => {
        const bytes = encodeExportResponse({ rejected, message });
        const read = Response.toObject(Response.decode(bytes), { longs: Number, defaults: true });
        expect(read["partialSuccess"]).toEqual({ rejectedLogRecords: rejected, errorMessage: message });
        const theirs = Response.encode({
          partialSuccess: { rejectedLogRecords: rejected, errorMessage: message },
        }).finish();
        expect(decodeExportResponse(Buffer.from(theirs))).toEqual({ rejected, message });
      }),
    );
    expect(decodeExportResponse(encodeExportResponse())).toBeUndefined();
  });

  it("asking for a retry agree with the protobuf library both ways", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.string(), (retryMs, message) => {
        const bytes = encodeRetryStatus(14, message, retryMs);
        const status = Status.toObject(Status.decode(bytes), { defaults: true, longs: Number });
        expect([status["code"], status["message"]]).toEqual([14, message]);
        const [detail] = status["details"] as Array<{ type_url: string; typeUrl: string; value: Uint8Array }>;
        expect(detail?.typeUrl).toBe("type.googleapis.com/google.rpc.RetryInfo");
        const info = RetryInfo.toObject(RetryInfo.decode(detail?.value ?? Buffer.of()), {
          longs: Number,
          defaults: true,
        });
        const delay = info["retryDelay"] as { seconds: number; nanos: number };
        expect(delay.seconds * 1000 + delay.nanos / 1e6).toBeCloseTo(retryMs, 6);
        const theirs = Status.encode({
          code: 14,
          details: [
            {
              typeUrl: "type.googleapis.com/google.rpc.RetryInfo",
              value: RetryInfo.encode({ retryDelay: delay }).finish(),
            },
          ],
        }).finish();
        expect(decodeRetryMs(Buffer.from(theirs))).toBeCloseTo(retryMs, 6);
      }),
    );
  });
});
