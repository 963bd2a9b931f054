import { cut, oneLine } from "#nervous-system/kernel/cut.ts";
import { withoutRecalled } from "#pipeline/summarizer/recalled-words.ts";
import type { Told, Window } from "#pipeline/summarizer/window.ts";

/** The payload of a LESSON that was made of frames. */
export type LearnedPayload = {
  readonly state: "learned";
  readonly text: string;
  readonly sources: readonly string[];
  readonly libraries: readonly string[];
  readonly files: readonly string[];
  readonly summarizer: "extractive";
};

// An embedder reads some hundred words, and the problem is what somebody else's words are compared with.
const MAX_PROBLEM = 1_200;
/** Lines of a lesson that nobody's choice of words makes, those before the words and those behind. */
const COMPUTED = { before: ["Problem: "], after: ["Changed: ", "Outcome: "] } as const;
const MOST_SOURCES = 32;

const line = (name: string, texts: readonly string[], separator = " "): string[] => {
  const said = texts.filter((text) => text.trim() !== "");
  return said.length === 0 ? [] : [`${name}: ${said.join(separator)}`];
};

const textsOf = (all: readonly Told[]): string[] => all.map(({ text }) => text);

const some = (told: Told | undefined): readonly Told[] => (told === undefined ? [] : [told]);

const sourcesOf = ({ decisions, proposal, outcome, failures, changes }: Window): string[] => {
  const all = [decisions, some(proposal), some(outcome), failures, changes].flat();
  return [...new Set(all.map(({ event }) => event))].slice(0, MOST_SOURCES);
};

/** The lines of a lesson's text that are computed, and stay whoever tells the rest: each part of it is one line. */
export const computedLines = (text: string): { readonly before: string[]; readonly after: string[] } => {
  const lines = text.split("\n");
  const of = (names: readonly string[]): string[] => lines.filter((one) => names.some((name) => one.startsWith(name)));
  return { before: of(COMPUTED.before), after: of(COMPUTED.after) };
};

/**
 * The lesson of a window, in words of its frames; undefined where nothing was decided, changed or proposed, or all that was said is
 * what somebody was reminded of (`recalled`, rows of words). It names the problem as the mission was told it first, and then what
 * was written for people: lessons are looked for by what somebody sees, and output of programs says little of that.
 */
export const renderLesson = (window: Window, task: string, recalled: readonly string[]): LearnedPayload | undefined => {
  const { failures, decisions, changes, libraries, proposal, outcome } = window;
  // Only an agent's own words may be another's: the task is its mission's, and what it saw and what came of it happened.
  const own = (all: readonly Told[]): string[] => textsOf(all).map((text) => withoutRecalled(text, recalled));
  const proposed = line("Proposed", own(some(proposal)));
  const decided = line("Decided", own(decisions));
  if (proposed.length + decided.length + changes.length === 0) return undefined;
  const files = changes.map(({ text }) => text);
  const lines = [
    ...line("Problem", [cut(oneLine(task), MAX_PROBLEM)]),
    ...proposed,
    ...decided,
    ...line("Changed", files.map(oneLine), ", "),
    ...line("Seen", textsOf(failures), "; "),
    ...line("Outcome", textsOf(some(outcome))),
  ];
  const text = lines.join("\n").toWellFormed();
  const names = textsOf(libraries);
  return { state: "learned", text, sources: sourcesOf(window), libraries: names, files, summarizer: "extractive" };
};
