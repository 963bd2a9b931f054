import * as z from "zod";
import { boundedText, dnsLabel, mapList } from "#nervous-system/schemas/resources/define-resource.ts";

const redactionRule = z
  .object({
    name: dnsLabel(63, "Stands in place of what was found: [redacted:<name>]."),
    pattern: boundedText(256, "RE2; where it has a group, only the first group is cut out."),
  })
  .describe("One rule of redaction.");

/** How a mission, and each of its agents, is recorded. */
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
