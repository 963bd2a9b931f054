import type { PlacedFrame } from "#nervous-system/codecs/parquet/frame-columns.ts";
import { createFrameFile, ROWS_PER_GROUP } from "#nervous-system/codecs/parquet/frame-file.ts";
import { renderFrameLine } from "#nervous-system/recorder/context-file/frame-line.ts";
import type { Output } from "./output.ts";

/** Writes frames in one format. */
export type FrameWriter = {
  frame(frame: PlacedFrame): Promise<void>;
  /** Writes what had to wait for the last frame. */
  end(): Promise<void>;
};

/** A frame a line, as a record has it. */
export const createLineWriter = (output: Pick<Output, "write">): FrameWriter => ({
  frame: (frame) => output.write(`${renderFrameLine(frame)}\n`),
  end: () => Promise.resolve(),
});

/** Bytes of frames that a row group gathers, in memory, unless a single frame is larger. */
const GROUP_BYTES = 16 * 1024 * 1024;

/** One Parquet file with the columns of the archive, which says `asked` of itself. */
export const createParquetWriter = (
  output: Pick<Output, "write">,
  asked: Readonly<Record<string, string>>,
): FrameWriter => {
  const file = createFrameFile({ "enchanted.export": JSON.stringify(asked) });
  let group: PlacedFrame[] = [];
  let bytes = 0;
  const writeGroup = async (): Promise<void> => {
    const full = group;
    [group, bytes] = [[], 0];
    if (full.length > 0) await output.write(file.group(full));
  };
  return {
    frame: async (frame) => {
      group.push(frame);
      bytes += frame.bytes.length + frame.envelopeText.length;
      if (group.length === ROWS_PER_GROUP || bytes >= GROUP_BYTES) await writeGroup();
    },
    end: async () => {
      await writeGroup();
      await output.write(file.end());
    },
  };
};
