import { createHash } from "node:crypto";
import { cut } from "#nervous-system/kernel/cut.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { activityOf, msOf } from "./activity.ts";
import type { Reading, ReadingOf } from "./read-frame.ts";
import { emptyRow, rowAfter, type Row } from "./repetition.ts";

/** An observation of which not every frame has come; without digest where one of them does not tell what was changed. */
type Observation = { readonly batch: string; readonly digest: string | undefined };

/** What an attempt did so far, as far as it tells whether the attempt gets on. */
export type WorkFold = {
  /** When it last did anything, the recorder's time, Unix milliseconds; beats are nothing done. */
  readonly activeAtMs: number;
  /** Its actions since a file changed last: tool and arguments. */
  readonly actions: Row;
  /** The last of them, for people; at most 80 characters. */
  readonly action: string;
  /** Its changes of files, one for each observation. */
  readonly changes: Row;
  /** File of the last of them; at most 128 characters. */
  readonly file: string;
  readonly partial?: Observation;
};

/** An attempt that did nothing yet. */
export const noWork: WorkFold = { activeAtMs: 0, actions: emptyRow, action: "", changes: emptyRow, file: "" };

/** Files that an agent goes to and fro between are each changed and changed back: two of them are a pattern of four changes. */
const longestPattern = 4;
const maxFileChars = 128;

const digestOf = (...parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 16);

const afterAction = (work: WorkFold, { given }: ReadingOf<"ACTION">, summary: string): WorkFold => ({
  ...work,
  actions: rowAfter(work.actions, digestOf(given.tool, given.arguments), 1),
  action: summary,
});

// The diff tells what a file was and became; without one only the tree does. What tells neither is like nothing before.
const digestOfChange = ({ said }: ReadingOf<"STATE_CHANGE">): string | undefined => {
  const told = said.patch ?? said.blob ?? said.new_state_hash;
  return told === undefined ? undefined : digestOf(said.file_modified, said.change, told);
};

const withChange = (work: WorkFold, digest: string | undefined): Row =>
  digest === undefined ? emptyRow : rowAfter(work.changes, digest, longestPattern);

/** An observation as far as it has come, with one frame more. */
const partialAfter = (before: Observation | undefined, reading: ReadingOf<"STATE_CHANGE">): Observation => {
  const batch = digestOf(reading.said.batch?.id);
  const own = digestOfChange(reading);
  if (before?.batch !== batch) return { batch, digest: own };
  const isKnown = own !== undefined && before.digest !== undefined;
  return { batch, digest: isKnown ? digestOf(before.digest, own) : undefined };
};

// The files of one observation changed together: one change, whose frames follow each other.
const afterChange = ({ partial: before, ...work }: WorkFold, reading: ReadingOf<"STATE_CHANGE">): WorkFold => {
  const { batch, file_modified: file = "" } = reading.said;
  const partial = partialAfter(before, reading);
  const changed = { ...work, actions: emptyRow, file: cut(file, maxFileChars) };
  const goesOn = batch !== undefined && batch.index < batch.count - 1;
  return goesOn ? { ...changed, partial } : { ...changed, changes: withChange(work, partial.digest) };
};

/** What an attempt has done after a frame of its own; frames of its scribe, and beats, are nothing done. */
export const workAfter = (before: WorkFold | undefined, envelope: Envelope, reading: Reading): WorkFold | undefined => {
  if (envelope.producer !== "agent" || reading.type === "HEARTBEAT") return before;
  const work = { ...(before ?? noWork), activeAtMs: msOf(envelope.observed) };
  if (reading.type === "ACTION") return afterAction(work, reading, activityOf(envelope, reading)?.summary ?? "");
  return reading.type === "STATE_CHANGE" ? afterChange(work, reading) : work;
};

/** What an attempt has done after an exchange with a model, which the gateway tells of. */
export const workAfterCall = (before: WorkFold = noWork, { observed }: Pick<Envelope, "observed">): WorkFold => ({
  ...before,
  activeAtMs: Math.max(before.activeAtMs, msOf(observed)),
});
