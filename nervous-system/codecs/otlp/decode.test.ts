import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  anyLogs,
  anyTraces,
  encodeLogs,
  encodeTraces,
  logsByOracle,
  renderOtlpJson,
  tracesByOracle,
} from "#test/builders/otlp-oracle.ts";
import { decodeLogsRequest } from "./decode-logs.ts";
import { decodeLogs } from "./decode-records.ts";
import { decodeTraces } from "./decode-traces.ts";
import { encodeLogsRequest } from "./encode-logs.ts";
import { tracesJsonToWire } from "./traces-json-to-wire.ts";
import { parseLogRecordsJson, parseLogsJson, parseTracesJson } from "./json.ts";
import { OtlpJsonError } from "./json-values.ts";
import type { LogRecord } from "./model.ts";
import { WireError } from "./wire.ts";

const signals = [
  {
    name: "traces",
    any: anyTraces,
    encode: encodeTraces,
    ours: decodeTraces,
    oracle: tracesByOracle,
    json: parseTracesJson,
  },
  { name: "logs", any: anyLogs, encode: encodeLogs, ours: decodeLogs, oracle: logsByOracle, json: parseLogsJson },
] as const;

const attempt = (read: () => unknown): { value?: unknown; error?: unknown } => {
  try {
    return { value: read() };
  } catch (error) {
    return { error };
  }
};

describe.each(signals)("any request of $name", ({ any, encode, ours, oracle, json }) => {
  it("is read as the protobuf library reads it", () => {
    fc.assert(
      fc.property(any, (request) => {
        const bytes = encode(request);
        expect(ours(bytes)).toEqual(oracle(bytes));
      }),
      { numRuns: 100 },
    );
  });

  it("means the same as JSON", () => {
    fc.assert(
      fc.property(any, (request) => {
        expect(json(renderOtlpJson(request))).toEqual(ours(encode(request)));
      }),
      { numRuns: 100 },
    );
  });

  it("cut anywhere gives a value or a clear error", () => {
    fc.assert(
      fc.property(any, fc.nat(), (request, at) => {
        for (const [bytes, read] of [
          [encode(request), ours],
          [renderOtlpJson(request), json],
        ] as const) {
          const { error } = attempt(() => read(bytes.subarray(0, at % (bytes.length + 1))));
          if (error !== undefined && !(error instanceof WireError)) throw error;
        }
      }),
    );
  });

  it("with flipped bytes never crashes, and what both accept they read alike", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(any, flips, (request, mutations) => {
        const bytes = encode(request);
        for (const [at, value] of mutations) if (bytes.length > 0) bytes[at % bytes.length] = value;
        const mine = attempt(() => ours(bytes));
        if (mine.error !== undefined && !(mine.error instanceof WireError)) throw mine.error;
        const theirs = attempt(() => oracle(bytes));
        if (mine.error === undefined && theirs.error === undefined) expect(mine.value).toEqual(theirs.value);
      }),
      { numRuns: 500 },
    );
  });

  it("with flipped bytes in its JSON never crashes", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(127)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(any, flips, (request, mutations) => {
        const bytes = renderOtlpJson(request);
        for (const [at, value] of mutations) bytes[at % bytes.length] = value;
        const { error } = attempt(() => json(bytes));
        if (error !== undefined && !(error instanceof OtlpJsonError) && !(error instanceof WireError)) throw error;
      }),
      { numRuns: 200 },
    );
  });
});

/** The JSON of `depth` arrays, one in the other. */
const nested = (depth: number): object =>
  depth === 0 ? { boolValue: true } : { arrayValue: { values: [nested(depth - 1)] } };
const withBody = (body: unknown): object => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body }] }] }] });
const bodyOf = (body: unknown): unknown => parseLogsJson(Buffer.from(JSON.stringify(withBody(body))))[0]?.body;
const refusal = (json: string): string => {
  try {
    parseLogsJson(Buffer.from(json));
  } catch (error) {
    if (error instanceof OtlpJsonError) return error.message;
    throw error;
  }
  throw new Error("it was read");
};

