import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ModelRoute } from "#pipeline/gateway/routes.ts";

/** What is known of an endpoint that was asked for token counts in a stream. */
type Verdict = "takes" | "refuses";

/** What was asked: one operation of a Model's endpoint, of which another may take what it refuses. */
type Asked = { readonly model: Model; readonly route: Pick<ModelRoute, "operation"> };

/** Remembers which operations of Models' endpoints take the `stream_options` that the gateway adds. */
export type UsageMemory = {
  verdictOf(asked: Asked): Verdict | undefined;
  remember(asked: Asked, verdict: Verdict): void;
};

/** How long a verdict holds: a server may have refused for another reason, or be another one by now, and until then nothing is counted. */
const HELD_MS = 600_000;

// A Model that was changed may name another endpoint.
const keyOf = ({ model: { metadata }, route }: Asked): string =>
  `${metadata.uid}/${metadata.generation}/${route.operation}`;

/** Creates a memory of at most `max` operations; of more it forgets the one that was learned first. */
export const createUsageMemory = (max: number, clock: Pick<Clock, "monotonicMs">): UsageMemory => {
  const verdicts = new Map<string, { readonly verdict: Verdict; readonly untilMs: number }>();
  return {
    verdictOf: (asked) => {
      const known = verdicts.get(keyOf(asked));
      return known !== undefined && clock.monotonicMs() < known.untilMs ? known.verdict : undefined;
    },
    remember: (asked, verdict) => {
      verdicts.set(keyOf(asked), { verdict, untilMs: clock.monotonicMs() + HELD_MS });
      for (const oldest of [...verdicts.keys()].slice(0, verdicts.size - max)) verdicts.delete(oldest);
    },
  };
};
