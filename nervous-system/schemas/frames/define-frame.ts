import * as z from "zod";

/** Who may write frames; the last of them only GAPs in place of what it refused. */
export const producers = ["agent", "scribe", "gateway", "siphon", "supervisor", "operator", "collector"] as const;

/** See `producers`. */
export type Producer = (typeof producers)[number];

/** A frame type is UPPER_SNAKE, at most 64 characters. */
export const frameTypePattern = /^[A-Z][A-Z0-9_]{0,63}$/;

/** One type of frame: its name, who may write it, and the shape of its payload. */
export type FrameDefinition<T extends string = string, P extends z.ZodType = z.ZodType> = {
  type: T;
  description: string;
  producers: readonly Producer[];
  payload: P;
};

/** Declares a frame type; the members of the payload that the schema does not know are kept. */
export const defineFrame = <T extends string, S extends z.ZodRawShape>(definition: {
  type: T;
  description: string;
  producers: readonly Producer[];
  payload: S;
}): FrameDefinition<T, z.ZodObject<S, z.core.$loose>> => ({
  ...definition,
  payload: z.looseObject(definition.payload).describe(definition.description),
});

/** A text of any length up to a frame's own bound; longer ones go to a blob. */
export const text = (description: string): z.ZodString => z.string().describe(description);

/** A content address: `sha256:` and 64 hex digits. */
export const digest = (description: string): z.ZodString =>
  z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .describe(description);

/** A count, zero or more. */
export const count = (description: string): z.ZodNumber => z.number().int().min(0).describe(description);

/** A list of texts. */
export const texts = (description: string): z.ZodArray<z.ZodString> => z.array(z.string()).describe(description);
