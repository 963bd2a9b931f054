import { constants, zstdCompressSync } from "node:zlib";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import type { Batch } from "#pipeline/siphon/sink.ts";
import { columnData, fileSchema } from "./columns.ts";

/** A row group holds a whole cut of the sink's, and a page the whole column: what was said before is found within a page only. */
const ROWS_PER_GROUP = 20_000;
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

/** Encodes a batch as a Parquet file; the same batch gives the same bytes. Rejects where a frame fits no column. */
export const encodeFile = async ({ cut, frames }: Batch): Promise<Uint8Array> => {
  const writer = new ByteWriter();
  await parquetWrite({
    writer,
    schema: fileSchema,
    columnData: columnData(frames),
    codec: "ZSTD",
    compressors: { ZSTD: compress },
    rowGroupSize: ROWS_PER_GROUP,
    pageSize: PAGE_BYTES,
    statisticsTruncateLength: BOUND_BYTES,
    createdBy: "enchanted-swarm",
    kvMetadata: [{ key: "enchanted.cut", value: JSON.stringify(cut) }],
  });
  return writer.getBytes();
};
