import { describe, expect, it } from "@jest/globals";
import { frameTypes } from "#nervous-system/schemas/frames/catalog.ts";
import { renderEventSchema } from "#platform/gen/event-schema.ts";
import type { JsonSchema } from "#platform/gen/structural.ts";

const schema = renderEventSchema() as JsonSchema & { $defs: Record<string, JsonSchema>; allOf: unknown[] };

/** Every schema of a member, with its path. */
const membersOf = (path: string, { properties = {}, items }: JsonSchema): Array<[string, JsonSchema]> => [
  ...Object.entries(properties).flatMap(([name, inner]): Array<[string, JsonSchema]> => [
    [`${path}.${name}`, inner],
    ...membersOf(`${path}.${name}`, inner),
  ]),
  ...(items ? membersOf(`${path}[]`, items) : []),
];

describe("event_v1.json", () => {
  it("has a definition and a branch for every frame type", () => {
    expect(Object.keys(schema.$defs)).toEqual([...frameTypes]);
    expect(schema.allOf).toEqual(
      frameTypes.map((type) =>
        expect.objectContaining({
          if: { properties: { event_type: { const: type } }, required: ["event_type"] },
          // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
          then: expect.objectContaining({ properties: { payload: { $ref: `#/$defs/${type}` } } }),
        }),
      ),
    );
  });

  it("describes every member", () => {
    const all = [
      ...membersOf("", schema),
      ...Object.entries(schema.$defs).flatMap(([type, definition]) => [
        [type, definition] as [string, JsonSchema],
        ...membersOf(type, definition),
      ]),
    ];
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter(([, { description }]) => !description).map(([path]) => path)).toEqual([]);
  });

  it("refuses no member that it does not know", () => {
    expect(JSON.stringify(schema)).not.toContain('"additionalProperties":false');
  });

  it("writes patterns that mean the same in every language", () => {
    expect(JSON.stringify(schema)).not.toMatch(/"pattern":"[^"]*(\\\\[dwsb]|\(\?[=!<])/);
  });
});
