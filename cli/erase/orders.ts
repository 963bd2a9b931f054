import { groupsOf } from "#nervous-system/kernel/groups.ts";
import { MOST_BLOBS_AT_ONCE, MOST_ERASED, MOST_NAMED } from "#nervous-system/schemas/erased.ts";
import { isSameFrame, type FoundFrame } from "./find-frames.ts";

type Named = Pick<FoundFrame, "places" | "blobs">;

/** A list in parts of at most `most`. */
const partsOf = <T>(list: readonly T[], most: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / most) }, (_, n) => list.slice(n * most, (n + 1) * most));

/** A frame as often as it takes to name all of its blobs and places; each time at least one place, as an order must. */
const partsOfFrame = <F extends Named>(frame: F): F[] => {
  const [blobs, places] = [partsOf(frame.blobs, MOST_NAMED.blobs), partsOf(frame.places, MOST_NAMED.places)];
  const count = Math.max(1, blobs.length, places.length);
  return Array.from({ length: count }, (_, n) => ({
    ...frame,
    blobs: blobs[n] ?? [],
    places: places[n] ?? places[0] ?? [],
  }));
};

/** The frames of each request that orders all of them to be erased. */
export const ordersOf = <F extends Named>(frames: readonly F[]): F[][] => [
  ...groupsOf(frames.flatMap(partsOfFrame), {
    items: MOST_ERASED,
    // A group is full once it reaches this, by a frame of as many blobs as one names.
    bytes: MOST_BLOBS_AT_ONCE - MOST_NAMED.blobs,
    bytesOf: ({ blobs }) => blobs.length,
  }),
];

type Placed = Pick<FoundFrame, "event_id" | "agent_uid" | "epoch" | "seq" | "places" | "blobs">;

/**
 * Frames at the places that no order named, since they were stored there between the question and the order: the archive finds its
 * files by places.
 */
export const placedMeanwhile = <F extends Placed>(ordered: readonly F[], after: readonly F[]): F[] =>
  after.flatMap((frame) => {
    const known = new Set(ordered.find((one) => isSameFrame(one, frame))?.places);
    const places = frame.places.filter((place) => !known.has(place));
    return places.length === 0 ? [] : [{ ...frame, places, blobs: [] }];
  });
