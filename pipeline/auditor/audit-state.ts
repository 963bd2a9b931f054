import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { AuditorState } from "#nervous-system/schemas/part-states.ts";
import type { FindingsBoard } from "#pipeline/auditor/findings-board.ts";

/** What an auditor knows of itself. */
export type AuditLog = {
  /** Notes that a walk was taken, and whether it came to the end of all of the record. */
  noteRound(walk: string, isThrough: boolean): void;
  /** Notes what keeps a walk from being taken, or all of them by the name `stream`; undefined once it is over. */
  noteTrouble(what: string, reason: string | undefined): void;
  /** A sentence for each trouble. */
  sentences(): string[];
  state(): AuditorState;
};

/** What keeping it needs. */
export type AuditLogOptions = {
  readonly walks: readonly string[];
  readonly board: Pick<FindingsBoard, "faults">;
  readonly clock: Pick<Clock, "now">;
  /** A store's words as anybody may read them. */
  readonly words: (text: string) => string;
};

/** Creates the log of an auditor that has audited nothing yet. */
export const createAuditLog = ({ walks, board, clock, words }: AuditLogOptions): AuditLog => {
  const troubles = new Map(walks.map((name) => [name, `the ${name} was not audited yet`]));
  const rounds = new Map(walks.map((name) => [name, { roundMs: 0, walkMs: 0 }]));
  const troubleOf = (what: string): { trouble?: string } => {
    const reason = troubles.get(what);
    return reason === undefined ? {} : { trouble: words(reason) };
  };
  return {
    noteRound: (walk, isThrough) => {
      const nowMs = clock.now();
      rounds.set(walk, { roundMs: nowMs, walkMs: isThrough ? nowMs : (rounds.get(walk)?.walkMs ?? 0) });
    },
    noteTrouble: (what, reason) => {
      if (reason === undefined) troubles.delete(what);
      else troubles.set(what, reason);
    },
    sentences: () => [...troubles.values()],
    state: () => ({
      atMs: clock.now(),
      walks: [...rounds].map(([name, times]) => ({ name, ...times, ...troubleOf(name) })),
      ...troubleOf("stream"),
      faults: board.faults().filter(({ frames }) => frames > 0),
    }),
  };
};
