import { setImmediate } from "node:timers/promises";
import { zstdCompressSync } from "node:zlib";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import type { Batch } from "#pipeline/siphon/sink.ts";
import { columnData, fileSchema } from "./columns.ts";

/** Rows that are encoded in one go, a fifth of a second: other sinks of the process wait as long. */
const ROWS_PER_GROUP = 8192;
/** Larger pages than the writer's: what agents say again of the same files is found again within a page only. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Bytes of a bound in statistics: a UUID says nothing in the writer's 16. */
const BOUND_BYTES = 64;

/** Encodes a batch as a Parquet file; the same batch gives the same bytes. Rejects where a frame fits no column. */
export const encodeFile = async ({ cut, frames }: Batch): Promise<Uint8Array> => {
  const writer = Object.assign(new ByteWriter(), { flush: () => setImmediate() });
  await parquetWrite({
    writer,
    schema: fileSchema,
    columnData: columnData(frames),
    codec: "ZSTD",
    compressors: { ZSTD: (page) => zstdCompressSync(page) },
    rowGroupSize: ROWS_PER_GROUP,
    pageSize: PAGE_BYTES,
    statisticsTruncateLength: BOUND_BYTES,
    createdBy: "enchanted-swarm",
    kvMetadata: [{ key: "enchanted.cut", value: JSON.stringify(cut) }],
  });
  return writer.getBytes();
};
