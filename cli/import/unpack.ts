import type { FileHandle } from "node:fs/promises";
import { createZstdDecompress, type ZstdDecompress } from "node:zlib";

const CHUNK_BYTES = 1024 * 1024;
/** A few bytes may unpack to any number. */
const MAX_UNPACKED_BYTES = 4 * 1024 ** 3;
/** Codex writes one. */
const MAX_FRAMES = 1000;

/** The bytes of a file from a place on. */
export async function* readChunks(
  file: Pick<FileHandle, "read">,
  from: number,
  onRead: (at: number) => void,
): AsyncGenerator<Buffer> {
  for (let at = from; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
    onRead(at);
  }
}

/** Whether a file that begins with these bytes is packed with zstd. */
export const isPacked = (head: Buffer): boolean => head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528;

const writeTo = (unpacked: ZstdDecompress, chunk: Buffer): Promise<boolean> =>
  new Promise((done) => {
    unpacked.write(chunk, (error) => done(error === undefined || error === null));
  });

/** Gives bytes to what unpacks them until it needs no more: behind the end of a frame it would drop the rest of a chunk. */
const feed = async (unpacked: ZstdDecompress, chunks: AsyncIterable<Buffer>): Promise<void> => {
  let given = 0;
  for await (const chunk of chunks) {
    given += chunk.length;
    if (!(await writeTo(unpacked, chunk))) return;
    if (unpacked.bytesWritten < given) break;
  }
  unpacked.end();
};

const unpacking = (chunks: AsyncIterable<Buffer>): ZstdDecompress => {
  const unpacked = createZstdDecompress();
  unpacked.on("error", () => undefined); // whoever iterates hears of it
  feed(unpacked, chunks).catch((error: unknown) => unpacked.destroy(error as Error));
  return unpacked;
};

/**
 * What a file packed with zstd holds, frame by frame; throws where it is damaged,
 * torn, or unpacks to more than 4 GiB.
 */
export async function* unpackChunks(
  file: Pick<FileHandle, "read">,
  size: number,
  onRead: (at: number) => void,
): AsyncGenerator<Buffer> {
  let [at, unpackedBytes] = [0, 0];
  for (let frames = 0; at < size; frames += 1) {
    if (frames === MAX_FRAMES) throw new Error(`it has more than ${MAX_FRAMES} zstd frames`);
    const unpacked = unpacking(readChunks(file, at, onRead));
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      unpackedBytes += chunk.length;
      if (unpackedBytes > MAX_UNPACKED_BYTES)
        throw new Error(`it unpacks to more than ${MAX_UNPACKED_BYTES / 1024 ** 3} GiB`);
      yield chunk;
    }
    at += unpacked.bytesWritten;
  }
}
