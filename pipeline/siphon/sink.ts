import type { StoredFrame } from "#nervous-system/comms/nats/stored-frame.ts";

/** A part of the stream that is written at once, by the sequences of its first and last message. */
export type Cut = {
  /** When the stream was created: the same sequences of another stream are other frames. */
  readonly stream: string;
  readonly from: number;
  readonly to: number;
};

/** The frames of a cut, in order; messages that are no frames are not among them. */
export type Batch = { readonly cut: Cut; readonly frames: readonly StoredFrame[] };

/** What a store made of a batch. */
export type SinkResult =
  /** Every frame is in the store, durably, whether now or before. */
  | { readonly kind: "written" }
  /** Not now; the same batch again later. */
  | { readonly kind: "retryable"; readonly reason: string; readonly afterMs?: number }
  /** The store will never take the batch as it is. */
  | { readonly kind: "rejected"; readonly reason: string }
  /** The store is not what `prepare` left: begin again with `prepare` and `lastCut`. */
  | { readonly kind: "lost"; readonly reason: string };

/**
 * A store that takes the stream. Writing the same batch again, with the same cut or another, changes nothing.
 * No method but `prepare`, `lastCut` and `keepCut` rejects; those reject while the store is away.
 */
export type Sink = {
  /** Name of its durable consumer and its label in metrics. */
  readonly name: string;
  /** Creates what the store needs, or brings it up to date. */
  prepare(): Promise<void>;
  /** The cut that was begun last; everything before it is in the store. */
  lastCut(stream: string): Promise<Cut | undefined>;
  /** Keeps the cut before its frames are written, so that whoever comes after a crash writes the same batch. */
  keepCut(cut: Cut): Promise<void>;
  write(batch: Batch, signal: AbortSignal): Promise<SinkResult>;
  close(): Promise<void>;
};
