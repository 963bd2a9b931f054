import type { MemoryProperties } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { ownerOf } from "#pipeline/siphon/memory/lesson-marks.ts";
import { isBefore, type Moment } from "#pipeline/siphon/moment.ts";

/** One frame that told a lesson: the id it goes by, when, and whose it is. */
export type Telling = { readonly event: string; readonly at: Moment; readonly by: string };

// Whoever repeats a lesson more often is known by these.
const MOST_TELLINGS = 64;

const first = (lesson: MemoryProperties): Telling => ({
  event: lesson.event_id,
  at: { stream: lesson.stream, place: lesson.place },
  by: ownerOf(lesson),
});

/** Every telling of a lesson that is known, the first one first. */
export const tellingsOf = (lesson: MemoryProperties): Telling[] => [
  first(lesson),
  ...lesson.told_events.map((event, n): Telling => {
    const [stream, place, by] = JSON.parse(lesson.told_at[n] ?? '["",0,""]') as [string, number, string];
    return { event, at: { stream, place }, by };
  }),
];

/** A lesson after it was told once more; one that is known of comes again and changes nothing. */
export const withTelling = (lesson: MemoryProperties, { event, at, by }: Telling): MemoryProperties => {
  const known = tellingsOf(lesson);
  const isKnown = known.some((one) => one.event === event && one.by === by && !isBefore(at, one.at));
  if (isKnown || known.length > MOST_TELLINGS) return lesson;
  return {
    ...lesson,
    told_events: [...lesson.told_events, event],
    told_at: [...lesson.told_at, JSON.stringify([at.stream, at.place, by])],
  };
};
