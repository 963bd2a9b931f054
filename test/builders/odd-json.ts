import fc from "fast-check";
import { frameTypes } from "#nervous-system/schemas/frames/catalog.ts";

/** Strings that readers trip over: half surrogate pairs, other ends of lines, names of the language, bounds of lengths. */
const oddString: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
  fc.uuid(),
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      "",
      " ",
      "\0",
      "\t",
      "\r",
      "\n",
      "\r\n",
      "\u0085",
      "\u2028",
      "a\u2029b",
      "\uFEFF",
      "\uFFFD",
      "\u001B[2J",
      "\uD800",
      "a\uDFFF",
      "\uDC00\uD800",
      "\uD83D\uDE00",
      "e\u0301",
      "\u202Ea",
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "null",
      "1e400",
      "-0",
      ',"enchanted":{"envelope":',
      "2026-11-28T22:00:00Z",
      "0001-01-01T00:00:00Z",
      "9999-12-31T23:59:59.999999999Z",
      "2026-02-30T25:61:61Z",
      "a".repeat(128),
      "b".repeat(129),
    ),
  },
);

/** The text of a string: escaped as little as JSON allows, or every unit of it. */
const stringText = fc
  .tuple(oddString, fc.boolean())
  .map(([text, isEscaped]) =>
    isEscaped
      ? `"${[...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`
      : JSON.stringify(text),
  );

const numberText = fc.oneof(
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map(String)
    .map((text) => text.replace("e+", "e")),
  fc.constantFrom("0", "-0", "1.0", "1e3", "1E+2", "-1e-400", "1e400", "9007199254740993", "12345678901234567890123"),
);

type Memory = { value: string };

const { value: valueText } = fc.letrec<Memory>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 4, arbitrary: stringText },
    { weight: 3, arbitrary: numberText },
    fc.constantFrom("true", "false", "null", "[]", "{}", '{"":{}}'),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
    fc
      .array(fc.tuple(stringText, tie("value")), { maxLength: 3 })
      .map((members) => `{${members.map(([key, value]) => `${key}: ${value}`).join(",")}}`),
    fc
      .tuple(fc.integer({ min: 90, max: 110 }), tie("value"))
      .map(([deep, inner]) => `${"[".repeat(deep)}${inner}${"]".repeat(deep)}`),
  ),
}));

const payloadNames =
  "text reasoning file_modified lines_added from to tool arguments ok model status input_tokens phase message fatal epoch why value __proto__ rationale tasks branch".split(
    " ",
  );
const payloadText = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.constantFrom(...payloadNames).map((name) => JSON.stringify(name)),
        stringText,
      ),
      valueText,
    ),
    {
      maxLength: 4,
    },
  )
  .map((members) => `{${members.map(([key, value]) => `${key}:${value}`).join(",")}}`);

const typeText = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...frameTypes).map((type) => JSON.stringify(type)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('"MADE_UP"', '"lower"', '"A"', `"${"A".repeat(64)}"`, `"${"A".repeat(65)}"`),
  },
  { weight: 1, arbitrary: valueText },
);

const stampNames = "event_id timestamp agent_id related_commit_hash parent_event_id trace_id span_id".split(" ");
const stampText = fc.oneof(
  stringText,
  fc.constantFrom(`"${"0a".repeat(16)}"`, `"${"0b".repeat(8)}"`, `"${"0c".repeat(20)}"`, '"2026-11-28T22:00:00.5Z"'),
  valueText,
);
const otherNames = "event seq hash prev_hash envelope enchanted flags producer __proto__ extra".split(" ");

/** Lines of JSON in the shape of a frame, whose members hold anything, stand twice, or are missing. */
export const oddFrameLine: fc.Arbitrary<string> = fc
  .record({
    type: fc.option(typeText, { freq: 12 }),
    payload: fc.option(fc.oneof({ weight: 5, arbitrary: payloadText }, valueText), { freq: 6 }),
    stamps: fc.array(fc.tuple(fc.constantFrom(...stampNames), stampText), { maxLength: 3 }),
    others: fc.array(fc.tuple(fc.constantFrom(...otherNames), valueText), { maxLength: 2 }),
    order: fc.infiniteStream(fc.nat()),
  })
  .map(({ type, payload, stamps, others, order }) => {
    const members = [...stamps, ...others].map(([key, value]) => `"${key}":${value}`);
    if (type !== null) members.push(`"event_type":${type}`);
    if (payload !== null) members.push(`"payload":${payload}`);
    const keyed = members.map((text) => ({ text, at: order.next().value as number }));
    return `{${keyed
      .toSorted((a, b) => a.at - b.at)
      .map(({ text }) => text)
      .join(",")}}`;
  });

