import type { ArchivedFrame } from "#pipeline/archive-reader/read-archive.ts";
import type { Batch, SinkLimits } from "#pipeline/siphon/sink.ts";

/** Frames of one stream of the archive, and the folder of that stream. */
export type ArchivedBatch = { readonly folder: string; readonly batch: Batch };

const bytesOf = ({ frame }: ArchivedFrame): number => frame.bytes.length + frame.envelopeText.length;

const batchOf = (frames: readonly ArchivedFrame[], run: string): ArchivedBatch[] => {
  const [first, last] = [frames[0], frames.at(-1)];
  if (first === undefined || last === undefined) return [];
  const { folder, stream } = first;
  const { place: to, hash } = last.frame;
  // Its own fingerprint: the siphon's cut of the same places may hold other frames, and what an earlier import wrote may be gone.
  const cut = { stream, from: first.frame.place, to, hash: `archive ${run} ${hash}` };
  return [{ folder, batch: { cut, frames: frames.map(({ frame }) => frame) } }];
};

/** Cuts the archive's frames into batches that a sink takes, none of two streams; a store takes each again in another `run`. */
export async function* batchesOf(
  frames: AsyncIterable<ArchivedFrame>,
  { maxFrames, maxBytes }: Pick<SinkLimits, "maxFrames" | "maxBytes">,
  run: string,
): AsyncGenerator<ArchivedBatch> {
  let gathered: ArchivedFrame[] = [];
  let bytes = 0;
  for await (const one of frames) {
    const isFull = gathered.length >= maxFrames || bytes >= maxBytes;
    // Who goes on behind a place has all that stands there.
    if ((isFull && gathered.at(-1)?.frame.place !== one.frame.place) || gathered[0]?.folder !== one.folder) {
      yield* batchOf(gathered, run);
      [gathered, bytes] = [[], 0];
    }
    gathered.push(one);
    bytes += bytesOf(one);
  }
  yield* batchOf(gathered, run);
}
