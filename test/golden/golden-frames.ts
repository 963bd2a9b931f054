import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { catalog, isFrameType } from "#nervous-system/schemas/frames/catalog.ts";
import { frameMembers } from "#nervous-system/schemas/frames/frame-members.ts";

/** A frame as a producer writes it. */
export type GoldenFrame = { event_type: string; payload?: Record<string, unknown> } & Record<string, unknown>;

const placeOf = (name: string): URL => new URL(name, import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(placeOf(name), "utf8"));
const inputsOf = (folder: string): string[] =>
  readdirSync(placeOf(folder)).filter((file) => file.endsWith(".json") && !file.endsWith(".expected.json"));

/** Every good frame, several a type. */
export const goldenFrames = (): GoldenFrame[] =>
  inputsOf("frames").flatMap((file) => read(`frames/${file}`) as GoldenFrame[]);

/** The files of frames that are wrong. */
export const invalidFiles = (): string[] => inputsOf("invalid").map((file) => `invalid/${file}`);

/** The wrong frames of one file, each with what is wrong about it. */
export const invalidFrames = (file: string): Array<{ name: string; frame: unknown }> =>
  read(file) as Array<{ name: string; frame: unknown }>;

/** The brief's examples that are lines. */
export const briefLines = (): Array<{ name: string; line: string }> =>
  read("brief/lines.json") as Array<{ name: string; line: string }>;

/** The brief's examples that are spans, as OTLP carries them. */
export const briefSpans = (): Array<{ name: string; request: unknown }> =>
  read("brief/spans.json") as Array<{ name: string; request: unknown }>;

/** The brief's shell line, what its program prints, and what it writes to file descriptor 3. */
export const briefShell = (): { line: string; terminal: string; written: string } =>
  read("brief/shell.json") as { line: string; terminal: string; written: string };

/**
 * What is kept as the output of `file`: `actual` must equal it. Under ENCHANTED_UPDATE_GOLDEN=1 `actual` is kept from now on;
 * there is no other way to change it.
 */
export const keptOutput = (file: string, actual: unknown): unknown => {
  const place = placeOf(file.replace(/\.json$/, ".expected.json"));
  if (process.env["ENCHANTED_UPDATE_GOLDEN"] === "1") writeFileSync(place, `${JSON.stringify(actual, null, 2)}\n`);
  return JSON.parse(readFileSync(place, "utf8"));
};

/** What the zod schemas find wrong about a frame: where, and what kind of fault. */
export const problemsOf = (frame: unknown): string[] => {
  const members = frameMembers.safeParse(frame);
  const issues = members.success ? [] : members.error.issues;
  const found = issues.map(({ path, code }) => `${path.join(".") || "frame"}: ${code}`);
  if (!members.success) return found;
  const { event_type: type, payload = {} } = members.data;
  const judged = isFrameType(type) ? catalog[type].payload.safeParse(payload) : undefined;
  return (judged?.error?.issues ?? []).map(({ path, code }) => `${["payload", ...path].join(".")}: ${code}`);
};
