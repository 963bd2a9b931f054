import type { MemoryKind, MemoryProperties } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { wordsOf } from "#pipeline/embedding/words.ts";
import type { LessonMark, MemoryItem, Projection } from "#pipeline/siphon/memory/project.ts";

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

const byPlace = (a: Draft, b: Draft): number => a.properties.place - b.properties.place;

const fingerprintKey = (kind: MemoryKind, { fingerprint }: MemoryProperties): string => `${kind} ${fingerprint}`;

/** Goes through one tenant's projections in the stream's order; the same again, with what it wrote known, changes nothing. */
export const planWrite = (projections: readonly Projection[], known: Known): WritePlan => {
  const drafts = new Map<string, Draft>();
  const byFingerprint = new Map<string, Draft>();
  const lessonsByEvent = new Map<string, Draft[]>();
  const add = (draft: Draft): void => {
    drafts.set(draft.id, draft);
    byFingerprint.set(fingerprintKey(draft.kind, draft.properties), draft);
    if (draft.kind !== "lesson") return;
    const { event_id } = draft.properties;
    const oldest = [...(lessonsByEvent.get(event_id) ?? []), draft].toSorted(byPlace).slice(0, MOST_NAMED);
    lessonsByEvent.set(event_id, oldest);
  };
  for (const { kind, id, properties } of known) add({ kind, id, properties, stored: properties });

  // A frame speaks of what came before it: when it comes again, later lessons are there too.
  const lessonsBefore = (place: number, event: string): Draft[] =>
    (lessonsByEvent.get(event) ?? []).filter(({ properties }) => properties.place < place);
  const isLesson = (place: number) => (event: string) => lessonsBefore(place, event).length > 0;

  const refusalOf = ({ id, kind, properties, embedded }: MemoryItem): Refusal | undefined => {
    if (wordsOf(embedded).length < FEWEST_WORDS) return "says-nothing";
    if (drafts.has(id) || byFingerprint.has(fingerprintKey(kind, properties))) return "known";
    const { sources, place } = properties;
    // What somebody learned from lessons alone is no new evidence for them.
    const recalled = sources.length > 0 && sources.every(isLesson(place));
    return kind === "lesson" && recalled ? "rests-on-recalled" : undefined;
  };

  /** A lesson that was learned once more rests on more: on what it names, but for lessons. To repeat it is no evidence. */
  const merge = (item: MemoryItem): void => {
    const same = byFingerprint.get(fingerprintKey(item.kind, item.properties));
    if (item.kind !== "lesson" || same === undefined || same.id === item.id) return;
    const isKnown = isLesson(item.properties.place);
    const evidence = item.properties.sources.filter((event) => !isKnown(event));
    const all = new Set([...same.properties.sources, ...evidence]);
    same.properties = { ...same.properties, sources: [...all].slice(0, MOST_SOURCES) };
  };

  const apply = ({ state, place, by, events }: LessonMark): void => {
    const lessons = [...new Set(events)].flatMap((event) => lessonsBefore(place, event));
    const property = state === "accepted" ? "accepted_place" : "retired_place";
    for (const lesson of lessons) {
      // Nobody accepts what he has learned himself.
      if (state === "accepted" && lesson.properties.agent_uid === by) continue;
      if (lesson.properties[property] > place) lesson.properties = { ...lesson.properties, [property]: place };
    }
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

const changing = ["sources", "accepted_place", "retired_place"] as const;

const changesOf = (drafts: ReadonlyMap<string, Draft>): Map<string, Partial<MemoryProperties>> => {
  const changes = new Map<string, Partial<MemoryProperties>>();
  for (const { id, properties, stored } of drafts.values()) {
    if (stored === undefined || properties === stored) continue;
    const changed = changing.filter((name) => JSON.stringify(properties[name]) !== JSON.stringify(stored[name]));
    if (changed.length > 0) changes.set(id, Object.fromEntries(changed.map((name) => [name, properties[name]])));
  }
  return changes;
};
