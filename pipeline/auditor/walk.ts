import type { Finding } from "#pipeline/auditor/finding.ts";
import type { StreamView } from "#pipeline/auditor/view.ts";

/** What one step of a walk found. */
export type Stride<P> = {
  /** What was looked at, whose findings these are now all; undefined where it is not looked at whole yet. */
  readonly unit?: string;
  readonly findings: readonly Finding[];
  /** Bytes that were read for it. */
  readonly bytes: number;
  /** Where to go on; undefined at the end. */
  readonly next: P | undefined;
};

/** A way over a part of the record, step by step, of which each step holds one file or page in memory. */
export type Walk<P> = {
  /** Its label in metrics. */
  readonly name: string;
  readonly begin: P;
  /** Where only what is new lies ahead; without it all of the record is walked again and again. */
  readonly newest?: (signal: AbortSignal) => Promise<P>;
  /** Takes a step; undefined where the stores have not settled what comes next. Rejects while a store is away. */
  stride(at: P, view: StreamView, signal: AbortSignal): Promise<Stride<P> | undefined>;
};
