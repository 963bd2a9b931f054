import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { catalog, isFrameType, mayWrite } from "#nervous-system/schemas/frames/catalog.ts";
import { frameTypePattern } from "#nervous-system/schemas/frames/define-frame.ts";
import { maxFrameBytes, parseFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { anyLogs, anyTraces, encodeLogs, encodeTraces, renderOtlpJson } from "#test/builders/otlp-oracle.ts";
import { decodeLogs } from "./decode-records.ts";
import { decodeTraces } from "./decode-traces.ts";
import { parseLogsJson, parseTracesJson } from "./json.ts";
import { tellLogs } from "./logs-to-frames.ts";
import type { OtlpLog, OtlpSpan } from "./model.ts";
import { asProducer, framesFromSpan, type TelemetryEvent } from "./spans-to-frames.ts";

const golden = new URL("../../../test/golden/otlp/", import.meta.url);
const cases = readdirSync(golden).filter((name) => !name.endsWith(".frames.json"));
const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(name, golden), "utf8")) as Record<string, unknown>;

/** The frames that are kept; those given are from now on where goldens are made anew. */
const kept = (name: string, frames: unknown): unknown => {
  if (process.env["ENCHANTED_UPDATE_GOLDEN"] === "1")
    writeFileSync(new URL(name, golden), `${JSON.stringify(frames, null, 2)}\n`);
  return read(name);
};

/** As JSON: what a store would hold of it. */
const written = (frames: readonly TelemetryEvent[]): unknown => JSON.parse(JSON.stringify(frames));
const fromLogs = (logs: readonly OtlpLog[]): TelemetryEvent[] => [...tellLogs(logs)];
const fromSpans = (spans: readonly OtlpSpan[]): TelemetryEvent[] => spans.flatMap(framesFromSpan);

const byJson = (request: Record<string, unknown>): TelemetryEvent[] => {
  const bytes = renderOtlpJson(request);
  return "resourceLogs" in request ? fromLogs(parseLogsJson(bytes)) : fromSpans(parseTracesJson(bytes));
};

const byProtobuf = (request: Record<string, unknown>): TelemetryEvent[] =>
  "resourceLogs" in request
    ? fromLogs(decodeLogs(encodeLogs(request)))
    : fromSpans(decodeTraces(encodeTraces(request)));

const span = (over: Partial<OtlpSpan>): OtlpSpan => ({
  scope: { name: "", version: "", schemaUrl: "", resource: {} },
  traceId: "5b8efff798038103d269b633813fc60c",
  spanId: "eee19b7ec3c1b174",
  parentSpanId: "",
  name: "work",
  startNs: 1n,
  endNs: 2n,
  attributes: {},
  events: [],
  status: { code: "UNSET", message: "" },
  ...over,
});

const log = (over: Partial<OtlpLog>): OtlpLog => ({
  scope: { name: "", version: "", schemaUrl: "", resource: {} },
  traceId: "",
  spanId: "",
  timeNs: 1n,
  observedNs: 2n,
  severity: "",
  eventName: "",
  body: undefined,
  attributes: {},
  ...over,
});

const only = (frames: readonly TelemetryEvent[]): TelemetryEvent["frame"] => {
  expect(frames).toHaveLength(1);
  const [told] = frames;
  if (told === undefined) throw new Error("no frame");
  return told.frame;
};

describe.each(cases)("golden %s", (name) => {
  const request = read(name);

  it("becomes exactly these frames, whichever the encoding", () => {
    const frames = written(byJson(request));
    expect(frames).toEqual(kept(name.replace(".json", ".frames.json"), frames));
    expect(written(byProtobuf(request))).toEqual(frames);
  });

  it("has model calls and actions as the catalog wants them", () => {
    for (const { frame } of byJson(request))
      if (frame.event_type === "MODEL_CALL" || frame.event_type === "ACTION")
        expect(catalog[frame.event_type].payload.safeParse(frame.payload).error).toBeUndefined();
  });
});

/** Names that mean something, so that the interesting ways are taken often. */
const meaning = fc.constantFrom(
  "gen_ai.operation.name",
  "gen_ai.prompt.0.content",
  "gen_ai.prompt.0",
  "gen_ai.completion.1.a.b.c.d.e.f.g.h.i.j",
  "gen_ai.input.messages",
  "gen_ai.output.messages",
  "gen_ai.tool.call.arguments",
  "gen_ai.usage.input_tokens",
  "openinference.span.kind",
  "llm.output_messages.0.message.tool_calls.0",
  "traceloop.span.kind",
  "agent.id",
  "payload",
  "error.type",
);
const saying = fc.oneof(
  fc.constantFrom(
    "chat",
    "execute_tool",
    "invoke_agent",
    "LLM",
    "tool",
    "[1]",
    '{"role":5}',
    '[{"parts":{}}]',
    "",
    "429",
  ),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.jsonValue(),
  fc.constant(2n ** 60n),
  fc.constant(Buffer.from([0xff])),
);
const attributes = fc.dictionary(meaning, saying, { maxKeys: 6 });
const eventName = fc.oneof(
  fc.constantFrom("gen_ai.choice", "gen_ai.user.message", "exception", "decision_made", "__proto__"),
  fc.string({ unit: "grapheme" }),
);
const anySpan = fc
  .record({
    name: eventName,
    attributes,
    events: fc.array(fc.record({ timeNs: fc.bigInt(0n, 2n ** 64n - 1n), name: eventName, attributes }), {
      maxLength: 4,
    }),
    startNs: fc.bigInt(0n, 2n ** 64n - 1n),
    endNs: fc.bigInt(0n, 2n ** 64n - 1n),
  })
  .map(span);

