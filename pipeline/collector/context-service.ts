import { create, toBinary } from "@bufbuild/protobuf";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import {
  eraseMethod,
  getBlobMethod,
  namespaceMetadata,
  putBlobMethod,
  recallMethod,
  streamStateMethod,
  tailMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { ObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
  StreamStateResponseSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
import type { BlobOwner, BlobQuota, Upload } from "#pipeline/collector/blob-quota.ts";
import type { BlobShare } from "#pipeline/collector/blob-share.ts";
import { isComponent, type Caller } from "#pipeline/collector/caller.ts";
import type { ChainOwners } from "#pipeline/collector/chain-owners.ts";
import { decodeMessage } from "#pipeline/decode-message.ts";
import type { RecordUse } from "#pipeline/identity/record-right.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import { createLimitPerAgent } from "./limit-per-agent.ts";

/** What the pod's way back needs. */
export type ContextServiceOptions = {
  readonly identify: Identify;
  readonly owners: ChainOwners;
  readonly bus: Pick<Bus, "tail" | "settled" | "streamState">;
  /** Durable readers whose stores must hold a frame before it counts as settled. */
  readonly sinks: readonly string[];
  readonly blobs: ObjectStore;
  readonly blobQuota: BlobQuota;
  readonly blobShare: BlobShare;
};

/**
 * What a method, by its path, does with the record. The tail of a chain is told to its writer only, who needs it to go on, and how
 * full the stream is to who writes into it.
 */
export const useOf = (path: string | undefined): RecordUse => {
  if (path === eraseMethod.path) return "delete";
  return path === getBlobMethod.path || path === recallMethod.path ? "get" : "create";
};

const CHUNK_BYTES = 256 * 1024;
const RETRY_MS = 1_000;

/** Blob refusals are the caller's mistake; everything else of a store passes. */
export const storeFailure = (error: unknown): GrpcFailure => {
  if (error instanceof GrpcFailure) return error;
  const { name, message } = (error ?? {}) as { name?: string; message?: string };
  if (name === "BlobRefusedError") return new GrpcFailure(grpcStatus.invalidArgument, message ?? "refused");
  return new GrpcFailure(grpcStatus.unavailable, `the store does not answer: ${String(message)}`, RETRY_MS);
};

async function* chunksOf(requests: AsyncIterable<Buffer>, { take }: Upload): AsyncGenerator<Uint8Array> {
  for await (const request of requests) {
    const { chunk } = decodeMessage(BlobChunkSchema, request);
    take(chunk.length);
    yield chunk;
  }
}

/** gRPC messages of a bounded size, whatever pieces the store gives. */
async function* messagesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      const piece = create(BlobChunkSchema, { chunk: chunk.subarray(at, at + CHUNK_BYTES) });
      yield Buffer.from(toBinary(BlobChunkSchema, piece));
    }
}

const tailHandler = ({ identify, owners, bus, sinks }: ContextServiceOptions): GrpcHandler => ({
  kind: "unary",
  method: tailMethod,
  handle: async (request, { token, metadata }) => {
    const caller = await identify(token, metadata(namespaceMetadata));
    const { agentUid, epoch } = decodeMessage(TailRequestSchema, request);
    await owners.check(caller, agentUid);
    try {
      const tail = await bus.tail(agentUid, epoch);
      const settled = await bus.settled({ agentUid, epoch, tail, sinks });
      const answer = { seq: BigInt(tail.seq), hash: tail.hash, settled: BigInt(settled) };
      return Buffer.from(toBinary(TailResponseSchema, create(TailResponseSchema, answer)));
    } catch (error) {
      throw storeFailure(error);
    }
  },
});

const streamStateHandler = ({ identify, bus }: ContextServiceOptions): GrpcHandler => ({
  kind: "unary",
  method: streamStateMethod,
  handle: async (_request, { token, metadata }) => {
    await identify(token, metadata(namespaceMetadata));
    try {
      const { bytes, limitBytes = 0 } = await bus.streamState();
      const answer = { bytes: BigInt(bytes), limitBytes: BigInt(limitBytes) };
      return Buffer.from(toBinary(StreamStateResponseSchema, create(StreamStateResponseSchema, answer)));
    } catch (error) {
      throw storeFailure(error);
    }
  },
});

/** A pod has the blobs of its own namespace, an external client of the one it was admitted to; a component names the one that it works for. */
const namespaceFor = (caller: Caller, asked: string): string => {
  if (asked === "" || asked === caller.namespace) return caller.namespace;
  if (isComponent(caller)) return asked;
  throw new GrpcFailure(grpcStatus.permissionDenied, `blobs of namespace "${asked}" are not this pod's`);
};

// Each may lie on the collector's disk until it is whole.
const MAX_UPLOADS = 4;
// Each keeps a piece that its reader may not take.
const MAX_DOWNLOADS = 8;

const putBlobHandler = ({ identify, blobs, blobQuota, blobShare }: ContextServiceOptions): GrpcHandler => {
  const enter = createLimitPerAgent(MAX_UPLOADS, "blobs");
  const putFor = async (owner: BlobOwner, requests: AsyncIterable<Buffer>) => {
    const upload = blobQuota.open(owner);
    try {
      return await blobs.putStream(owner.namespace, chunksOf(requests, upload), (bytes) =>
        blobShare.take(owner, bytes),
      );
    } finally {
      upload.leave();
    }
  };
  return {
    kind: "clientStream",
    method: putBlobMethod,
    handle: async (requests, { token, metadata }) => {
      const asked = metadata(namespaceMetadata);
      const caller = await identify(token, asked);
      const agentUid = isComponent(caller) ? undefined : caller.agentUid;
      const owner = { namespace: namespaceFor(caller, asked ?? ""), agentUid };
      const leave = agentUid === undefined ? () => undefined : enter(agentUid);
      try {
        const { digest, size } = await putFor(owner, requests);
        const answer = create(PutBlobResponseSchema, { digest, size: BigInt(size) });
        return Buffer.from(toBinary(PutBlobResponseSchema, answer));
      } catch (error) {
        throw storeFailure(error);
      } finally {
        leave();
      }
    },
  };
};

const getBlobHandler = ({ identify, blobs }: ContextServiceOptions): GrpcHandler => {
  const enter = createLimitPerAgent(MAX_DOWNLOADS, "blobs read");
  return {
    kind: "serverStream",
    method: getBlobMethod,
    handle: async function* (request, { token, metadata }) {
      const caller = await identify(token, metadata(namespaceMetadata), { use: "get" });
      const { digest, namespace } = decodeMessage(GetBlobRequestSchema, request);
      const leave = isComponent(caller) ? () => undefined : enter(caller.agentUid);
      try {
        const found = await blobs.get(namespaceFor(caller, namespace), digest);
        if (found === undefined) throw new GrpcFailure(grpcStatus.notFound, `there is no blob ${digest}`);
        yield* messagesOf(found);
      } catch (error) {
        throw storeFailure(error);
      } finally {
        leave();
      }
    },
  };
};

/** `enchanted.v1.ContextService` over the stream and the blobs. */
export const createContextService = (options: ContextServiceOptions): GrpcHandler[] => [
  tailHandler(options),
  streamStateHandler(options),
  putBlobHandler(options),
  getBlobHandler(options),
];
