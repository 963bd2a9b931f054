import type { Arrived } from "../outbox/sending.ts";

/** How many frames were new, and how many were there before; those that are neither are not there. */
export type Came = { readonly added: number; readonly known: number; readonly refused: number };

/** What a collector's words make of the frames of these seqs. */
export const cameOf = (seqs: readonly number[], arrived: Arrived | undefined): Came => {
  const { held, refused, upTo } = arrived ?? { held: undefined, refused: 0, upTo: 0 };
  if (held === undefined) return { added: 0, known: 0, refused };
  const there = seqs.filter((seq) => seq <= upTo);
  const known = there.filter((seq) => seq <= held).length;
  return { added: Math.max(0, there.length - known - refused), known, refused };
};
