import type { Clock } from "#nervous-system/kernel/clock.ts";
import {
  createTokenBucket,
  createTokenBuckets,
  type Rate,
  type TokenBucket,
} from "#nervous-system/kernel/token-bucket.ts";

/** A place among the reviews; who turns out to be valid gives it back. */
type ReviewPlace = { giveBack(): void };

/** How many tokens that nobody has vouched for yet may be put before the API server. */
export type ReviewRoom = {
  /** A place for a token of an address or connection, or one that was judged by that before; undefined where it has to come again later. */
  take(source: string | undefined): ReviewPlace | undefined;
};

// Valid tokens cost nothing in the end, so these are bounds of wrong ones: of one address, behind which many users may stand …
const ofSource: Rate = { perSecond: 0.05, burst: 20 };
// … of all addresses that sent one lately …
const ofSuspects: Rate = { perSecond: 10, burst: 50 };
// … and of all others, of which a new pod is one. To fill this for long takes some 800 addresses or connections.
const ofOthers: Rate = { perSecond: 40, burst: 200 };

const MAX_SOURCES = 10_000;

const pay = (buckets: readonly TokenBucket[]): ReviewPlace | undefined => {
  if (buckets.some((bucket) => bucket.waitMs(1) > 0)) return undefined;
  for (const bucket of buckets) bucket.spend(1);
  const paid = [...buckets];
  return { giveBack: () => paid.splice(0).forEach((bucket) => void bucket.spend(-1)) };
};

/** Creates the room of one process. */
export const createReviewRoom = (clock: Pick<Clock, "monotonicMs">): ReviewRoom => {
  const sources = createTokenBuckets(ofSource, clock, MAX_SOURCES);
  const suspects = createTokenBucket(ofSuspects, clock);
  const others = createTokenBucket(ofOthers, clock);
  return {
    take: (source) => {
      if (source === undefined) return pay([others]);
      const own = sources.of(source);
      return pay([own, own.waitMs(ofSource.burst) > 0 ? suspects : others]);
    },
  };
};
