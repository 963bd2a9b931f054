import * as z from "zod";

/**
 * Why a sink stands. `away`: its store does not answer. `foreign`: somebody else answers for it. `schema`: the store is not what was
 * prepared. `full`: its disk is. `broken`: it gave up until somebody starts it anew. `access`: it does not let us in. `other`: what only the words say. `starting`: nothing was tried yet.
 */
export const troubleKinds = ["starting", "away", "foreign", "schema", "full", "broken", "access", "other"] as const;

/** One of `troubleKinds`. */
export type TroubleKind = (typeof troubleKinds)[number];

/** Longest text of a state, characters: it says why, not everything. */
export const MAX_STATE_TEXT = 300;
const MAX_SINKS = 16;
const MAX_WALKS = 8;
const MAX_FAULTS = 64;

const text = z.string().max(MAX_STATE_TEXT);
const timeMs = z.number().int().nonnegative();

const trouble = z.object({
  kind: z.enum(troubleKinds),
  /** The store's words, without credentials. */
  reason: text,
  /** When it began, Unix milliseconds of whoever says so. */
  sinceMs: timeMs,
});

/** What a siphon says of its sinks. */
export const siphonState = z.object({
  /** When it was said, by the same clock as the times in it. */
  atMs: timeMs,
  sinks: z.array(z.object({ name: text, trouble: trouble.optional() })).max(MAX_SINKS),
});

/** See `siphonState`. */
export type SiphonState = z.output<typeof siphonState>;

/** What an auditor says of its rounds and of what it has found. */
export const auditorState = z.object({
  atMs: timeMs,
  walks: z
    .array(
      z.object({
        name: text,
        /** When it last looked at what is new, and when it last came to the end of all of the record; 0 before the first time. */
        roundMs: timeMs,
        walkMs: timeMs,
        /** Why it is not taken now. */
        trouble: text.optional(),
      }),
    )
    .max(MAX_WALKS),
  /** Why nothing is audited at all. */
  trouble: text.optional(),
  /** Frames, edges and files in doubt, by store and kind; what is well is not among them. */
  faults: z.array(z.object({ store: text, kind: text, frames: timeMs })).max(MAX_FAULTS),
});

/** See `auditorState`. */
export type AuditorState = z.output<typeof auditorState>;
