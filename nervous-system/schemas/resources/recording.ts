import * as z from "zod";
import { boundedText, dnsLabel, duration, mapList } from "#nervous-system/schemas/resources/define-resource.ts";

const redactionRule = z
  .object({
    name: dnsLabel(63, "Stands in place of what was found: [redacted:<name>]."),
    pattern: boundedText(256, "RE2; where it has a group, only the first group is cut out."),
  })
  .describe("One rule of redaction.");

/** How an agent is recorded. */
export const recording = z
  .object({
    redact: mapList(
      redactionRule,
      "name",
      20,
      "What is cut out of the record, beside the secrets that always are.",
    ).optional(),
  })
  .describe("How it is recorded.");

/** How a mission is recorded, and what becomes of it where it is not. */
export const missionRecording = recording
  .extend({
    onLoss: z
      .enum(["Pause", "Continue"])
      .default("Pause")
      .describe(
        "What becomes of a mission with an agent that works unrecorded: Pause, its pods are stopped until a person resumes it; Continue, it is only told of (condition Recording).",
      ),
    grace: duration(
      "For how long an agent may be told to be unrecorded, such as 15m, until its mission pauses.",
    ).default("15m"),
  })
  .describe("How it is recorded; without it it pauses where an agent is not recorded for 15m.");
