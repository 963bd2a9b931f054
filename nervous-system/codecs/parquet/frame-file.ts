import { constants, zstdCompressSync } from "node:zlib";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { columnData, fileSchema, type PlacedFrame } from "./frame-columns.ts";

/** Writes a Parquet file of frames, a row group at a time: what a call gives stands behind what the calls before gave. */
export type FrameFile = {
  /** Encodes frames as the next row group; throws where one has a number that no column holds. */
  group(frames: readonly PlacedFrame[]): Uint8Array;
  /** The end of the file. */
  end(): Uint8Array;
};

/** Most rows of a group. */
export const ROWS_PER_GROUP = 20_000;
/** A page holds the whole column: what was said before is found within a page only. */
const PAGE_BYTES = 32 * 1024 * 1024;
const level = { [constants.ZSTD_c_compressionLevel]: 3 };
/** Agents say the same lines of the same files again, megabytes apart: in a large page they are looked for in 16 MiB. */
const farMatches = { ...level, [constants.ZSTD_c_enableLongDistanceMatching]: 1, [constants.ZSTD_c_windowLog]: 24 };
const LARGE_BYTES = 5 * 1024 * 1024;

const compress = (page: Uint8Array): Uint8Array =>
  zstdCompressSync(page, {
    params: page.byteLength > LARGE_BYTES ? farMatches : level,
    pledgedSrcSize: page.byteLength,
  });

/** Bytes of a bound in statistics: a UUID says nothing in the writer's 16. */
const BOUND_BYTES = 64;

/** Creates the writer of a file that says `said` of itself; the same frames and groups give the same bytes. */
export const createFrameFile = (said: Readonly<Record<string, string>>): FrameFile => {
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema: fileSchema,
    codec: "ZSTD",
    compressors: { ZSTD: compress },
    statisticsTruncateLength: BOUND_BYTES,
    createdBy: "enchanted-swarm",
    kvMetadata: Object.entries(said).map(([key, value]) => ({ key, value })),
  });
  const taken = (): Uint8Array => {
    const written = bytes.getBytes().slice();
    bytes.index = 0;
    return written;
  };
  return {
    group: (frames) => {
      void writer.write({ columnData: columnData(frames), rowGroupSize: ROWS_PER_GROUP, pageSize: PAGE_BYTES });
      return taken();
    },
    end: () => {
      void writer.finish();
      return taken();
    },
  };
};
