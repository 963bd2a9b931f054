import { cut, oneLine } from "#nervous-system/kernel/cut.ts";
import { tell, type ByType, type Reading } from "#nervous-system/fold/read-frame.ts";
import { failingLines } from "#pipeline/summarizer/failing-lines.ts";

/** Words of a frame, and its event id; empty where an older release did not keep that. */
export type Told = { readonly text: string; readonly event: string };

/** A part of a mission's frames, as far as a lesson is made of it: bounded, whatever the frames hold. */
export type Window = {
  /** Hash of its first frame, by which the window is known whatever became of those before it. */
  readonly first: string;
  /** Frames other than heartbeats. */
  readonly steps: number;
  readonly failures: readonly Told[];
  readonly decisions: readonly Told[];
  /** Files that changed. */
  readonly changes: readonly Told[];
  /** Libraries that they depend on, as package URLs. */
  readonly libraries: readonly Told[];
  readonly proposal?: Told;
  /** What became of the last proposal, or of the attempt. */
  readonly outcome?: Told;
};

const MOST_FAILURES = 3;
const MOST_DECISIONS = 3;
const MOST_FILES = 32;
const MOST_LIBRARIES = 32;
const MAX_TEXT = 900;
// Of the worst characters one takes six bytes as JSON, and all names together must leave room for the text.
const MAX_NAME = 256;

/** A window of which no frame was read. */
export const emptyWindow = (first: string): Window => ({
  first,
  steps: 0,
  failures: [],
  decisions: [],
  changes: [],
  libraries: [],
});

type Gather = (window: Window, event: string) => Window;

const distinct = (all: readonly Told[], one: Told): readonly Told[] =>
  one.text === "" || all.some(({ text }) => text === one.text) ? all : [...all, one];

// The first failures tell what was wrong before anybody touched it.
const failed =
  (text: string): Gather =>
  (window, event) => ({
    ...window,
    failures: distinct(window.failures, { text: cut(oneLine(text), MAX_TEXT), event }).slice(0, MOST_FAILURES),
  });

// What somebody wrote on lines of its own would read as another part of the lesson.
const joined = (...parts: readonly string[]): string =>
  cut(
    parts
      .map(oneLine)
      .filter((part) => part !== "")
      .join(". "),
    MAX_TEXT,
  );

const withLibraries = (known: readonly Told[], names: readonly string[], event: string): readonly Told[] =>
  names
    .filter((name) => name.startsWith("pkg:") && name.length <= MAX_NAME)
    .reduce((all, text) => distinct(all, { text, event }), known)
    .slice(0, MOST_LIBRARIES);

const outcomes: Readonly<Record<string, string>> = {
  open: "Published as a pull request.",
  merged: "Merged.",
  closed: "The pull request was closed.",
};

const nothing: Gather = (window) => window;

const readers: Partial<ByType<Gather>> = {
  ACTION: ({ said: { ok, result, error = "" } }) => (ok === false ? failed(failingLines(result ?? error)) : nothing),
  ERROR: ({ said: { message = "", fatal } }) => {
    const text = cut(oneLine(message), MAX_TEXT);
    return (window, event) => ({
      ...failed(text)(window, event),
      ...(fatal === true ? { outcome: { text: `The attempt ended without success: ${text}`, event } } : {}),
    });
  },
  // The last decisions are those that were carried out.
  DECISION_RATIONALE: ({ said: { selected_strategy = "", reasoning = "" } }) => {
    const text = joined(selected_strategy, reasoning);
    return (window, event) => ({
      ...window,
      decisions: distinct(window.decisions, { text, event }).slice(-MOST_DECISIONS),
    });
  },
  STATE_CHANGE: ({ said: { file_modified: file = "", depends_on = [] } }) => {
    if (file.length > MAX_NAME) return nothing;
    return (window, event) => ({
      ...window,
      changes: distinct(window.changes, { text: file, event }).slice(0, MOST_FILES),
      libraries: withLibraries(window.libraries, depends_on, event),
    });
  },
  PROPOSAL: ({ said: { title = "", body = "" } }) => {
    const text = joined(title, body);
    return (window, event) => ({ ...window, proposal: { text, event } });
  },
  PUBLICATION: ({ said: { state = "", reason = "", message = "" } }) => {
    const text = outcomes[state] ?? joined(`The proposal was refused: ${reason}`, message);
    return (window, event) => ({ ...window, outcome: { text, event } });
  },
};

/** A window after one more frame, of which nothing but a heartbeat is no step. */
export const gather = (window: Window, reading: Reading, event: string): Window => {
  const counted = { ...window, steps: window.steps + 1 };
  return tell(readers, reading)?.(counted, event) ?? counted;
};

/** Everything that frames told of a window. */
export const toldIn = ({ failures, decisions, changes, libraries, proposal, outcome }: Window): readonly Told[] =>
  [failures, decisions, changes, libraries, proposal ?? [], outcome ?? []].flat();

/** A window without what was told by frames that are left out. */
export const keepTold = (window: Window, isKept: (told: Told) => boolean): Window => {
  const { proposal, outcome, ...rest } = window;
  return {
    ...rest,
    failures: window.failures.filter(isKept),
    decisions: window.decisions.filter(isKept),
    changes: window.changes.filter(isKept),
    libraries: window.libraries.filter(isKept),
    ...(proposal !== undefined && isKept(proposal) ? { proposal } : {}),
    ...(outcome !== undefined && isKept(outcome) ? { outcome } : {}),
  };
};
