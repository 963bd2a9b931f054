import { createHash } from "node:crypto";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { isUuid } from "#nervous-system/schemas/ids.ts";

/** Frames recorded lately, by the id that their producer gave them: a frame sent again after a lost acknowledgement is known. */
export type RecentEvents<R> = {
  /** What recording this very frame came, or comes, to. */
  find(frame: ProducedFrame): Promise<R> | undefined;
  remember(frame: ProducedFrame, result: Promise<R>): void;
};

const digestOf = (frame: ProducedFrame): string =>
  createHash("sha256")
    .update(`${frame.event_type}\n${JSON.stringify(frame.payload)}`)
    .digest("base64");

// What is computed from a span, a log record or a blob is a digest.
const isUnique = (id: string): boolean => isUuid(id) || /^[0-9a-f]{64}$/.test(id);

/** Remembers the last `capacity` frames whose id is a UUID or a digest; one of another form may be a producer's counter, used again. */
export const createRecentEvents = <R>(capacity: number): RecentEvents<R> => {
  const known = new Map<string, { result: Promise<R>; digest: string }>();
  return {
    find: (frame) => {
      const found = frame.event_id === undefined ? undefined : known.get(frame.event_id);
      return found?.digest === digestOf(frame) ? found.result : undefined;
    },
    remember: (frame, result) => {
      if (frame.event_id === undefined || !isUnique(frame.event_id)) return;
      known.delete(frame.event_id);
      known.set(frame.event_id, { result, digest: digestOf(frame) });
      const [oldest] = known.keys();
      if (known.size > capacity && oldest !== undefined) known.delete(oldest);
    },
  };
};
