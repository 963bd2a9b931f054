const SHORTEST_MS = 1000;
/** A look takes at most this share of the time, however large the tree is. */
const SHARE = 20;

/** How long to wait before a work tree is looked at again while a program changes it, by how long the last look took. */
export const lookPauseMs = (tookMs: number): number => Math.max(SHORTEST_MS, SHARE * tookMs);
