import * as z from "zod";
import { runtime, type Runtime } from "#nervous-system/schemas/resources/runtime.ts";
import { cortexEnvironment } from "../cortex/config.ts";

const spec = z.string().transform((text, context): Runtime => {
  try {
    return runtime.parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: "custom", message: "is no JSON of a runtime" });
    return z.NEVER;
  }
});

/** The environment of what runs a program as the agent: that of the cortex, which does the same around its work. */
export const runtimeEnvironment = cortexEnvironment.extend({
  ENCHANTED_RUNTIME: spec.describe("JSON of the agent's spec.runtime"),
  ENCHANTED_AGENT_STOP_MS: z.coerce
    .number()
    .int()
    .min(1)
    .default(10_000)
    .describe("time that the wrapper gives us at SIGTERM, in milliseconds"),
});

/** The validated environment. */
export type RuntimeConfig = z.output<typeof runtimeEnvironment>;
