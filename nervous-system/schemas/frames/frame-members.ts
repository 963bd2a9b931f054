import * as z from "zod";
import { frameTypePattern } from "#nervous-system/schemas/frames/define-frame.ts";

const name = (description: string): z.ZodString => z.string().min(1).max(128).describe(description);

/**
 * The members of a frame beside its payload as a producer should write them; JSON Schema, Pydantic models and the reference
 * page come from here. The recorder is milder than this: see `parseFrame`.
 */
export const frameMembers = z
  .looseObject({
    event_id: name("Unique; stamped when missing.").optional(),
    timestamp: z.iso
      .datetime({ offset: true })
      .describe("When it happened, RFC 3339, up to nanoseconds; stamped when missing.")
      .optional(),
    agent_id: name("Name of the agent; stamped when missing.").optional(),
    event_type: z.string().regex(frameTypePattern).describe("Type of the frame; unknown types are kept."),
    related_commit_hash: name("Commit that the frame is about.").optional(),
    parent_event_id: name("Frame that caused this one.").optional(),
    trace_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .describe("W3C trace that the frame belongs to; it needs the span, too.")
      .optional(),
    span_id: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .describe("W3C span that the frame belongs to.")
      .optional(),
    payload: z.record(z.string(), z.unknown()).describe("What the type asks for; unknown members are kept.").optional(),
  })
  .describe("One thought, decision, message, action or state change of an agent; only the type is required.");