const attributeNames =
  "gen_ai.operation.name gen_ai.request.model gen_ai.usage.input_tokens gen_ai.input.messages gen_ai.tool.name gen_ai.tool.call.arguments gen_ai.response.finish_reasons gen_ai.prompt.0.content enchanted.event_id enchanted.event_type event.name error.type service.name a.b a a.b.c".split(
    " ",
  );

const { anyValue } = fc.letrec<{ anyValue: unknown }>((tie) => ({
  anyValue: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 4, arbitrary: fc.record({ stringValue: oddString }) },
    fc.record({
      intValue: fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
    }),
    fc.record({
      doubleValue: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom("NaN", "-Infinity")),
    }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ bytesValue: fc.base64String({ maxLength: 12 }) }),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie("anyValue"), { maxLength: 3 }) }) }),
    fc.record({
      kvlistValue: fc.record({
        values: fc.array(fc.record({ key: oddString, value: tie("anyValue") }), { maxLength: 3 }),
      }),
    }),
    fc.constant({}),
  ),
}));

const attributes = fc.array(
  fc.record({ key: fc.oneof(fc.constantFrom(...attributeNames), oddString), value: anyValue }),
  { maxLength: 5 },
);
const time = fc.constantFrom("0", "1795904697437726012", "18446744073709551615");
const ids = {
  traceId: fc.constantFrom("", "0a".repeat(16), "00".repeat(16), "0a"),
  spanId: fc.constantFrom("", "0b".repeat(8), "00".repeat(8)),
};
const event = fc.record({ name: oddString, timeUnixNano: time, attributes }, { requiredKeys: [] });
const span = fc.record(
  {
    ...ids,
    parentSpanId: ids.spanId,
    name: oddString,
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes,
    events: fc.array(event, { maxLength: 2 }),
    status: fc.record({ code: fc.constantFrom(0, 1, 2, "STATUS_CODE_ERROR"), message: oddString }),
  },
  { requiredKeys: ["name"] },
);
const logRecord = fc.record(
  {
    ...ids,
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityText: oddString,
    eventName: fc.oneof(oddString, fc.constantFrom("gen_ai.client.inference.operation.details", "enchanted.THOUGHT")),
    body: anyValue,
    attributes,
  },
  { requiredKeys: [] },
);

const resource = fc.record({ attributes });

/** An ExportTraceServiceRequest in JSON whose texts and attributes hold anything. */
export const oddTraces: fc.Arbitrary<Buffer> = fc
  .record({ resource, spans: fc.array(span, { maxLength: 4 }) })
  .map(({ resource: of, spans }) =>
    Buffer.from(JSON.stringify({ resourceSpans: [{ resource: of, scopeSpans: [{ spans }] }] })),
  );

/** The same of an ExportLogsServiceRequest. */
export const oddLogs: fc.Arbitrary<Buffer> = fc
  .record({ resource, logRecords: fc.array(logRecord, { maxLength: 4 }) })
  .map(({ resource: of, logRecords }) =>
    Buffer.from(JSON.stringify({ resourceLogs: [{ resource: of, scopeLogs: [{ logRecords }] }] })),
  );

/** A text with a JSON document in it that is cut, repeated or joined with others over several lines. */
export const oddText: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(fc.oneof(oddFrameLine, valueText, oddString), fc.constantFrom("\n", "\r\n", "", " ", "\u2028"), fc.nat()),
    {
      maxLength: 8,
    },
  )
  .map((parts) =>
    parts.map(([text, end, cut]) => `${cut % 4 === 0 ? text.slice(0, cut % (text.length + 1)) : text}${end}`).join(""),
  );

const answerNames = "usage choices error message delta response type status stop_reason object".split(" ");

/** A JSON object in the shape of a model's request or answer, whose members hold anything. */
export const oddExchange: fc.Arbitrary<string> = fc
  .array(fc.tuple(fc.constantFrom(...answerNames, "model", "messages", "input", "tools", "system"), valueText), {
    maxLength: 5,
  })
  .map((members) => `{${members.map(([key, value]) => `"${key}":${value}`).join(",")}}`);
