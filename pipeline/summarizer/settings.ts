import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { componentRecorderSettings } from "#nervous-system/recorder/component-settings.ts";
import { createSummaryModel, type SummaryModel } from "#pipeline/summarizer/summary-model.ts";

/** The summarizer's environment, beside what every part of the pipeline takes. */
export const summarizerSettings = componentRecorderSettings.extend({
  SUMMARY_URL: z
    .url()
    .optional()
    .describe(
      "base of the endpoint that speaks chat completions, such as https://host/v1; without it no model is asked",
    ),
  SUMMARY_MODEL: z.string().min(1).optional().describe("name of the model there"),
  SUMMARY_CA_FILE: z.string().optional().describe("PEM file with the CA of the endpoint; without it the public ones"),
  SUMMARY_KEY_FILE: z.string().optional().describe("file with the key; without it none is sent"),
  SUMMARY_CALLS_PER_HOUR: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(200)
    .describe("calls for the missions of one namespace in an hour"),
});

/** See `summarizerSettings`. */
export type SummarizerSettings = z.output<typeof summarizerSettings>;

/** The model that the settings name; undefined where they name none, and a rejection where they name half of one. */
export const readSummaryModel = async (
  settings: SummarizerSettings,
  clock: Pick<Clock, "after">,
): Promise<SummaryModel | undefined> => {
  const { SUMMARY_URL: url, SUMMARY_MODEL: model, SUMMARY_KEY_FILE: keyFile } = settings;
  if (url === undefined && model === undefined) return undefined;
  if (url === undefined || model === undefined) throw new Error("SUMMARY_URL and SUMMARY_MODEL are set together");
  return createSummaryModel({
    url,
    model,
    caPem: await readOnlyCa(settings.SUMMARY_CA_FILE),
    // Read each time: a mounted Secret changes under its reader.
    readKey: async () => (keyFile === undefined ? undefined : (await readFile(keyFile, "utf8")).trim()),
    clock,
  });
};
