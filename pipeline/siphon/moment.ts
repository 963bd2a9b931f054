/** A place of a stream, and which stream's: one that was made anew counts its places from the beginning. */
export type Moment = {
  /** When the stream was created. */
  readonly stream: string;
  readonly place: number;
};

/** Whether one moment was before another: the younger stream is later, whatever its places. */
export const isBefore = (one: Moment, other: Moment): boolean =>
  one.stream === other.stream ? one.place < other.place : one.stream < other.stream;
