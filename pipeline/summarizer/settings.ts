import type * as z from "zod";
import { componentRecorderSettings } from "#nervous-system/recorder/component-settings.ts";

/** The summarizer's environment, beside what every part of the pipeline takes. */
export const summarizerSettings = componentRecorderSettings;

/** See `summarizerSettings`. */
export type SummarizerSettings = z.output<typeof summarizerSettings>;
