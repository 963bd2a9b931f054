import * as z from "zod";

/** An image of a container, which is named by what it holds and not by a tag that moves. */
export const image = (description: string): z.ZodString =>
  z
    .string()
    .min(1)
    .max(512)
    .regex(/@sha256:[0-9a-f]{64}$/)
    .describe(description);
