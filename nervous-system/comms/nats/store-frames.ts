import type { BatchOutcome } from "./atomic-batch.ts";
import { cutBatches, renderBatch } from "./batch.ts";
import { planChains, type ChainPlan, type FrameResult } from "./chain-plan.ts";
import { cutChunks, type Chunk } from "./chunk.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { FrameStream } from "./frame-stream.ts";
import { createTails } from "./tails.ts";

/** What one attempt to store frames came to: a result a frame, or the outcome that stopped it. */
type StoreOutcome =
  | { readonly kind: "done"; readonly results: readonly FrameResult[] }
  | Exclude<BatchOutcome, { kind: "stored" }>;

/** Stores frames of any chains, once: what a chain holds already is left out. Never rejects. */
export type StoreFrames = (frames: readonly RecordedFrame[]) => Promise<StoreOutcome>;

const lacksFrames = (result: FrameResult): boolean => result.kind === "missing" || result.kind === "fork";

/** Creates the storing of frames in one stream; it remembers the tails of the chains that it writes. */
export const createStoreFrames = (stream: FrameStream): StoreFrames => {
  const tails = createTails(stream);

  const plan = async (frames: readonly RecordedFrame[]): Promise<ChainPlan> => {
    const planned = planChains(await tails.load(frames), frames);
    if (!planned.results.some(lacksFrames)) return planned;
    // Another writer may have moved those chains past what we remember.
    tails.forget(frames.filter((_, at) => lacksFrames(planned.results[at] as FrameResult)));
    return planChains(await tails.load(frames), frames);
  };

  const commit = async (batch: readonly Chunk[]): Promise<BatchOutcome> => {
    const outcome = await stream.commit(renderBatch(batch, tails.known));
    if (outcome.kind === "stored") tails.advance(batch, outcome.firstSeq);
    else tails.forget(batch.flatMap(({ frames }) => frames));
    return outcome;
  };

  const attempt = async (frames: readonly RecordedFrame[]): Promise<StoreOutcome> => {
    const { publish, results } = await plan(frames);
    const wanted = publish.length === frames.length ? frames : publish.flatMap((index) => frames[index] ?? []);
    for (const batch of cutBatches(cutChunks(wanted))) {
      const outcome = await commit(batch);
      if (outcome.kind !== "stored") return outcome;
    }
    return { kind: "done", results };
  };

  return async (frames) => {
    const link = stream.currentLink();
    if (link.aborted) return { kind: "unknown", error: link.reason };
    try {
      return await attempt(frames);
    } catch (error) {
      return { kind: "unknown", error };
    }
  };
};
