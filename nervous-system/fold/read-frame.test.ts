import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type * as z from "zod";
import { catalog, frameTypes, type FrameType } from "#nervous-system/schemas/frames/catalog.ts";
import { anyJson, anyPayloadOf } from "#test/builders/any-payload.ts";
import { parseProduced, readFrame, readPayload, saidIn, tell, type Reading, type ReadingOf } from "./read-frame.ts";

const shapeOf = (type: FrameType): Record<string, z.ZodType> => catalog[type].payload.shape;
const namesOf = (type: FrameType): string[] => Object.keys(shapeOf(type));

/** Every payload of a type as the schema takes it, with members of a newer writer beside. */
const wholePayloads = fc
  .constantFrom(...frameTypes)
  .chain((type) =>
    fc.tuple(fc.constant(type), anyPayloadOf(catalog[type].payload), fc.dictionary(fc.string(), anyJson)),
  )
  .map(([type, payload, more]) => ({ type, payload: { ...more, ...payload } }));

const oddValues: readonly unknown[] = [
  null,
  true,
  1,
  1.5,
  -1,
  -0,
  0.5,
  2 ** 53,
  1e300,
  Number.POSITIVE_INFINITY,
  "",
  "\uD800",
  [],
  {},
  "open",
  JSON.parse('{"__proto__":{"tool":"x"},"constructor":1}'),
];
const odd = fc.constantFrom(...oddValues);

/** Payloads of which each member is right, of another kind, hostile or not there. */
const tornPayloads = fc.constantFrom(...frameTypes).chain((type) =>
  fc.record({
    type: fc.constant(type),
    payload: fc
      .tuple(
        anyPayloadOf(catalog[type].payload),
        fc.dictionary(fc.constantFrom(...namesOf(type), "__proto__", "constructor"), fc.oneof(odd, anyJson), {
          noNullPrototype: true,
        }),
      )
      .map(([right, wrong]) => ({ ...right, ...wrong })),
  }),
);

const anything = fc.oneof(fc.anything(), anyJson, odd);

const saidOf = (reading: Reading): Record<string, unknown> => (reading.type === undefined ? {} : reading.said);

describe("readPayload", () => {
  it("gives a payload that is whole member for member, and nothing that its type does not ask for", () => {
    fc.assert(
      fc.property(wholePayloads, ({ type, payload }) => {
        const asked = Object.entries(payload).filter(
          ([name, value]) => Object.hasOwn(shapeOf(type), name) && value !== undefined,
        );
        expect(saidOf(readPayload(type, payload))).toEqual(Object.fromEntries(asked));
      }),
    );
  });

  it("gives exactly the members that are as the schema says, of any other payload", () => {
    fc.assert(
      fc.property(tornPayloads, ({ type, payload }) => {
        const said = saidOf(readPayload(type, payload));
        for (const [name, schema] of Object.entries(shapeOf(type))) {
          const value = (payload as Record<string, unknown>)[name];
          const fits = value !== undefined && schema.safeParse(value).success;
          expect(Object.hasOwn(said, name)).toBe(fits);
          if (fits) expect(said[name]).toBe(value);
        }
        expect(Object.getPrototypeOf(said)).toBe(Object.prototype);
      }),
    );
  });

  it("takes of every member what its schema takes, value by value", () => {
    for (const type of frameTypes)
      for (const [name, schema] of Object.entries(shapeOf(type)))
        for (const value of oddValues)
          expect([type, name, value, name in saidOf(readPayload(type, { [name]: value }))]).toEqual([
            type,
            name,
            value,
            schema.safeParse(value).success,
          ]);
  });

  it("takes whatever stands in place of a payload, of whatever type", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...frameTypes, "constructor", "__proto__"), fc.string()),
        anything,
        (type, payload) => {
          expect(() => readPayload(type, payload)).not.toThrow();
        },
      ),
    );
  });

  it("looks at a payload's own members only: no type asks for one that every object has", () => {
    const inherited = Object.create({ tool: "inherited" }) as unknown;
    expect(readPayload("ACTION", inherited)).toMatchObject({ said: {} });
    const names = frameTypes.flatMap((type) => namesOf(type));
    expect(names.filter((name) => name in {})).toEqual([]);
  });
});

describe("readFrame", () => {
  it("is never stopped by bytes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...frameTypes, "NEW"), fc.uint8Array(), (type, bytes) => {
        expect(saidOf(readFrame(type, bytes))).toEqual({});
      }),
    );
  });

  it("reads the payload of bytes as that of their text", () => {
    fc.assert(
      fc.property(tornPayloads, ({ type, payload }) => {
        const text = JSON.stringify({ payload });
        const parsed = readPayload(type, (JSON.parse(text) as { payload: unknown }).payload);
        expect(readFrame(type, Buffer.from(text))).toEqual(parsed);
        expect(readFrame(type, text)).toEqual(parsed);
      }),
    );
  });

  it("tells what a frame of a known type says", () => {
    expect(saidIn("MESSAGE", '{"payload":{"to":"coder","text":7}}').to).toBe("coder");
    expect(saidIn("MESSAGE", "no frame")).toEqual({});
  });

  it("tells an endless number from a count", () => {
    const read = readFrame("MODEL_CALL", '{"payload":{"input_tokens":1e999,"output_tokens":7,"latency_ms":"3"}}');
    expect(read).toMatchObject({ said: { output_tokens: 7 }, given: { latency_ms: "3" } });
    expect(Object.keys(saidOf(read))).toEqual(["output_tokens"]);
  });
});

describe("parseProduced", () => {
  it("keeps the members that are texts, and the payload as it came", () => {
    const frame = { event_id: "e", event_type: "THOUGHT", timestamp: 5, agent_id: null, payload: [1], more: "x" };
    expect(parseProduced(JSON.stringify(frame))).toEqual({ event_id: "e", event_type: "THOUGHT", payload: [1] });
  });

  it.each(["", "null", "[]", '"text"', "{", "﻿{}"])("finds no frame in %j", (text) => {
    expect(parseProduced(text)).toBeUndefined();
    expect(parseProduced(Buffer.from(text))).toBeUndefined();
  });
});

describe("tell", () => {
  const table = { THOUGHT: ({ said }: ReadingOf<"THOUGHT">) => said.text ?? "silence" };

  it("answers by the type of the payload, and nothing where the table is silent", () => {
    expect(tell(table, readPayload("THOUGHT", { text: "hm" }))).toBe("hm");
    expect(tell(table, readPayload("THOUGHT", {}))).toBe("silence");
    expect(tell(table, readPayload("ACTION", { tool: "git" }))).toBeUndefined();
    expect(tell(table, readPayload("toString", { text: "hm" }))).toBeUndefined();
  });
});
