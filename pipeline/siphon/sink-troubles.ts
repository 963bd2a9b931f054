import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { SiphonState, TroubleKind } from "#nervous-system/schemas/part-states.ts";
import { nameTrouble } from "#pipeline/siphon/name-trouble.ts";

/** What keeps each sink from writing, and since when. */
export type SinkTroubles = {
  /** Notes why a sink stands, or by undefined that it writes. */
  note(sink: string, reason: string | undefined): void;
  /** A sentence for each sink that stands. */
  sentences(): string[];
  state(): SiphonState;
};

type Trouble = { readonly kind: TroubleKind; readonly reason: string; readonly sinceMs: number };

/** What keeping troubles needs. */
export type SinkTroublesOptions = {
  readonly sinks: readonly string[];
  readonly clock: Pick<Clock, "now">;
  /** A store's words as anybody may read them. */
  readonly words: (text: string) => string;
  /** Called when a sink stands, runs again, or stands for another reason. */
  readonly onChange: () => void;
};

/** Creates the troubles of sinks that were not started yet. */
export const createSinkTroubles = ({ sinks, clock, words, onChange }: SinkTroublesOptions): SinkTroubles => {
  const starting: Trouble = { kind: "starting", reason: "not started yet", sinceMs: clock.now() };
  const troubles = new Map<string, Trouble>(sinks.map((name) => [name, starting]));
  return {
    note: (sink, reason) => {
      const known = troubles.get(sink);
      if (reason === undefined) {
        if (troubles.delete(sink)) onChange();
        return;
      }
      const kind = nameTrouble(reason);
      troubles.set(sink, { kind, reason, sinceMs: known?.sinceMs ?? clock.now() });
      if (known?.kind !== kind) onChange();
    },
    sentences: () => [...troubles].map(([name, { reason }]) => `${name}: ${reason}`),
    state: () => ({
      atMs: clock.now(),
      sinks: sinks.map((name) => {
        const trouble = troubles.get(name);
        return trouble === undefined ? { name } : { name, trouble: { ...trouble, reason: words(trouble.reason) } };
      }),
    }),
  };
};