const checkFrames = (frames: readonly TelemetryEvent[]): void => {
  for (const { frame } of frames) {
    expect(frame.event_type).toMatch(frameTypePattern);
    expect(frame.event_id).not.toBe("");
    expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThanOrEqual(maxFrameBytes);
    const parsed = parseFrame(frame);
    expect(parsed).toMatchObject({ ok: true, frame: { event_id: frame.event_id } });
    if (frame.event_type === "MODEL_CALL" || frame.event_type === "ACTION")
      expect(catalog[frame.event_type].payload.safeParse(frame.payload).error).toBeUndefined();
  }
};

describe("any span", () => {
  it("becomes frames that may be stored, and the same ones again", () => {
    fc.assert(
      fc.property(anySpan, (any) => {
        const frames = framesFromSpan(any);
        checkFrames(frames);
        expect(frames).toHaveLength(new Set(frames.map(({ frame }) => frame.event_id)).size);
        expect(written(framesFromSpan(any))).toEqual(written(frames));
      }),
      { numRuns: 300 },
    );
  });

  it("and any log record of any request do", () => {
    fc.assert(
      fc.property(anyTraces, anyLogs, (traces, logs) => {
        checkFrames(byProtobuf(traces));
        checkFrames(byProtobuf(logs));
        expect(written(byJson(logs))).toEqual(written(byProtobuf(logs)));
      }),
    );
  });

  it("keeps an event of an older convention that found no place in the frame of its span", () => {
    const event = { timeNs: 1n, name: "gen_ai.user.message", attributes: { content: "hi" } };
    const tool = span({ attributes: { "gen_ai.operation.name": "execute_tool" }, events: [event] });
    expect(framesFromSpan(tool).map(({ frame }) => frame.event_type)).toEqual(["GEN_AI_USER_MESSAGE", "ACTION"]);
    const whole = { "gen_ai.operation.name": "chat", "gen_ai.input.messages": "[]" };
    const types = framesFromSpan(span({ attributes: whole, events: [event] })).map(({ frame }) => frame.event_type);
    expect(types).toEqual(["GEN_AI_USER_MESSAGE", "MODEL_CALL"]);
  });
});

describe("a span of a call of a model", () => {
  const call = (attributes: OtlpSpan["attributes"], over: Partial<OtlpSpan> = {}) =>
    only(framesFromSpan(span({ attributes: { "gen_ai.request.model": "m", ...attributes }, ...over }))).payload;

  it.each(["UNSET", "OK", "ERROR"] as const)("with status %s tells no HTTP status that nobody told", (code) => {
    expect(call({}, { status: { code, message: "" } })).not.toHaveProperty("status");
    expect(call({ "http.response.status_code": 429 }, { status: { code, message: "" } })).toHaveProperty("status", 429);
  });

  it.each([
    [
      "of today",
      {
        "gen_ai.usage.cache_read.input_tokens": 50,
        "gen_ai.usage.reasoning.output_tokens": 7,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.reasoning_effort": "low",
        "gen_ai.response.time_to_first_chunk": 0.25,
      },
      { effort: "low", first_token_ms: 250 },
    ],
    [
      "of OpenLLMetry",
      { "gen_ai.usage.cache_read_input_tokens": 50, "gen_ai.usage.reasoning_tokens": 7, "llm.request.max_tokens": 100 },
      {},
    ],
    [
      "of OpenInference",
      {
        "llm.token_count.prompt_details.cache_read": 50,
        "llm.token_count.completion_details.reasoning": 7,
        "gen_ai.request.max_tokens": 100,
      },
      {},
    ],
  ])("in the words %s tells what the gateway would", (_, attributes, more) => {
    const definitions = JSON.stringify([{ type: "function", name: "read_file", description: "Reads." }]);
    const parts = [{ type: "tool_call", id: "1", name: "read_file", arguments: {} }];
    const shared = {
      "gen_ai.response.model": "m-1",
      "gen_ai.response.id": "r-1",
      "gen_ai.tool.definitions": definitions,
      "gen_ai.output.messages": JSON.stringify([{ role: "assistant", parts }]),
    };
    expect(call({ ...shared, ...attributes })).toMatchObject({
      model: "m",
      model_answered: "m-1",
      response_id: "r-1",
      cached_tokens: 50,
      reasoning_tokens: 7,
      output_limit: 100,
      tools_offered: ["read_file"],
      tools_called: ["read_file"],
      // The definitions hold more than their names.
      attributes: { "gen_ai.tool.definitions": definitions },
      ...more,
    });
  });
});

