import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { putBlobMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { BlobChunkSchema, PutBlobResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";

/** Where long texts and bundles go. */
export type BlobStore = {
  /** Stores bytes and answers `sha256:<hex>`; rejects after `deadlineMs`. */
  put(bytes: Buffer, deadlineMs: number): Promise<string>;
  close(): void;
};

const chunkBytes = 1024 * 1024;

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length || at === 0; at += chunkBytes) {
    const chunk = create(BlobChunkSchema, { chunk: bytes.subarray(at, at + chunkBytes) });
    yield Buffer.from(toBinary(BlobChunkSchema, chunk));
  }
}

const retryEveryMs = 1_000;

/** Whether the namespace has filled its share of the store: that is not over in a minute. */
const isFull = (error: unknown): boolean => (error as Partial<GrpcFailure>).code === grpcStatus.resourceExhausted;

/** Creates a store over the scribe's service port (`host:port`); puts are repeated until their deadline, which is safe by digest. */
export const createBlobStore = (address: string, clock: Clock): BlobStore => {
  const client: GrpcClient = createGrpcClient({ address, clock });
  return {
    put: async (bytes, deadlineMs) => {
      const until = clock.monotonicMs() + deadlineMs;
      for (;;) {
        const left = Math.max(until - clock.monotonicMs(), 1);
        try {
          const answer = await client.clientStream(putBlobMethod, chunksOf(bytes), { deadlineMs: left });
          return fromBinary(PutBlobResponseSchema, answer).digest;
        } catch (error) {
          if (isFull(error) || clock.monotonicMs() + retryEveryMs >= until) throw error;
          await clock.sleep(retryEveryMs);
        }
      }
    },
    close: () => client.close(),
  };
};
