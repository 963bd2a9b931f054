import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { getBlobMethod, putBlobMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";

/** Where long texts and bundles go. */
export type BlobStore = {
  /** Stores bytes and answers `sha256:<hex>`; rejects after `deadlineMs`. */
  put(bytes: Buffer, deadlineMs: number): Promise<string>;
  /** The bytes of a digest; rejects where they are not there, are not its, or do not come within `deadlineMs`. */
  get(digest: string, deadlineMs: number): Promise<Buffer>;
};

type BlobClient = Pick<GrpcClient, "clientStream" | "serverStream">;

const chunkBytes = 1024 * 1024;

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length || at === 0; at += chunkBytes) {
    const chunk = create(BlobChunkSchema, { chunk: bytes.subarray(at, at + chunkBytes) });
    yield Buffer.from(toBinary(BlobChunkSchema, chunk));
  }
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const getOnce = async (client: BlobClient, digest: string, deadlineMs: number): Promise<Buffer> => {
  const request = Buffer.from(toBinary(GetBlobRequestSchema, create(GetBlobRequestSchema, { digest })));
  const chunks: Uint8Array[] = [];
  for await (const message of client.serverStream(getBlobMethod, request, { deadlineMs }))
    chunks.push(fromBinary(BlobChunkSchema, message).chunk);
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes) !== digest) throw new Error(`the store gave ${digestOf(bytes)} where ${digest} was asked for`);
  return bytes;
};

const retryEveryMs = 1_000;

// A share of the store that is full is not over in a minute, and what is not there does not come.
const lasting: ReadonlySet<unknown> = new Set([grpcStatus.resourceExhausted, grpcStatus.notFound]);

/** Creates a store over the scribe's service port; calls are repeated until their deadline, which is safe by digest. */
export const createBlobStore = (client: BlobClient, clock: Pick<Clock, "monotonicMs" | "sleep">): BlobStore => {
  const untilDeadline = async <T>(deadlineMs: number, once: (leftMs: number) => Promise<T>): Promise<T> => {
    const until = clock.monotonicMs() + deadlineMs;
    for (;;) {
      try {
        return await once(Math.max(until - clock.monotonicMs(), 1));
      } catch (error) {
        const isOver = clock.monotonicMs() + retryEveryMs >= until;
        if (isOver || lasting.has((error as Partial<GrpcFailure>).code)) throw error;
        await clock.sleep(retryEveryMs);
      }
    }
  };
  return {
    put: (bytes, deadlineMs) =>
      untilDeadline(deadlineMs, async (leftMs) => {
        const answer = await client.clientStream(putBlobMethod, chunksOf(bytes), { deadlineMs: leftMs });
        return fromBinary(PutBlobResponseSchema, answer).digest;
      }),
    get: (digest, deadlineMs) => untilDeadline(deadlineMs, (leftMs) => getOnce(client, digest, leftMs)),
  };
};
