import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { isUuid, noMission } from "#nervous-system/schemas/ids.ts";
import type { LearnedPayload } from "#pipeline/summarizer/render-lesson.ts";
import { erasuresIn } from "#pipeline/siphon/erasures.ts";
import {
  emptyStory,
  endWindow,
  eraseFromStory,
  rowsOf,
  tellStory,
  type MissionStory,
} from "#pipeline/summarizer/story.ts";

/** A lesson that the stream does not hold yet, and what its mission was reminded of, as rows of words. */
export type DueLesson = {
  readonly eventId: string;
  readonly payload: LearnedPayload;
  readonly subject: Pick<MissionStory, "mission_uid" | "mission" | "namespace" | "lineage">;
  readonly recalled: readonly string[];
};

/** The stories of all missions, in memory. */
export type Stories = {
  /** Tells a frame; one of no mission is left out, but for an order to erase: what was told by that frame goes, from every story of its namespace. */
  tell(frame: StoredFrame): void;
  /** What changed since the last time, by key; undefined is a story that was let go. */
  changes(): ReadonlyMap<string, MissionStory | undefined>;
  /** Lessons that the stream does not hold yet, as far as it was read. */
  due(): DueLesson[];
  /** Whether a lesson still is due: it is not once its frame was read, or words that it has were erased. */
  isDue(eventId: string): boolean;
};

const keyOf = ({ envelope }: StoredFrame): string => `${envelope.mission_uid}-${envelope.lineage}`;

const dueOf = ({ due, recalled, mission_uid, mission, namespace, lineage }: MissionStory): DueLesson[] =>
  due.map(({ eventId, payload }) => ({
    eventId,
    payload,
    recalled: rowsOf(recalled),
    subject: { mission_uid, mission, namespace, lineage },
  }));

/**
 * Creates the stories, from those that were kept. There are `most`, some ten KiB each: of one more the story that nothing was heard
 * of the longest is told to its end, and let go once the stream holds its lesson.
 */
export const createStories = (kept: ReadonlyMap<string, MissionStory>, most: number): Stories => {
  const stories = new Map(kept);
  let changed = new Set<string>();
  const set = (key: string, story: MissionStory): void => {
    stories.set(key, story);
    changed.add(key);
  };
  const letGo = ([key, story]: readonly [string, MissionStory]): void => {
    const ended = endWindow(story);
    if (ended.due.length > 0) return set(key, ended);
    stories.delete(key);
    changed.add(key);
  };
  const erase = (frame: StoredFrame): void => {
    for (const { namespace, eventId } of erasuresIn([frame])) {
      for (const [key, before] of stories) {
        const after = before.namespace === namespace ? eraseFromStory(before, eventId) : before;
        // In its place: an order is nothing that is heard of a mission.
        if (after !== before) set(key, after);
      }
    }
  };
  return {
    tell: (frame) => {
      erase(frame);
      const { mission_uid: uid } = frame.envelope;
      if (uid === noMission || !isUuid(uid) || frame.principal !== undefined) return;
      const key = keyOf(frame);
      const before = stories.get(key) ?? emptyStory(frame.envelope);
      const after = tellStory(before, frame);
      if (after === before) return;
      stories.delete(key);
      set(key, after);
    },
    changes: () => {
      for (const oldest of [...stories].slice(0, Math.max(0, stories.size - most))) letGo(oldest);
      const keys = changed;
      changed = new Set();
      return new Map([...keys].map((key) => [key, stories.get(key)]));
    },
    due: () => [...stories.values()].flatMap(dueOf),
    isDue: (eventId) => [...stories.values()].some(({ due }) => due.some((lesson) => lesson.eventId === eventId)),
  };
};
