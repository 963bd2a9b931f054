/** Time at work as a status tells it: summed up where it pauses, and since when it goes on. */
export type ActiveTime = { readonly activeSeconds?: number | undefined; readonly activeSince?: string | undefined };

/** For how long a mission's agents have been at work, milliseconds, whatever time it was suspended or waited for somebody. */
export const activeMs = ({ activeSeconds = 0, activeSince }: ActiveTime = {}, nowMs: number): number => {
  const now = activeSince === undefined ? 0 : Math.max(0, nowMs - Date.parse(activeSince));
  return activeSeconds * 1_000 + now;
};
