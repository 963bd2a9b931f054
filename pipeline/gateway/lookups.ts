import { createFairSlots, type Turn } from "#nervous-system/kernel/fair-slots.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { systemResolve, type Resolve } from "#pipeline/gateway/address-policy.ts";

/** Who wants a name resolved. */
type Asker = Pick<Turn, "namespace" | "agentUid">;

/** Resolves names by turns of those who ask. */
export type Lookups = {
  /** The resolver of one asker; it rejects where no answer came in time. */
  of(asker: Asker): Resolve;
};

/** What look-ups are made of. */
export type LookupOptions = {
  /** Threads of libuv, on half of which it resolves names. */
  readonly threads: number;
  readonly clock: Pick<Clock, "after">;
  readonly resolve?: Resolve;
};

// A resolver of the C library tries several servers, each for five seconds and more than once.
const LOOKUP_MS = 20_000;

/**
 * Creates look-ups of which no agent has two under way and no namespace all. A name whose servers do not answer holds a thread for as
 * long as the C library likes, and whoever owns a domain has as many such names as he wants.
 */
export const createLookups = ({ threads, clock, resolve = systemResolve }: LookupOptions): Lookups => {
  const turns = createFairSlots(Math.ceil(threads / 2));
  return {
    of: (asker) => (host) =>
      new Promise((found, failed) => {
        let isLate = false;
        const cancel = clock.after(LOOKUP_MS, () => {
          isLate = true;
          failed(new Error(`no answer within ${LOOKUP_MS} ms`));
        });
        // Its turn is over when the thread is free again, not when nobody waits any more.
        const asked = turns.run(asker, async () => (isLate ? [] : resolve(host)));
        void asked.then(found, failed).finally(cancel);
      }),
  };
};
