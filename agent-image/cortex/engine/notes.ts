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

/** Those that were not there before, which are there from now on. */
const createFresh = () => {
  const known = new Set<string>();
  return (names: readonly string[]): string[] => {
    const fresh = names.filter((name) => !known.has(name));
    for (const name of fresh) known.add(name);
    return [...new Set(fresh)];
  };
};

const createShow = (recall: Recall, journal: Pick<Journal, "recalled">) => {
  const unseen = createFresh();
  return async (query: RecallQuery, withinMs: number): Promise<string> => {
    const found = await recall(query, withinMs);
    const ids = new Set(unseen(found.map(({ eventId }) => eventId)));
    const lessons: readonly Remembered[] = found.filter(({ eventId }) => ids.has(eventId));
    for (const lesson of lessons) await journal.recalled(lesson);
    return renderNotes(lessons);
  };
};

/** Creates the notes of an attempt, which are looked for in the words of its task. */
export const createNotes = (recall: Recall, journal: Pick<Journal, "recalled">, task: string): Notes => {
  const show = createShow(recall, journal);
  const [newPaths, newLibraries] = [createFresh(), createFresh()];
  let asked = 0;
  return {
    aboutTask: () => show({ what: task, limit: taskLimit }, taskMs),
    aboutTouched: async (touched) => {
      const [paths, libraries] = [newPaths(touched.paths), newLibraries(touched.libraries)];
      if (paths.length + libraries.length === 0 || asked >= mostAsked) return "";
      asked += 1;
      return show({ what: task, paths, libraries, limit: touchedLimit }, touchedMs);
    },
  };
};