/** A field of protobuf that holds `content`. */
const lengthDelimited = (number: number, content: Buffer): Buffer => {
  const length = Buffer.from([(number << 3) | 2, 0, 0, 0, 0]);
  let rest = content.length;
  for (let i = 1; i <= 4; i += 1) {
    length[i] = (rest & 0x7f) | (i < 4 ? 0x80 : 0);
    rest >>>= 7;
  }
  return Buffer.concat([length, content]);
};

describe("what a hostile sender makes of a request", () => {
  it("values nested deeper than 32 are refused, in both encodings", () => {
    expect(bodyOf(nested(32))).toEqual(
      decodeLogs(encodeLogs(withBody(nested(32)) as Record<string, unknown>))[0]?.body,
    );
    for (const read of [
      () => bodyOf(nested(33)),
      () => decodeLogs(encodeLogs(withBody(nested(33)) as Record<string, unknown>)),
    ])
      expect(read).toThrow(/nested deeper than 32/);
    const deep = "[".repeat(100_000);
    expect(refusal(deep)).toMatch(/no JSON/);
    expect(refusal(`{"resourceLogs":${deep}${"]".repeat(100_000)}}`)).toMatch(/holds what is no object: a list/);
  });

  it.each(["{},", "[],", "0,", '"",'])("a JSON of many times %s is refused before it is parsed", (word) => {
    for (const request of [
      `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${word.repeat(1_000_000)}{}]}]}]}`,
      `{"unknown":[${word.repeat(1_000_000)}{}]}`,
    ]) {
      expect(refusal(request)).toMatch(/more than \d+ values in a request of \d+ bytes; send smaller batches/);
      expect(() => tracesJsonToWire(Buffer.from(request))).toThrow(/more than \d+ values/);
    }
  });

  it("as many spans or records as exporters send are read, however small", () => {
    const records = (count: number): Buffer => Buffer.alloc(count * 2, Buffer.from([0x12, 0]));
    const request = (count: number): Buffer => lengthDelimited(1, lengthDelimited(2, records(count)));
    expect(decodeLogs(request(8_192))).toHaveLength(8_192);
    expect(decodeLogsRequest(request(8_192))).toHaveLength(8_192);
    for (const decode of [decodeLogs, decodeLogsRequest, decodeTraces])
      expect(() => decode(request(2_000_000))).toThrow(/more than \d+ values/);
  });

  it("few bytes do not become much memory", () => {
    const many = (number: number): Buffer => Buffer.alloc(8_000_000, Buffer.from([(number << 3) | 2, 0]));
    const inSpan = (number: number): Buffer => lengthDelimited(1, lengthDelimited(2, lengthDelimited(2, many(number))));
    for (const request of [
      inSpan(11),
      inSpan(9),
      lengthDelimited(1, many(2)),
      lengthDelimited(1, lengthDelimited(2, many(2))),
    ])
      expect(() => decodeTraces(request)).toThrow(
        /more than \d+ values in a request of \d+ bytes; send smaller batches/,
      );
    expect(() => decodeTraces(inSpan(15))).toThrow(/one field more than 1000 times/);
  });

  it("a member named __proto__ stays a member", () => {
    const values = [
      { key: "__proto__", value: { kvlistValue: { values: [{ key: "polluted", value: { intValue: 1 } }] } } },
    ];
    const body = bodyOf({ kvlistValue: { values } }) as object;
    expect(Object.keys(body)).toEqual(["__proto__"]);
    expect("polluted" in body).toBe(false);
  });
});

