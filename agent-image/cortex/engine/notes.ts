import type { Journal } from "./journal.ts";
import type { Recall, RecallQuery, Remembered } from "./recall.ts";
import { renderNotes } from "./render-notes.ts";

/** Files and libraries that a tool had to do with. */
export type Touched = { readonly paths: readonly string[]; readonly libraries: readonly string[] };

/** What others learned before, as notes for the model; each lesson is shown once, and recorded before the model sees it. */
export type Notes = {
  /** About the task, before the first step. */
  aboutTask(): Promise<string>;
  /** About what a tool touched for the first time. */
  aboutTouched(touched: Touched): Promise<string>;
};

const taskLimit = 3;
const touchedLimit = 2;
/** The reader loads its model of meaning with the first text. */
const taskMs = 10_000;
const touchedMs = 3_000;
/** Of one attempt: what is touched later is seldom what the bug is in. */
const mostAsked = 24;

const freshOf = (names: readonly string[], known: ReadonlySet<string>): string[] =>
  [...new Set(names)].filter((name) => !known.has(name));

const addAll = (names: readonly string[], known: Set<string>): void => {
  for (const name of names) known.add(name);
};

const createShow = (recall: Recall, journal: Pick<Journal, "recalled">) => {
  const shown = new Set<string>();
  return async (query: RecallQuery, withinMs: number): Promise<string | undefined> => {
    const found = await recall(query, withinMs);
    if (found === undefined) return undefined;
    const fresh = freshOf(
      found.map(({ eventId }) => eventId),
      shown,
    );
    addAll(fresh, shown);
    const ids = new Set(fresh);
    const lessons: readonly Remembered[] = found.filter(({ eventId }) => ids.has(eventId));
    for (const lesson of lessons) await journal.recalled(lesson);
    return renderNotes(lessons);
  };
};

/** Creates the notes of an attempt, which are looked for in the words of its task. */
export const createNotes = (recall: Recall, journal: Pick<Journal, "recalled">, task: string): Notes => {
  const show = createShow(recall, journal);
  const known = new Set<string>();
  let asked = 0;
  return {
    aboutTask: async () => (await show({ what: task, limit: taskLimit }, taskMs)) ?? "",
    aboutTouched: async (touched) => {
      const [paths, libraries] = [freshOf(touched.paths, known), freshOf(touched.libraries, known)];
      if (paths.length + libraries.length === 0 || asked >= mostAsked) return "";
      const noted = await show({ what: task, paths, libraries, limit: touchedLimit }, touchedMs);
      // What could not be asked is asked when it is touched again.
      if (noted === undefined) return "";
      addAll([...paths, ...libraries], known);
      asked += 1;
      return noted;
    },
  };
};
