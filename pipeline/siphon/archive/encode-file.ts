import { createFrameFile } from "#nervous-system/codecs/parquet/frame-file.ts";
import type { Batch } from "#pipeline/siphon/sink.ts";

/** Encodes a batch as a Parquet file; the same batch gives the same bytes. Throws where a frame fits no column. */
export const encodeFile = ({ cut, frames }: Batch): Uint8Array => {
  const file = createFrameFile({ "enchanted.cut": JSON.stringify(cut) });
  return Buffer.concat([file.group(frames), file.end()]);
};
