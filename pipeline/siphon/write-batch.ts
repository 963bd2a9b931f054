import { assertNever } from "#nervous-system/kernel/outcome.ts";
import { erasuresIn, type Erasure } from "#pipeline/siphon/erasures.ts";
import type { SiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Batch, Sink } from "#pipeline/siphon/sink.ts";

/** The store must be prepared anew. */
export class StoreLost extends Error {
  override readonly name = "StoreLost";
}

/** What writing batches to a sink needs. */
export type Writing = {
  /** The sink's label in metrics. */
  readonly name: string;
  readonly sink: Pick<Sink, "write" | "erase">;
  readonly metrics: Pick<SiphonMetrics, "sinkBatches" | "sinkFrames">;
  readonly signal: AbortSignal;
  /** Waits before a batch is tried again that the store did not take now. */
  readonly pause: (failures: number, reason: string, afterMs?: number) => Promise<void>;
  /** Puts a frame aside that the store will never take. */
  readonly refuse: (cut: Batch["cut"], frame: Batch["frames"][number], reason: string) => Promise<void>;
};

const halves = ({ cut, frames }: Batch): [Batch, Batch] => {
  const middle = Math.ceil(frames.length / 2);
  const [left, right] = [frames.slice(0, middle), frames.slice(middle)];
  const border = right[0]?.place ?? cut.to;
  return [
    { cut: { ...cut, to: border - 1 }, frames: left },
    { cut: { ...cut, from: border }, frames: right },
  ];
};

/**
 * Writes a batch, and erases what it orders, however long that takes; what the store will never take is halved until the one frame is found. Rejects
 * with the signal's reason, and with `StoreLost`.
 */
export const writeBatch = async (writing: Writing, given: Batch): Promise<void> => {
  const { name, sink, signal, metrics } = writing;
  let batch = given;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    const result = await sink.write(batch, signal);
    metrics.sinkBatches.inc({ sink: name, result: result.kind });
    switch (result.kind) {
      case "written":
        metrics.sinkFrames.inc({ sink: name }, batch.frames.length);
        return eraseOrdered(writing, erasuresIn(batch.frames));
      case "retryable":
        await writing.pause(failures, result.reason, result.afterMs);
        continue;
      case "lost":
        throw new StoreLost(result.reason);
      case "rejected":
        if (result.bad === undefined) return splitBatch(writing, batch, result.reason);
        batch = await setAside(writing, batch, result.bad, result.reason);
        continue;
      default:
        return assertNever(result);
    }
  }
};

/** Carries out what frames of a batch order, behind all that stood before them. */
const eraseOrdered = async ({ sink, signal, pause }: Writing, erasures: readonly Erasure[]): Promise<void> => {
  if (erasures.length === 0) return;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    const result = await sink.erase(erasures, signal);
    if (result.kind === "written") return;
    if (result.kind === "lost") throw new StoreLost(result.reason);
    await pause(failures, result.reason, result.afterMs);
  }
};

/** The batch without the frames that its store will never take. */
const setAside = async (
  { refuse }: Writing,
  { cut, frames }: Batch,
  bad: Batch["frames"],
  reason: string,
): Promise<Batch> => {
  for (const frame of bad) await refuse(cut, frame, reason);
  return { cut, frames: frames.filter((frame) => !bad.includes(frame)) };
};

const splitBatch = async (writing: Writing, batch: Batch, reason: string): Promise<void> => {
  const [only, ...others] = batch.frames;
  if (only === undefined) return;
  if (others.length === 0) return writing.refuse(batch.cut, only, reason);
  for (const half of halves(batch)) await writeBatch(writing, half);
};
