import type { Uplink } from "#nervous-system/recorder/uplink.ts";

/** What a collector said of a chain while it was sent. */
export type Taken = {
  /** The last seq that the stream held before anything was sent; undefined while nobody has answered. */
  readonly held: number | undefined;
  /** Frames that the collector put a GAP in the place of, and its reason for the last ones. */
  readonly refused: number;
  readonly why: string;
};

/** Watches what a collector says of one chain. */
export const countTaken = (uplink: Uplink): { readonly uplink: Uplink; taken(): Taken } => {
  let taken: Taken = { held: undefined, refused: 0, why: "" };
  return {
    uplink: {
      tail: async (chain, signal) => {
        const tail = await uplink.tail(chain, signal);
        taken = { ...taken, held: taken.held ?? tail.seq };
        return tail;
      },
      send: async (frames, signal) => {
        const partial = await uplink.send(frames, signal);
        if (partial !== undefined)
          taken = { ...taken, refused: taken.refused + partial.rejected, why: partial.message };
        return partial;
      },
    },
    taken: () => taken,
  };
};
