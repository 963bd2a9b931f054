import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";

/** What the next bytes of a side were found to be, and how many of them that took. */
type Found<T> = { readonly value: T; readonly used: number };

/** What a side began with, and those bytes; or that nothing was found in time, or before a side closed. */
type First<T> = { readonly value: T; readonly bytes: Buffer } | "late" | "closed";

/** How long a side may take, and the other side, without which nobody waits. */
type Waiting = { readonly other: Duplex; readonly withinMs: number; readonly clock: Pick<Clock, "after"> };

/**
 * Reads a side until `judge`, which gets its bytes as they come, has found something. What follows stays in the side, which stands
 * still then.
 */
export const takeFirst = <T>(
  side: Duplex,
  { other, withinMs, clock }: Waiting,
  judge: (bytes: Buffer) => Found<T> | undefined,
): Promise<First<T>> =>
  new Promise((resolve) => {
    const read = gatherBytes();
    const settle = (first: First<T>): void => {
      cancel();
      side.off("data", onData).off("end", onClosed).off("close", onClosed).pause();
      other.off("close", onClosed);
      resolve(first);
    };
    const onClosed = (): void => settle("closed");
    const onData = (bytes: Buffer): void => {
      const found = judge(bytes);
      read.add(bytes.subarray(0, found?.used));
      if (found === undefined) return;
      settle({ value: found.value, bytes: read.take() });
      // Before anything else happens, since after its end nothing can be put back; to a side that stands still, which holds it.
      if (found.used < bytes.length) side.unshift(bytes.subarray(found.used));
    };
    const cancel = clock.after(withinMs, () => settle("late"));
    other.once("close", onClosed);
    side.once("end", onClosed).once("close", onClosed).on("data", onData);
    if (side.destroyed || other.destroyed) settle("closed");
  });
