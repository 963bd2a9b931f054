import { z } from "zod";
import { catalog } from "#nervous-system/schemas/frames/catalog.ts";
import { frameTypePattern, type FrameDefinition } from "#nervous-system/schemas/frames/define-frame.ts";

const draft = "https://json-schema.org/draft/2020-12/schema";

const payloadSchema = (definition: FrameDefinition): object => {
  const { $schema: _, ...schema } = z.toJSONSchema(definition.payload, { io: "input" });
  return schema;
};

const branch = (definition: FrameDefinition): object => ({
  if: { properties: { event_type: { const: definition.type } }, required: ["event_type"] },
  // oxlint-disable-next-line unicorn/no-thenable -- `then` is the keyword of JSON Schema, this is no promise
  then: { properties: { payload: { $ref: `#/$defs/${definition.type}` } }, required: ["payload"] },
});

/** The JSON Schema of a Context Frame as a producer writes it: `event_v1`. */
export const renderEventSchema = (): object => {
  const definitions: readonly FrameDefinition[] = Object.values(catalog);
  return {
    $schema: draft,
    $id: "https://swarm.enchanted.dev/schemas/event_v1.json",
    title: "Context Frame",
    description: "One thought, decision, message, action or state change of an agent.",
    type: "object",
    required: ["event_type"],
    properties: {
      event_id: { type: "string", minLength: 1, maxLength: 128, description: "Unique; stamped when missing." },
      timestamp: {
        type: "string",
        format: "date-time",
        description: "When it happened, RFC 3339, up to nanoseconds; stamped when missing.",
      },
      agent_id: {
        type: "string",
        minLength: 1,
        maxLength: 128,
        description: "Name of the agent; stamped when missing.",
      },
      event_type: {
        type: "string",
        pattern: frameTypePattern.source,
        description: "Type of the frame; unknown types are kept.",
      },
      related_commit_hash: {
        type: "string",
        minLength: 1,
        maxLength: 128,
        description: "Commit that the frame is about.",
      },
      parent_event_id: { type: "string", minLength: 1, maxLength: 128, description: "Frame that caused this one." },
      payload: { type: "object", description: "What the type asks for; unknown members are kept." },
    },
    allOf: definitions.map(branch),
    $defs: Object.fromEntries(definitions.map((definition) => [definition.type, payloadSchema(definition)])),
  };
};
