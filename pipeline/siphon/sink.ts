import type { z } from "zod";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";

/** A part of the stream that is written at once, by the places of its first and last frame. */
export type Cut = {
  /** When the stream was created: the same places of another stream are other frames. */
  readonly stream: string;
  readonly from: number;
  readonly to: number;
  /** Fingerprint of the message that holds `to`: a stream that lost its tail has another one there. */
  readonly hash: string;
};

/** A cut that was begun, with its number in the order of beginning, from 1. */
export type KeptCut = Cut & { readonly number: number };

/** The frames of a cut, in order; messages that are no frames are not among them. */
export type Batch = { readonly cut: Cut; readonly frames: readonly StoredFrame[] };

/** What a store made of a batch. */
export type SinkResult =
  /** Every frame is in the store, durably, whether now or before. */
  | { readonly kind: "written" }
  /** Not now; the same batch again later. */
  | { readonly kind: "retryable"; readonly reason: string; readonly afterMs?: number }
  /** The store will never take the batch as it is; `bad` names the frames where they are known. */
  | { readonly kind: "rejected"; readonly reason: string; readonly bad?: readonly StoredFrame[] }
  /** The store is not what `prepare` left: begin again with `prepare` and `cuts`. */
  | { readonly kind: "lost"; readonly reason: string };

/** What a store made of an order to erase: one that it will never carry out would be no order. */
export type EraseResult = Exclude<SinkResult, { kind: "rejected" }>;

/**
 * A store that takes the stream. Writing the same batch again, with the same cut or another, changes nothing.
 * No method but `prepare`, `cuts` and `keepCut` rejects; those reject while the store is away.
 */
export type Sink = {
  /** Creates what the store needs, or brings it up to date. */
  prepare(): Promise<void>;
  /** Kept cuts, newest first. The newest may be in the store or not; everything before it is. */
  cuts(): Promise<readonly KeptCut[]>;
  /** Keeps the cut in slot `slotOf(number)` before its frames are written, so that whoever comes after a crash writes the same batch. */
  keepCut(cut: KeptCut): Promise<void>;
  write(batch: Batch, signal: AbortSignal): Promise<SinkResult>;
  /** Told of frames that will be written next, while others are written: makes of them what needs no store. Never rejects. */
  foresee?(frames: readonly StoredFrame[]): Promise<void>;
  /**
   * Erases what frames say that were written before, and keeps their hashes; what is erased or was never there changes
   * nothing, nor does an order of a type that is never erased, or of a place with another event id than the frame's there. What
   * it was told to erase `write` takes without its words from then on: see `ErasedKeys`.
   */
  erase(erasures: readonly Erasure[], signal: AbortSignal): Promise<EraseResult>;
  close(): Promise<void>;
};

/** When a batch is full or due, and what its reader may hold. */
export type SinkLimits = {
  readonly maxFrames: number;
  readonly maxBytes: number;
  /** How long the first frame waits for company, milliseconds. */
  readonly lingerMs: number;
  /** How long a batch may take before the stream offers it again, milliseconds. */
  readonly ackWaitMs: number;
};

/** What a sink gets from the process that it runs in. */
type SinkEnvironment = {
  readonly clock: Pick<Clock, "monotonicMs" | "now" | "sleep">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
};

/** A kind of sink: what its line in the registry says of it. */
export type SinkKind<S extends z.ZodObject = z.ZodObject> = {
  /** Name of its durable consumer and its label in metrics. */
  readonly name: string;
  /** Its part of the siphon's environment. */
  readonly settings: S;
  /** Answers undefined where the settings name no store of this kind: nothing is fed then. The log is for what no method tells. */
  create(settings: z.output<S>, environment: SinkEnvironment): Promise<Sink | undefined>;
  /** Whether a frame counts as settled only once this store holds it. */
  readonly settles: boolean;
  readonly limits: SinkLimits;
  /** Subject filter; every frame without it. */
  readonly filter?: string;
};

/** The same cut has the same token, so that a store takes it once; the hash tells it from one of a stream that lost its tail. */
export const insertToken = (sink: string, { stream, from, to, hash }: Cut): string =>
  `${sink}/${stream}/${from}-${to}/${hash}`;

/**
 * The slot of a cut, 0 to 52: how often two divides its number. Each slot keeps the newest of its cuts, so that few are
 * kept and, going back, they lie twice as far apart each time: what a stream lost is read again, and at most as much more.
 */
export const slotOf = (number: number): number => {
  let slot = 0;
  for (let rest = number; rest > 0 && rest % 2 === 0; rest /= 2) slot += 1;
  return slot;
};
