import { posix } from "node:path";
import { known, type Json } from "./fields.ts";

/** The agents whose session files are read. */
export type AgentName = "codex" | "claude-code" | "gemini-cli" | "opencode";

/** A fact of a session file. */
export type SessionFrame = {
  /** Which one it is in its session; always the same for the same fact. */
  key: string;
  /** When the agent says it was, RFC 3339. */
  at?: string | undefined;
  type: string;
  payload: Json;
  /** The session that a fork has it from. */
  copiedFrom?: string | undefined;
};

/** Where what a session file tells goes to. Each key is told once. */
export type SessionOut = {
  tell(frame: SessionFrame): void;
  /** An entry that is understood and makes no frame: it is about the program itself, or another entry tells the same. */
  leaveOut(what: string): void;
  /** An entry that is not understood: it is kept as it is. */
  keep(what: string, entry: Pick<SessionFrame, "key" | "at" | "copiedFrom"> & { value: unknown }): void;
};

/** Reads the entries of one agent's session, in their order. */
export type SessionReader = {
  take(entry: Json, line: number): void;
  /** Tells what waited for more of the session. */
  end?(): void;
  /** How many calls of tools have no result yet. */
  open(): number;
};

/** What is known of a change of a file. */
export type ToldChange = {
  path: string;
  change: "added" | "modified" | "deleted" | "renamed";
  oldPath?: string | undefined;
  patch?: string | undefined;
  /** Lines; counted in the patch where they are absent. */
  added?: number;
  removed?: number;
};

/** What takes an entry, by the entry's type. */
export type Takers<Where> = Readonly<Record<string, (value: Json, where: Where) => void>>;

/** What takes an entry of a type; undefined where none does. */
export const takerOf = <Where>(takers: Takers<Where>, type: string): Takers<Where>[string] | undefined =>
  Object.hasOwn(takers, type) ? takers[type] : undefined;

const linesOf = (patch: string, sign: "+" | "-"): number =>
  patch.split("\n").filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length;

/** A path as it is from the directory that the agent works in, where it is below it. */
const pathFrom = (directory: string | undefined, path: string): string => {
  if (directory === undefined || !path.startsWith("/")) return path;
  const relative = posix.relative(directory, path);
  return relative === "" || relative.startsWith("../") ? path : relative;
};

/** The payload of a change that a tool made. */
export const changePayload = (told: ToldChange, directory: string | undefined, tool: string): Json => {
  const { patch } = told;
  const counted = patch === undefined ? {} : { added: linesOf(patch, "+"), removed: linesOf(patch, "-") };
  const { added, removed } = { ...counted, ...told };
  return known({
    file_modified: pathFrom(directory, told.path),
    change: told.change,
    old_path: told.oldPath === undefined ? undefined : pathFrom(directory, told.oldPath),
    lines_added: added,
    lines_removed: removed,
    patch,
    observed_by: tool,
  });
};

/** The payload of words from one to the other: a person is `user`. */
export const messagePayload = (from: string, to: string, text: string): Json => ({
  from,
  to,
  channel: "session",
  text,
});