describe("OTLP/JSON", () => {
  it.each([
    ["a string", { stringValue: "é" }, "é"],
    ["an int64 as a string", { intValue: "-9223372036854775808" }, -(2n ** 63n)],
    ["an int64 as a number", { intValue: 7 }, 7],
    ["a double as a string", { doubleValue: "1.5e3" }, 1500],
    ["NaN", { doubleValue: "NaN" }, NaN],
    ["base64 of either alphabet", { bytesValue: "-_8=" }, Buffer.from([0xfb, 0xff])],
    ["null, which is no value", { stringValue: null }, undefined],
    ["a member of a newer protocol", { newValue: { a: 1 } }, undefined],
  ])("reads %s", (_name, body, expected) => expect(bodyOf(body)).toEqual(expected));

  it("keeps every digit of long integers that stand as numbers", () => {
    const record = '{"timeUnixNano": 1544712660300000001, "body": {"intValue": 9007199254740993}}';
    const [log] = parseLogsJson(Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${record}]}]}]}`));
    expect([log?.timeNs, log?.body]).toEqual([1_544_712_660_300_000_001n, 9_007_199_254_740_993n]);
  });

  it("takes ids in either case and leaves names alone that it does not know", () => {
    const span = {
      traceId: "5B8EFFF798038103D269B633813FC60C",
      spanId: "EEE19B7EC3C1B174",
      parent_span: "00",
      status: { code: 2 },
    };
    const request = { resourceSpans: [{ scopeSpans: [{ spans: [span] }], unknown: [{}] }] };
    expect(parseTracesJson(Buffer.from(JSON.stringify(request)))).toMatchObject([
      {
        traceId: "5b8efff798038103d269b633813fc60c",
        spanId: "eee19b7ec3c1b174",
        parentSpanId: "",
        status: { code: "ERROR" },
      },
    ]);
    expect([parseTracesJson(Buffer.from("{}")), parseTracesJson(Buffer.from('{"resourceSpans":null}'))]).toEqual([
      [],
      [],
    ]);
  });

  it.each([
    ["", /no JSON/],
    ["[]", /"request" is no object/],
    ['{"resourceLogs":{}}', /"resourceLogs" is no list/],
    ['{"resourceLogs":[1]}', /"resourceLogs" holds what is no object: 1/],
    [JSON.stringify(withBody({ intValue: "1.5" })), /"intValue" is no integer: "1.5"/],
    [JSON.stringify(withBody({ intValue: "9223372036854775808" })), /beyond 64 bits/],
    [JSON.stringify(withBody({ doubleValue: "toString" })), /"doubleValue" is no number: "toString"/],
    [JSON.stringify(withBody({ bytesValue: "a b" })), /"bytesValue" is no base64/],
    [JSON.stringify(withBody({ boolValue: "true" })), /"boolValue" is neither true nor false/],
    ['{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}', /"traceId" is no hex: "xyz"/],
    ['{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"SEVERITY_NUMBER_INFO"}]}]}]}', /no integer/],
  ])("refuses %s", (json, problem) => expect(refusal(json)).toMatch(problem));

  it("that is no UTF-8 is refused", () => {
    expect(() => parseLogsJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(OtlpJsonError);
  });

  it("carries sequenced frames as protobuf does", () => {
    const frame = {
      eventType: "THOUGHT",
      timeUnixNano: 1_700_000_000_000_000_001n,
      observedTimeUnixNano: 1_700_000_000_000_000_002n,
      bytes: Buffer.from('{"text":"é"}'),
      envelope: '{"seq":1}',
      prevHash: "a".repeat(64),
      hash: "b".repeat(64),
      traceId: "c".repeat(32),
      spanId: "d".repeat(16),
    };
    const [string, attribute] = [
      (stringValue: string) => ({ stringValue }),
      (key: string, text: string) => ({ key, value: { stringValue: text } }),
    ];
    const record = {
      timeUnixNano: String(frame.timeUnixNano),
      observedTimeUnixNano: String(frame.observedTimeUnixNano),
      eventName: "enchanted.THOUGHT",
      body: string(frame.bytes.toString("utf8")),
      traceId: frame.traceId.toUpperCase(),
      spanId: frame.spanId,
      attributes: [
        attribute("enchanted.envelope", frame.envelope),
        attribute("enchanted.prev_hash", frame.prevHash),
        attribute("enchanted.hash", frame.hash),
      ],
    };
    const seen = (log: LogRecord): LogRecord => ({
      bodyKind: log.bodyKind,
      timeUnixNano: log.timeUnixNano,
      observedTimeUnixNano: log.observedTimeUnixNano,
      eventName: log.eventName,
      eventType: log.eventType,
      body: log.body,
      envelopeText: log.envelopeText,
      envelope: log.envelope,
      prevHash: log.prevHash,
      hash: log.hash,
      traceId: log.traceId,
      spanId: log.spanId,
    });
    const json = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
    const byJson = parseLogRecordsJson(Buffer.from(json)).map(seen);
    expect(byJson).toEqual(decodeLogsRequest(encodeLogsRequest([frame])).map(seen));
    expect(byJson).toMatchObject([{ bodyKind: "string", eventType: "THOUGHT" }]);
  });
});
