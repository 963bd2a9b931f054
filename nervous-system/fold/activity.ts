import { cut, oneLine } from "#nervous-system/kernel/cut.ts";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { tell, type ByType, type Reading, type ReadingOf } from "./read-frame.ts";

/** What an agent is doing, for people. */
export type Activity = {
  kind: string;
  /** At most 64 characters. */
  tool?: string;
  /** At most 512 characters. */
  file?: string;
  /** At most 80 characters, e.g. `Editing src/auth.ts`. */
  summary: string;
  /** The recorder's time, Unix milliseconds. */
  sinceMs: number;
};

type Told = Omit<Activity, "sinceMs">;

const maxChars = 80;
// The bounds of an Agent's status.activity: a longer name would make the API server refuse the whole status.
const maxToolChars = 64;
const maxFileChars = 512;

const summaryOf = (text: string): string => cut(oneLine(text), maxChars);

const argumentOf = (given: unknown, ...names: readonly string[]): string | undefined => {
  if (!isJsonObject(given)) return undefined;
  const found = names.map((name) => given[name]);
  return found.find((value): value is string => typeof value === "string" && value !== "");
};

const verbs: ReadonlyMap<string, string> = new Map(
  Object.entries({
    read_file: "Reading",
    list_files: "Listing",
    search: "Searching",
    write_file: "Editing",
    apply_patch: "Editing",
    run_command: "Running",
    git: "Running git",
  }),
);

const ofAction = ({ said }: ReadingOf<"ACTION">): Told => {
  const tool = said.tool || "a tool";
  const file = argumentOf(said.arguments, "path", "file");
  const object = file ?? argumentOf(said.arguments, "command", "query", "pattern", "args");
  const verb = verbs.get(tool) ?? `Using ${tool}`;
  return {
    kind: "ACTION",
    tool: cut(tool, maxToolChars),
    ...(file === undefined ? {} : { file: cut(file, maxFileChars) }),
    summary: summaryOf(object === undefined ? verb : `${verb} ${object}`),
  };
};

const ofStateChange = ({ said }: ReadingOf<"STATE_CHANGE">): Told => {
  const file = said.file_modified || "a file";
  const verb = said.change === "deleted" ? "Deleting" : "Editing";
  return { kind: "STATE_CHANGE", file: cut(file, maxFileChars), summary: summaryOf(`${verb} ${file}`) };
};

// A beat without words, as the scribe's are, is only a sign of life.
const ofHeartbeat = ({ said: { activity = "" } }: ReadingOf<"HEARTBEAT">): Told | undefined => {
  const summary = summaryOf(activity);
  return summary === "" ? undefined : { kind: "HEARTBEAT", summary };
};

const tellers: Partial<ByType<Told | undefined>> = {
  ACTION: ofAction,
  STATE_CHANGE: ofStateChange,
  THOUGHT: () => ({ kind: "THOUGHT", summary: "Thinking" }),
  DECISION_RATIONALE: () => ({ kind: "DECISION_RATIONALE", summary: "Deciding" }),
  PROPOSAL: ({ said: { title } }) => ({ kind: "PROPOSAL", summary: summaryOf(`Proposing ${title || "a change"}`) }),
  HEARTBEAT: ofHeartbeat,
  ERROR: ({ said: { message } }) => ({ kind: "ERROR", summary: summaryOf(`Error: ${message || "unknown"}`) }),
};

// Six digits fewer are milliseconds, without a detour through numbers that cannot hold nanoseconds.
/** The time of a stamp in Unix nanoseconds, in Unix milliseconds. */
export const msOf = (ns: string): number => Number(ns.slice(0, -6)) || 0;

const withoutSeconds = ({ summary }: Activity): string => summary.replaceAll(/\d+ s\b/g, "s");

/** What an agent is doing after it told `next`: a beat that differs in its seconds only goes on with what it told before. */
export const activityAfter = (before: Activity | undefined, next: Activity | undefined): Activity | undefined => {
  if (before === undefined || next === undefined) return next ?? before;
  const goesOn =
    next.kind === "HEARTBEAT" && before.kind === next.kind && withoutSeconds(before) === withoutSeconds(next);
  return goesOn ? before : next;
};

/** What a frame says its agent is doing; frames of components and of bookkeeping say nothing. */
export const activityOf = ({ observed }: Pick<Envelope, "observed">, reading: Reading): Activity | undefined => {
  const told = tell(tellers, reading);
  return told === undefined ? undefined : { ...told, sinceMs: msOf(observed) };
};
