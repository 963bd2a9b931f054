import * as z from "zod";

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The trimmer's environment, beside what every part of the pipeline takes. */
export const trimmerSettings = z.object({
  ENCHANTED_REPLAY_WINDOW: z
    .string()
    .regex(/^[1-9]\d{0,5}[mhd]$/)
    .default("24h")
    .transform((text) => Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? 0))
    .describe("how long frames stay in the stream that nobody needs any more, such as 30m, 24h or 7d"),
});
