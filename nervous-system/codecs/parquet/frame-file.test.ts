import { describe, expect, it } from "@jest/globals";
import { zstdDecompressSync } from "node:zlib";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { createFrameFile } from "./frame-file.ts";

const compressors = { ZSTD: (page: Uint8Array): Uint8Array => zstdDecompressSync(page) };

describe("a Parquet file of frames", () => {
  it("is one file however many row groups it was written in, and says of itself what it was told", async () => {
    const frames = chainBuilder({ agent_uid: agentUid(1) })
      .take(10)
      .map((frame, n) => ({ ...frame, place: n, storedNs: BigInt(n) }));
    const file = createFrameFile({ "enchanted.export": '{"mission":"m"}' });
    const parts = [file.group(frames.slice(0, 3)), file.group(frames.slice(3)), file.end()];
    const bytes = Buffer.concat(parts);
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const metadata = parquetMetadata(buffer);
    expect(metadata.row_groups.map(({ num_rows: rows }) => Number(rows))).toEqual([3, 7]);
    expect(metadata.key_value_metadata).toEqual([{ key: "enchanted.export", value: '{"mission":"m"}' }]);
    const rows = await parquetReadObjects({ file: buffer, compressors });
    expect(rows.map(({ hash, frame, seq }) => [hash, frame, Number(seq)])).toEqual(
      frames.map(({ hash, bytes: part, envelope }) => [hash, Buffer.from(part).toString(), envelope.seq]),
    );
  });
});
