/** What senders hold of frames that have begun and not ended. */
export type Unfinished<Sender> = {
  /** Tells how many bytes one holds by now; at its end that is none. */
  hold(sender: Sender, bytes: number): void;
};

/**
 * Bounds what all senders hold together, in bytes: beyond it whoever holds the most is cut off. A connection may begin a frame
 * of the largest size and never end it, and so may each of the others. Who is cut off was answered nothing, and sends it again.
 */
export const boundUnfinished = <Sender extends { destroy(): unknown }>(most: number): Unfinished<Sender> => {
  const held = new Map<Sender, number>();
  let sum = 0;
  return {
    hold: (sender, bytes) => {
      sum += bytes - (held.get(sender) ?? 0);
      if (bytes > 0) held.set(sender, bytes);
      else held.delete(sender);
      if (sum <= most) return;
      const [largest] = [...held].toSorted(([, a], [, b]) => b - a);
      largest?.[0].destroy();
    },
  };
};
