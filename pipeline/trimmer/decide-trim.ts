import type { StreamState, TrimRange } from "#nervous-system/comms/nats/stream-trim.ts";

/**
 * Who still needs the stream, and the first message that must stay for it. One that `yields` does not hold a stream that fills
 * up: what it misses then it gets from the archive.
 */
export type Holder = { readonly name: string; readonly seq: number; readonly yields?: true };

/** What to trim now, and what people should know. */
export type TrimPlan = {
  readonly range: TrimRange;
  /** Whom the stream may not be trimmed further for. */
  readonly holder: Holder;
  /** Whether the stream is fuller than it should be, so that the replay window gives way. */
  readonly pressed: boolean;
};

/** Share of its bound from which the stream is trimmed inside the replay window, too, and down to which it is then. */
const shares = { pressed: 0.7, relaxed: 0.6 };

/** The newest message always stays: it tells where the stream ends. */
const newest = ({ lastSeq }: StreamState): Holder => ({ name: "the newest frame", seq: lastSeq });

/** Unix milliseconds, and whether the stream was pressed before: it is until it is down at the lower share. */
export type TrimTimes = { readonly nowMs: number; readonly windowMs: number; readonly wasPressed: boolean };

/**
 * What may go: below everything that a reader or a mission needs, and, while there is room, older than the replay window. A
 * full stream takes no frame, so where it fills up it does not wait for whom the archive can give everything.
 */
export const decideTrim = (
  state: StreamState,
  holders: readonly Holder[],
  { nowMs, windowMs, wasPressed }: TrimTimes,
): TrimPlan => {
  const { bytes, limitBytes = Infinity } = state;
  const pressed = bytes > limitBytes * (wasPressed ? shares.relaxed : shares.pressed);
  const holding = holders.filter(({ yields = false }) => !(pressed && yields));
  const holder = holding.reduce((first, one) => (one.seq < first.seq ? one : first), newest(state));
  const range = pressed
    ? { storedBeforeMs: Infinity, bytes: bytes - limitBytes * shares.relaxed }
    : { storedBeforeMs: nowMs - windowMs, bytes: Infinity };
  return { range: { before: holder.seq, ...range }, holder, pressed };
};

const shareOf = ({ bytes, limitBytes = Infinity }: StreamState): number => Math.floor((bytes / limitBytes) * 100);

/** What people must hear of: a stream that fills up and cannot be trimmed. */
export const troubleOf = (state: StreamState, { range, holder, pressed }: TrimPlan): string | undefined =>
  pressed && range.before <= state.firstSeq
    ? `the stream is ${shareOf(state)} % full and nothing of it may go, for ${holder.name} needs it; a full stream takes no frame`
    : undefined;
