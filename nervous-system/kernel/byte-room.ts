/** Memory that many requests share: what one holds, another cannot have. */
export type ByteRoom = {
  /** Takes `bytes`, or nothing and answers false when they are not there. */
  take(bytes: number): boolean;
  give(bytes: number): void;
};

/** Creates a room of `total` bytes. */
export const createByteRoom = (total: number): ByteRoom => {
  let held = 0;
  return {
    take: (bytes) => {
      if (held + bytes > total) return false;
      held += bytes;
      return true;
    },
    give: (bytes) => {
      held -= bytes;
    },
  };
};
