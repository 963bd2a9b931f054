import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { namespaceMetadata, putBlobMethod } from "#nervous-system/comms/grpc/methods.ts";
import { BlobChunkSchema, PutBlobResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import type { BlobWriter } from "#pipeline/gateway/ports.ts";

const CHUNK_BYTES = 256 * 1024;
const DEADLINE_MS = 60_000;

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = create(BlobChunkSchema, { chunk: bytes.subarray(at, at + CHUNK_BYTES) });
    yield Buffer.from(toBinary(BlobChunkSchema, chunk));
  }
}

/** Blobs kept by the collector: the gateway itself reaches no store. Rejects with `GrpcFailure`. */
export const createCollectorBlobs = (client: Pick<GrpcClient, "clientStream">): BlobWriter => ({
  put: async (namespace, bytes) => {
    const answer = await client.clientStream(putBlobMethod, chunksOf(bytes), {
      deadlineMs: DEADLINE_MS,
      metadata: { [namespaceMetadata]: namespace },
    });
    return fromBinary(PutBlobResponseSchema, answer).digest;
  },
});
