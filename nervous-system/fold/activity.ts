import type { ObservedFrame } from "./state.ts";
import { cut } from "#nervous-system/kernel/cut.ts";
import { kubeTime } from "#operator/status/kube-time.ts";

/** What an agent is doing, for people: the column `Doing`. */
export type Activity = {
  kind: string;
  tool?: string;
  file?: string;
  /** At most 80 characters, e.g. `Editing src/auth.ts`. */
  summary: string;
  /** RFC 3339, the recorder's time. */
  since: string;
};

type Told = Omit<Activity, "since">;
type Payload = Readonly<Record<string, unknown>>;

const maxChars = 80;
// The bounds of status.activity: a longer name would make the API server refuse the whole status.
const maxToolChars = 64;
const maxFileChars = 512;

const oneLine = (text: string): string => cut(text.replaceAll(/\s+/g, " ").trim(), maxChars);

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

const argumentOf = (payload: Payload, ...names: readonly string[]): string | undefined => {
  const given = payload["arguments"];
  if (typeof given !== "object" || given === null) return undefined;
  const found = names.map((name) => textOf((given as Payload)[name]));
  return found.find((text) => text !== undefined);
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

const ofAction = (payload: Payload): Told => {
  const tool = textOf(payload["tool"]) ?? "a tool";
  const file = argumentOf(payload, "path", "file");
  const object = file ?? argumentOf(payload, "command", "query", "pattern", "args");
  const verb = verbs.get(tool) ?? `Using ${tool}`;
  return {
    kind: "ACTION",
    tool: cut(tool, maxToolChars),
    ...(file === undefined ? {} : { file: cut(file, maxFileChars) }),
    summary: oneLine(object === undefined ? verb : `${verb} ${object}`),
  };
};

const ofStateChange = (payload: Payload): Told => {
  const file = textOf(payload["file_modified"]) ?? "a file";
  const verb = payload["change"] === "deleted" ? "Deleting" : "Editing";
  return { kind: "STATE_CHANGE", file: cut(file, maxFileChars), summary: oneLine(`${verb} ${file}`) };
};

const tellers: Readonly<Record<string, (payload: Payload) => Told>> = {
  ACTION: ofAction,
  STATE_CHANGE: ofStateChange,
  THOUGHT: () => ({ kind: "THOUGHT", summary: "Thinking" }),
  DECISION_RATIONALE: () => ({ kind: "DECISION_RATIONALE", summary: "Deciding" }),
  PROPOSAL: (p) => ({
    kind: "PROPOSAL",
    summary: oneLine(`Proposing ${textOf(p["title"]) ?? "a change"}`),
  }),
  ERROR: (p) => ({
    kind: "ERROR",
    summary: oneLine(`Error: ${textOf(p["message"]) ?? "unknown"}`),
  }),
};

const nsPerMs = 1_000_000n;

/** What the frame says its agent is doing; frames of components and of bookkeeping say nothing. */
export const activityOf = ({ envelope, payload }: ObservedFrame): Activity | undefined => {
  const tell = Object.hasOwn(tellers, envelope.event_type) ? tellers[envelope.event_type] : undefined;
  return tell === undefined
    ? undefined
    : { ...tell(payload), since: kubeTime(Number(BigInt(envelope.observed) / nsPerMs)) };
};
