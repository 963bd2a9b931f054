import type { MemoryKind, MemoryProperties } from "#nervous-system/stores/weaviate/memory-collections.ts";

// An embedder reads some hundred words.
const MAX_EMBEDDED = 4_000;

/** The lines that a diff adds and removes, without their context and headers. */
const changedLines = (patch: string): string =>
  patch
    .split("\n")
    .filter((line) => /^[+-](?![+-]{2} )/.test(line))
    .map((line) => line.slice(1).trim())
    .join("\n");

const ofDiff = ({ text, files }: Pick<MemoryProperties, "text" | "files">): string => {
  const lines = changedLines(text);
  return lines === "" ? "" : `${files[0] ?? ""}\n${lines}`;
};

/** What an object's vector is made of: the same whenever it is made; of a diff without lines nothing. */
export const embeddedOf = (kind: MemoryKind, properties: Pick<MemoryProperties, "text" | "files">): string =>
  (kind === "diff" ? ofDiff(properties) : properties.text).slice(0, MAX_EMBEDDED).toWellFormed();
