import { countAt, type Json } from "./fields.ts";

const hunk = (part: Json): string => {
  const [oldStart, oldLines, newStart, newLines] = ["oldStart", "oldLines", "newStart", "newLines"].map(
    (name) => countAt(part, name) ?? 0,
  );
  const lines = Array.isArray(part["lines"]) ? part["lines"].filter((line) => typeof line === "string") : [];
  return [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`, ...lines].join("\n");
};

/** The hunks of a unified diff from `structuredPatch` of a tool's result; undefined where there are none. */
export const unifiedPatch = (parts: readonly Json[]): string | undefined =>
  parts.length === 0 ? undefined : parts.map(hunk).join("\n");
