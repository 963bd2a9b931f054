import { describe, expect, it } from "@jest/globals";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import protobuf from "protobufjs";
import { catalog, frameTypes } from "#nervous-system/schemas/frames/catalog.ts";
import { parseFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { ProducedFrameSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { anyJson, anyPayloadOf } from "#test/builders/any-payload.ts";
import { decodeProducedFrame, encodeProducedFrame } from "./produced-frame-codec.ts";

const root = new protobuf.Root().loadSync("nervous-system/schemas/proto/context.proto", { keepCase: true });
/** Another library's reading of the same .proto files, as another producer would have it. */
const oracle = root.lookupType("enchanted.v1.ProducedFrame");

const parsed = (bytes: Buffer): unknown => {
  const decoded = decodeProducedFrame(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  const { frame, payloadJson } = decoded;
  return parseFrame(payloadJson === undefined ? frame : { ...frame, payload: JSON.parse(payloadJson) as unknown });
};

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const hex = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length / 2, maxLength: length / 2 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const headers = fc.record(
  {
    event_id: fc.uuid(),
    timestamp: fc.constant("2026-11-21T04:59:34.123456789Z"),
    agent_id: text,
    related_commit_hash: hex(40),
    parent_event_id: fc.uuid(),
    trace_id: hex(32),
    span_id: hex(16),
  },
  { requiredKeys: [] },
);

/** google.protobuf.Value as the other library takes it. */
const valueMessage = (value: unknown): Record<string, unknown> => {
  if (value === null) return { nullValue: 0 };
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number") return { numberValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(valueMessage) } };
  const entries = Object.entries(value as object).map(([key, inner]) => [key, valueMessage(inner)]);
  return { structValue: { fields: Object.fromEntries(entries) as object } };
};

const isOptionalList = (type: keyof typeof catalog, name: string): boolean =>
  (catalog[type].payload.shape as Record<string, { def: { type: string } }>)[name]?.def.type === "optional";

/** The payload without what protobuf cannot tell from nothing: an empty list that may be absent. */
const withoutEmptyLists = (type: keyof typeof catalog, payload: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(payload).filter(
      ([name, value]) => !(Array.isArray(value) && value.length === 0 && isOptionalList(type, name)),
    ),
  );

const byOracle = (type: keyof typeof catalog, payload: Record<string, unknown>): Buffer => {
  const body = type === "ACTION" ? { ...payload, arguments: valueMessage(payload["arguments"]) } : payload;
  return Buffer.from(oracle.encode(oracle.fromObject({ event_type: type, [type.toLowerCase()]: body })).finish());
};

/** Lists inside of lists that are empty are absent, too. */
const nestedListsFilled = (payload: Record<string, unknown>): boolean =>
  !JSON.stringify(payload["tasks"] ?? null).includes('"depends_on":[]');

const types = frameTypes.map((type) => [type] as const);

describe("a frame in protobuf", () => {
  it.each(types)("of type %s comes to what its JSON comes to", (type) => {
    fc.assert(
      fc.property(anyPayloadOf(catalog[type].payload), headers, (payload, members) => {
        const frame = { event_type: type, ...members, payload };
        expect(parsed(encodeProducedFrame(frame))).toEqual(parseFrame(frame));
      }),
      { numRuns: 60 },
    );
  });

  it.each(types)("of type %s that another library wrote comes to what its JSON comes to", (type) => {
    fc.assert(
      fc.property(anyPayloadOf(catalog[type].payload).filter(nestedListsFilled), (any) => {
        const payload = withoutEmptyLists(type, any);
        expect(parsed(byOracle(type, payload))).toEqual(parseFrame({ event_type: type, payload }));
      }),
      { numRuns: 60 },
    );
  });

  it("comes to what its JSON comes to, whatever members it has and wherever they stand", () => {
    const names = fc.constantFrom("text", "event", "payload", "timestamp", "trace_id", "event_id", "seq", "rationale");
    const members = fc.dictionary(fc.oneof(names, text), anyJson, { maxKeys: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...frameTypes, "DREAM"), members, (event_type, others) => {
        const frame = { ...others, event_type };
        expect(parsed(encodeProducedFrame(frame))).toEqual(parseFrame(frame));
      }),
    );
  });

  it.each([
    ["text that is not Unicode", { text: "\uD800" }],
    ["a number that JSON does not have", { text: "hm", of: Number.NaN }],
    ["a member that is a date", { text: "hm", at: new Date(0) }],
    ["an empty list that protobuf cannot tell from none", { text: "hm", rejected_alternatives: [] }],
  ])("keeps %s as JSON would", (_, payload) => {
    for (const event_type of ["THOUGHT", "DECISION_RATIONALE"]) {
      const frame = { event_type, payload };
      expect(parsed(encodeProducedFrame(frame))).toEqual(parseFrame(JSON.parse(JSON.stringify(frame))));
    }
  });

  it("keeps members and types that events.proto does not know", () => {
    const newer = { event_type: "THOUGHT", payload: { text: "hm", mood: { calm: 1.5 } } };
    expect(parsed(encodeProducedFrame(newer))).toMatchObject({ ok: true, frame: newer });
    const unknown = { event_type: "DREAM", payload: { sheep: 3 } };
    expect(parsed(encodeProducedFrame(unknown))).toMatchObject({ ok: true, frame: unknown, flags: ["unknown_type"] });
  });

  it("keeps fields of a newer writer as the bytes they came in, in the frame and inside of its body", () => {
    const field = Buffer.from([0x98, 0x06, 0x07]); // number 99, varint 7
    const thought = Buffer.concat([Buffer.from([0x0a, 2]), Buffer.from("hm"), field]);
    const message = Buffer.concat([Buffer.from([0x82, 0x01, thought.length]), thought, field]);
    const kept = field.toString("base64");
    expect(decodeProducedFrame(message)).toEqual({
      ok: true,
      frame: {
        event_type: "THOUGHT",
        protobuf_unknown_fields: kept,
        payload: { text: "hm", protobuf_unknown_fields: kept },
      },
    });
  });

  it("keeps a body that only a newer writer has, under the type that it names", () => {
    const dream = Buffer.from([0xca, 0x08, 2, 0x08, 1]); // field 137, a message
    const message = Buffer.concat([Buffer.from([0x22, 5]), Buffer.from("DREAM"), dream]);
    expect(parsed(message)).toEqual({
      ok: true,
      frame: { event_type: "DREAM", payload: { protobuf_unknown_fields: dream.toString("base64") } },
      flags: ["unknown_type"],
    });
  });

  it("says its type by its typed body alone", () => {
    const message = create(ProducedFrameSchema, { body: { case: "thought", value: { text: "hm" } } });
    expect(decodeProducedFrame(toBinary(ProducedFrameSchema, message))).toEqual({
      ok: true,
      frame: { event_type: "THOUGHT", payload: { text: "hm" } },
    });
  });

  it("keeps a number above 2^53 exactly, as text", () => {
    const message = create(ProducedFrameSchema, {
      body: { case: "gap", value: { epoch: 1n, from: 2n ** 53n + 1n, to: 2n ** 64n - 1n, why: "x" } },
    });
    expect(decodeProducedFrame(toBinary(ProducedFrameSchema, message))).toMatchObject({
      frame: { payload: { epoch: 1, from: "9007199254740993", to: "18446744073709551615" } },
    });
  });

  it("is smaller than JSON where it is typed", () => {
    const frame = {
      event_type: "STATE_CHANGE",
      payload: { file_modified: "src/auth/login.py", lines_added: 15, lines_removed: 4, new_state_hash: "abc-123-xyz" },
    };
    expect(encodeProducedFrame(frame).length).toBeLessThan(JSON.stringify(frame).length / 2);
  });
});

describe("what is no frame", () => {
  const deep = (levels: number): Buffer => {
    let value = Buffer.alloc(0);
    for (let at = 0; at < levels; at += 1) {
      const list = Buffer.concat([lengthOf(0x0a, value), value]);
      value = Buffer.concat([lengthOf(0x32, list), list]);
    }
    const action = Buffer.concat([lengthOf(0x12, value), value]);
    return Buffer.concat([Buffer.from([0xa2, 0x01]), lengthOf(undefined, action), action]);
  };
  const lengthOf = (tag: number | undefined, bytes: Buffer): Buffer => {
    const writer = protobuf.Writer.create().uint32(bytes.length);
    return Buffer.concat([Buffer.from(tag === undefined ? [] : [tag]), Buffer.from(writer.finish())]);
  };

  it.each([
    ["a text that is not UTF-8", Buffer.from([0x22, 2, 0xff, 0xfe])],
    ["a payload_json that is not UTF-8", Buffer.from([0x22, 1, 0x41, 0x4a, 2, 0xff, 0xfe])],
    ["an impossible tag", Buffer.from([0x07])],
    ["a value nested 20,000 deep", deep(20_000)],
  ])("is refused: %s", (_, bytes) => {
    expect(decodeProducedFrame(bytes)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^the message is no ProducedFrame: /),
    });
  });

  it("is refused when it is cut anywhere inside of a field, and never breaks its reader", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodeProducedFrame(bytes);
        expect(decoded.ok || decoded.reason.length > 0).toBe(true);
      }),
    );
    const whole = encodeProducedFrame({ event_type: "THOUGHT", payload: { text: "hm" } });
    expect(decodeProducedFrame(whole.subarray(0, whole.length - 1))).toMatchObject({ ok: false });
  });
});
