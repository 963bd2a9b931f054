import { printable } from "../printable.ts";
import type { Came } from "./came.ts";

/** How often something was met, by its name. */
export type Counts = Record<string, number>;

/** What one file's import came to. */
export type Outcome = {
  file: string;
  /** Where it was imported to, in words. */
  destination: string;
  agent?: string;
  session?: string;
  /** Frames that the file makes, each once; those of them that are new at the destination, that it had before, and that a collector refused. */
  frames: number;
  added: number;
  known: number;
  refused: number;
  types: Counts;
  /** Entries that make no frame: they are about the program itself, or another entry tells the same. */
  leftOut: Counts;
  /** Entries that are not understood, and are kept as IMPORTED_ENTRY. */
  kept: Counts;
  /** Lines that nothing could be made of, the first ones. */
  unread: Array<{ line: number; why: string }>;
  unreadCount: number;
  /** Calls of tools whose result is not in the file yet. */
  open: number;
  /** Why the import ended early, or frames are not at their place yet. */
  trouble?: string;
};

/** The trouble of an import that a signal ended. */
export const INTERRUPTED = "it was interrupted: import again for the rest";

const MOST_UNREAD = 20;

/** An outcome of nothing yet. */
export const emptyOutcome = (file: string, destination: string): Outcome => ({
  file,
  destination,
  frames: 0,
  added: 0,
  known: 0,
  refused: 0,
  types: {},
  leftOut: {},
  kept: {},
  unread: [],
  unreadCount: 0,
  open: 0,
});

/** Adds what became of the frames of one chain. */
export const countCame = (outcome: Outcome, { added, known, refused }: Came): void => {
  outcome.added += added;
  outcome.known += known;
  outcome.refused += refused;
};

/** Counts one more. */
export const countIn = (counts: Counts, name: string): void => {
  const key = name.slice(0, 80);
  counts[key] = (Object.hasOwn(counts, key) ? (counts[key] ?? 0) : 0) + 1;
};

/** Counts a frame that the file tells; one that it told before is the same, and no further one. */
export const countFrame = (outcome: Outcome, type: string, isRepeated: boolean): void => {
  if (isRepeated) return countIn(outcome.leftOut, "repeated");
  outcome.frames += 1;
  countIn(outcome.types, type);
};

/** Notes a line that nothing could be made of. */
export const noteUnread = (outcome: Outcome, line: number, why: string): void => {
  outcome.unreadCount += 1;
  if (outcome.unread.length < MOST_UNREAD) outcome.unread.push({ line, why });
};

const total = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

const listed = (counts: Counts): string =>
  Object.entries(counts)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");

/** Whether everything in the file is at its place. */
export const isWhole = ({ unreadCount, trouble }: Outcome): boolean => unreadCount === 0 && trouble === undefined;

const cameTo = ({ destination, added, known, refused }: Outcome): string =>
  [
    `${added} new ${destination}`,
    ...(known > 0 ? [`${known} known there`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ].join(", ");

/** The lines for people; what the file says is printed without what a terminal could obey. */
export const renderOutcome = (outcome: Outcome): string[] => {
  const { file, agent, session, frames, types, leftOut, kept, unread, unreadCount, open, trouble } = outcome;
  const what = [agent, session].filter((part) => part !== undefined).join(" ");
  const first = `${file}: ${what}: ${frames} frame(s), ${cameTo(outcome)}: ${listed(types)}`.replace(/[: ]+$/, "");
  const more: string[] = [];
  if (total(kept) > 0) more.push(`not understood, kept as IMPORTED_ENTRY: ${listed(kept)}`);
  if (total(leftOut) > 0) more.push(`of the program itself, or told by another entry: ${listed(leftOut)}`);
  if (open > 0) more.push(`${open} call(s) of tools have no result yet: import again when they have`);
  for (const { line, why } of unread) more.push(`${file}:${line}: not read: ${why}`);
  if (unreadCount > unread.length) more.push(`${unreadCount - unread.length} more line(s) were not read`);
  if (trouble !== undefined) more.push(trouble);
  return [printable(first), ...more.map((line) => `  ${printable(line)}`)];
};