describe("ids", () => {
  it("of spans without valid ids come from what they say", () => {
    const nameless = (name: string): string => only(framesFromSpan(span({ traceId: "", spanId: "", name }))).event_id;
    expect(nameless("a")).not.toBe(nameless("b"));
    expect(nameless("a")).toBe(nameless("a"));
  });

  it("of logs are the same for the same export, and differ by every part of it", () => {
    const base = log({ body: "x", timeNs: 5n });
    const idOf = (over: Partial<OtlpLog>, index = 0): string =>
      fromLogs([...Array.from({ length: index }, () => base), { ...base, ...over }]).at(-1)?.frame.event_id ?? "";
    const scope = { ...base.scope, resource: { "service.instance.id": "2" } };
    const ids = [
      idOf({}),
      idOf({}, 1),
      idOf({ body: "y" }),
      idOf({ timeNs: 6n }),
      idOf({ eventName: "n" }),
      idOf({ traceId: "1" }),
      idOf({ spanId: "1" }),
      idOf({ attributes: { a: 1 } }),
      idOf({ scope }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(idOf({})).toBe(ids[0]);
  });

  it("that the body names are kept", () => {
    expect(only(fromLogs([log({ body: '{"event_id":"e-1","event":"THOUGHT","text":"a"}' })]))).toMatchObject({
      event_id: "e-1",
      event_type: "THOUGHT",
      payload: { text: "a" },
    });
  });
});

describe("a frame of more than 256 KiB", () => {
  const long = "x".repeat(400_000);

  it("keeps the head of its longest texts and says so", () => {
    const frame = only(
      framesFromSpan(span({ attributes: { long, short: "kept whole", escaped: "\u0001".repeat(60_000) } })),
    );
    const kept = frame.payload["attributes"] as Record<string, string>;
    expect(frame.payload).toMatchObject({ truncated: true, name: "work" });
    expect(kept["short"]).toBe("kept whole");
    expect(kept["long"]?.length).toBeGreaterThanOrEqual(16_000);
    expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThanOrEqual(maxFrameBytes);
  });

  it("is not lost when it is large by the number of its members", () => {
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`k${i}`, i]));
    const frame = only(fromLogs([log({ eventName: "big", body: many })]));
    expect(frame.payload).toMatchObject({ truncated: true, k0: 0, head: expect.stringContaining('"k9":9') });
    expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThanOrEqual(maxFrameBytes);
  });

  it("cuts no character in half", () => {
    const frame = only(fromLogs([log({ body: `a${"😀".repeat(200_000)}` })]));
    expect(frame.payload["text"]).toMatch(/^a(?:😀)+$/u);
  });
});

describe("asProducer", () => {
  const told = (event_type: string): TelemetryEvent => ({ frame: { event_id: "e", event_type, payload: {} } });

  it("calls a model call that no gateway carried a CHAT", () => {
    expect(asProducer(told("MODEL_CALL"), "agent").frame.event_type).toBe("CHAT");
    expect(asProducer(told("MODEL_CALL"), "scribe").frame.event_type).toBe("MODEL_CALL");
  });

  it("leaves no type that the producer may not write", () => {
    for (const type of [...Object.keys(catalog), "OWN_TYPE"]) {
      const renamed = asProducer(told(type), "agent").frame.event_type;
      expect(mayWrite("agent", renamed)).toBe(true);
      if (!isFrameType(type) || mayWrite("agent", type)) expect(renamed).toBe(type);
    }
    expect(asProducer(told("VERDICT"), "agent").frame.event_type).toBe("REPORTED_VERDICT");
  });
});

describe("hostile JSON in an attribute", () => {
  it("that holds more than fits into a frame stays a text", () => {
    const many = `{"a":[${"{},".repeat(120_000)}0]}`;
    const frame = only(fromLogs([log({ body: many })]));
    expect(frame.payload).toMatchObject({ truncated: true, text: expect.stringMatching(/^\{"a":\[\{\},/) });
  });

  it("nested deeper than the stack stays a text", () => {
    const payload = `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    const event = { timeNs: 1n, name: "decision_made", attributes: { payload } };
    const [frame] = framesFromSpan(span({ events: [event] }));
    expect(frame?.frame.payload).toMatchObject({ truncated: true, payload: expect.stringMatching(/^\{"a":\[\[/) });
  });
});
