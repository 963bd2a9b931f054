import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";

/** What is known of an endpoint that was asked for token counts in a stream. */
type Verdict = "takes" | "refuses";

/** Remembers which Models' endpoints take the `stream_options` that the gateway adds. */
export type UsageMemory = {
  verdictOf(model: Model): Verdict | undefined;
  remember(model: Model, verdict: Verdict): void;
};

// A Model that was changed may name another endpoint.
const keyOf = ({ metadata: { uid, generation } }: Model): string => `${uid}/${generation}`;

/** Creates a memory of at most `max` Models; of more it forgets the one that was learned first. */
export const createUsageMemory = (max: number): UsageMemory => {
  const verdicts = new Map<string, Verdict>();
  return {
    verdictOf: (model) => verdicts.get(keyOf(model)),
    remember: (model, verdict) => {
      verdicts.set(keyOf(model), verdict);
      for (const oldest of [...verdicts.keys()].slice(0, verdicts.size - max)) verdicts.delete(oldest);
    },
  };
};
