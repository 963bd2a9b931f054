import * as z from "zod";
import { durationMs } from "#nervous-system/kernel/duration.ts";

/** The trimmer's environment, beside what every part of the pipeline takes. */
export const trimmerSettings = z.object({
  ENCHANTED_REPLAY_WINDOW: z
    .string()
    .regex(/^[1-9]\d{0,5}[mhd]$/)
    .default("24h")
    .transform(durationMs)
    .describe("how long frames stay in the stream that nobody needs any more, such as 30m, 24h or 7d"),
});
