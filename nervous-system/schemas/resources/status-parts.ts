import * as z from "zod";
import { boundedText, mapList } from "#nervous-system/schemas/resources/define-resource.ts";

/** A time, RFC 3339. */
export const time = (description: string): z.ZodString =>
  z.string().max(40).describe(description).meta({ description, format: "date-time" });

/** A number of things, at most 2^31 - 1. */
export const count = (description: string): z.ZodInt32 => z.int32().min(0).describe(description);

/** A sequence number, or a sum that may grow large. */
export const sequence = (description: string): z.ZodNumber =>
  z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).describe(description);

/** The UID of an object. */
export const uid = (description: string): z.ZodString => z.string().max(36).describe(description);

/** A Git commit or another hash, in hex. */
export const commit = (description: string): z.ZodString => z.string().max(64).describe(description);

/** One condition, as Kubernetes writes them. */
const conditionSchema = z
  .object({
    type: boundedText(316, "Type of the condition."),
    status: z.enum(["True", "False", "Unknown"]).describe("Whether it holds."),
    reason: boundedText(1024, "Why, as one PascalCase word."),
    message: z.string().max(32768).describe("Why, for people."),
    lastTransitionTime: time("When the status last changed."),
    observedGeneration: z.int32().min(0).describe("Generation of the object that this was judged on.").optional(),
  })
  .describe("One observed condition.");

/** See `conditionSchema`. */
export type Condition = z.infer<typeof conditionSchema>;

/** The members that every status has. */
export const commonStatus = {
  observedGeneration: z
    .int32()
    .min(-1)
    .describe("Generation of the spec that this status is about; -1 before anybody has looked at it.")
    .optional(),
  conditions: mapList(conditionSchema, "type", 16, "What holds at present.").optional(),
  phase: z.string().max(32).describe("Where it stands, in one word, for people; nothing branches on it.").optional(),
  lastHandledReconcileAt: z
    .string()
    .max(128)
    .describe("Value of the annotation swarm.enchanted.dev/requestedAt that was last acted on.")
    .optional(),
};

const counted = {
  inputTokens: sequence("Tokens sent to models.").optional(),
  outputTokens: sequence("Tokens that models answered.").optional(),
  modelCalls: sequence("Exchanges with models.").optional(),
  frames: sequence("Context frames in the record.").optional(),
  costUSD: z
    .string()
    .max(32)
    .describe("Dollars that models cost, by the prices of their Models at the time; absent where none had prices.")
    .optional(),
};

/** Tokens, frames and money. */
export const usageSchema = z
  .object({
    ...counted,
    stream: time("When the stream was created whose frames are counted.").optional(),
    before: z
      .object(counted)
      .describe("What was counted in streams before it, which are gone; it is in the sums.")
      .optional(),
  })
  .describe("What was used so far.");

/** See `usageSchema`. */
export type Usage = z.output<typeof usageSchema>;
