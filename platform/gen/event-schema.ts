import * as z from "zod";
import { catalog } from "#nervous-system/schemas/frames/catalog.ts";
import type { FrameDefinition } from "#nervous-system/schemas/frames/define-frame.ts";
import { frameMembers } from "#nervous-system/schemas/frames/frame-members.ts";
import type { JsonSchema } from "#platform/gen/structural.ts";

const draft = "https://json-schema.org/draft/2020-12/schema";

// JavaScript's \d is one of ten digits; in other languages it is any digit of Unicode.
const portable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(portable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "pattern" && typeof inner === "string" ? inner.replaceAll(String.raw`\d`, "[0-9]") : portable(inner),
    ]),
  );
};

/** The JSON Schema, draft 2020-12, of what a schema takes; without `$schema`. */
export const jsonSchemaOf = (schema: z.ZodType): JsonSchema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
  return portable(rest) as JsonSchema;
};

/** A type whose members are all optional needs no payload. */
const needsPayload = (definition: FrameDefinition): boolean =>
  (jsonSchemaOf(definition.payload).required ?? []).length > 0;

const branch = (definition: FrameDefinition): object => ({
  if: { properties: { event_type: { const: definition.type } }, required: ["event_type"] },
  // oxlint-disable-next-line unicorn/no-thenable -- `then` is the keyword of JSON Schema, this is no promise
  then: {
    properties: { payload: { $ref: `#/$defs/${definition.type}` } },
    ...(needsPayload(definition) ? { required: ["payload"] } : {}),
  },
});

/** The JSON Schema of a Context Frame as a producer writes it: `event_v1`. */
export const renderEventSchema = (): object => {
  const definitions: readonly FrameDefinition[] = Object.values(catalog);
  return {
    $schema: draft,
    $id: "https://swarm.enchanted.dev/schemas/event_v1.json",
    title: "Context Frame",
    ...jsonSchemaOf(frameMembers),
    allOf: definitions.map(branch),
    $defs: Object.fromEntries(definitions.map((definition) => [definition.type, jsonSchemaOf(definition.payload)])),
  };
};
