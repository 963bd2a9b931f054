import * as z from "zod";
import { walCutSetting } from "#nervous-system/recorder/wal-cut.ts";

/** The summarizer's environment, beside what every part of the pipeline takes. */
export const summarizerSettings = z.object({
  ENCHANTED_RELEASE_NAMESPACE: z.string().min(1).describe("namespace that the chart is installed in"),
  ENCHANTED_POD_NAME: z.string().min(1).describe("name of this pod (metadata.name)"),
  ENCHANTED_CA_FILE: z.string().min(1).describe("PEM file with the chart's CA, for the collector"),
  ENCHANTED_COLLECTOR: z.string().min(1).default("enchanted-collector:4317").describe("host:port of the collector"),
  ENCHANTED_TOKEN_FILE: z.string().min(1).describe("projected token of audience enchanted-collector"),
  ENCHANTED_WAL_DIR: z.string().min(1).describe("directory on this component's own claim"),
  ENCHANTED_WAL_CUT: walCutSetting,
});

/** See `summarizerSettings`. */
export type SummarizerSettings = z.output<typeof summarizerSettings>;
