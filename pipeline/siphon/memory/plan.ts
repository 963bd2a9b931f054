import type { MemoryKind, MemoryProperties } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { wordsOf } from "#pipeline/embedding/words.ts";
import { ownerOf, withMark } from "#pipeline/siphon/memory/lesson-marks.ts";
import type { LessonMark, MemoryItem, Projection } from "#pipeline/siphon/memory/project.ts";
import { tellingsOf, withTelling, type Telling } from "#pipeline/siphon/memory/tellings.ts";
import { isBefore, type Moment } from "#pipeline/siphon/moment.ts";

/** What of the store bears on a batch: objects with the same ids or fingerprints, and the lessons that it speaks of. */
export type Known = ReadonlyArray<{
  readonly kind: MemoryKind;
  readonly id: string;
  readonly properties: MemoryProperties;
}>;

/** What has to be written. */
export type WritePlan = {
  /** Objects that are not there yet, in order. */
  readonly fresh: readonly MemoryItem[];
  /** Properties of lessons that are there, which change. */
  readonly changes: ReadonlyMap<string, Partial<MemoryProperties>>;
};

/** Why something is not remembered. */
type Refusal = "says-nothing" | "known" | "rests-on-recalled";

// A remark of two words, such as "fixed it", helps nobody and is near to everything.
const FEWEST_WORDS = 3;

/** The memory while a batch is gone through. */
type Draft = {
  readonly kind: MemoryKind;
  readonly id: string;
  properties: MemoryProperties;
  readonly embedded?: string;
  readonly stored?: MemoryProperties;
};

const MOST_SOURCES = 256;

// An agent chooses its event ids: of lessons that all have the same one a name means the oldest, so that no frame marks thousands.
const MOST_NAMED = 16;

/** One telling of a lesson that is drafted or there. */
type Told = { readonly lesson: Draft; readonly at: Moment };

const earliestFirst = (a: Told, b: Told): number => (isBefore(a.at, b.at) ? -1 : Number(isBefore(b.at, a.at)));

const fingerprintKey = (kind: MemoryKind, { fingerprint }: MemoryProperties): string => `${kind} ${fingerprint}`;

/** Goes through one tenant's projections in the stream's order; the same again, with what it wrote known, changes nothing. */
export const planWrite = (projections: readonly Projection[], known: Known): WritePlan => {
  const drafts = new Map<string, Draft>();
  const byFingerprint = new Map<string, Draft>();
  const toldByEvent = new Map<string, Told[]>();
  const addTelling = (lesson: Draft, { event, at }: Telling): void => {
    const oldest = [...(toldByEvent.get(event) ?? []), { lesson, at }].toSorted(earliestFirst).slice(0, MOST_NAMED);
    toldByEvent.set(event, oldest);
  };
  const add = (draft: Draft): void => {
    drafts.set(draft.id, draft);
    byFingerprint.set(fingerprintKey(draft.kind, draft.properties), draft);
    if (draft.kind !== "lesson") return;
    for (const telling of tellingsOf(draft.properties)) addTelling(draft, telling);
  };
  for (const { kind, id, properties } of known) add({ kind, id, properties, stored: properties });

  // A frame speaks of what came before it: when it comes again, later lessons are there too.
  const lessonsBefore = (moment: Moment, event: string): Draft[] =>
    (toldByEvent.get(event) ?? []).filter(({ at }) => isBefore(at, moment)).map(({ lesson }) => lesson);
  const isLesson = (moment: Moment) => (event: string) => lessonsBefore(moment, event).length > 0;

  // What somebody learned from lessons alone is no new evidence for them, and no telling of its own.
  const isRecalled = (told: MemoryProperties): boolean => told.sources.length > 0 && told.sources.every(isLesson(told));

  const refusalOf = ({ id, kind, properties, embedded }: MemoryItem): Refusal | undefined => {
    if (wordsOf(embedded).length < FEWEST_WORDS) return "says-nothing";
    if (drafts.has(id) || byFingerprint.has(fingerprintKey(kind, properties))) return "known";
    return kind === "lesson" && isRecalled(properties) ? "rests-on-recalled" : undefined;
  };

  /**
   * A lesson that was learned once more rests on more: on what it names, but for lessons. To repeat it is no evidence. It goes by
   * the id of each frame that told it.
   */
  const merge = ({ id, kind, properties: told }: MemoryItem): void => {
    const same = byFingerprint.get(fingerprintKey(kind, told));
    if (kind !== "lesson" || same === undefined || same.id === id || isRecalled(told)) return;
    const isKnown = isLesson(told);
    const evidence = told.sources.filter((event) => !isKnown(event));
    const sources = [...new Set([...same.properties.sources, ...evidence])].slice(0, MOST_SOURCES);
    const telling = { event: told.event_id, at: { stream: told.stream, place: told.place }, by: ownerOf(told) };
    const after = withTelling(same.properties, telling);
    if (after !== same.properties) addTelling(same, telling);
    same.properties = { ...after, sources };
  };

  const apply = (mark: LessonMark): void => {
    const lessons = new Set([...new Set(mark.events)].flatMap((event) => lessonsBefore(mark.at, event)));
    for (const lesson of lessons) lesson.properties = withMark(lesson.properties, mark);
  };

  for (const { item, mark } of projections) {
    if (mark !== undefined) apply(mark);
    if (item === undefined) continue;
    const refusal = refusalOf(item);
    if (refusal === undefined) add({ ...item });
    else if (refusal === "known") merge(item);
  }
  return { fresh: freshOf(drafts), changes: changesOf(drafts) };
};

const freshOf = (drafts: ReadonlyMap<string, Draft>): MemoryItem[] =>
  [...drafts.values()].flatMap(({ kind, id, properties, embedded }) =>
    embedded === undefined ? [] : [{ kind, id, properties, embedded }],
  );

const changing = ["sources", "accepted_place", "retired_place", "told_events", "told_at", "marks"] as const;

const changesOf = (drafts: ReadonlyMap<string, Draft>): Map<string, Partial<MemoryProperties>> => {
  const changes = new Map<string, Partial<MemoryProperties>>();
  for (const { id, properties, stored } of drafts.values()) {
    if (stored === undefined || properties === stored) continue;
    const changed = changing.filter((name) => JSON.stringify(properties[name]) !== JSON.stringify(stored[name]));
    if (changed.length > 0) changes.set(id, Object.fromEntries(changed.map((name) => [name, properties[name]])));
  }
  return changes;
};
