import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import type { Bus } from "#nervous-system/comms/bus.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc-failure.ts";
import { getBlobMethod, namespaceMetadata, putBlobMethod, tailMethod } from "#nervous-system/comms/grpc-methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc-server.ts";
import type { ObjectStore, StoredBlob } from "#nervous-system/comms/object-store.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
import { isUuid } from "#nervous-system/schemas/ids.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { Identify } from "#pipeline/collector/identify.ts";

/** What the pod's way back needs. */
export type ContextServiceOptions = {
  readonly identify: Identify;
  readonly bus: Pick<Bus, "tail">;
  readonly blobs: ObjectStore;
};

const CHUNK_BYTES = 256 * 1024;
const RETRY_MS = 1_000;

const decode = <D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> => {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new GrpcFailure(grpcStatus.invalidArgument, `malformed ${schema.typeName}: ${String(error)}`);
  }
};

/** Blob refusals are the caller's mistake; everything else of a store passes. */
const storeFailure = (error: unknown): GrpcFailure => {
  if (error instanceof GrpcFailure) return error;
  const { name, message } = (error ?? {}) as { name?: string; message?: string };
  if (name === "BlobRefusedError") return new GrpcFailure(grpcStatus.invalidArgument, message ?? "refused");
  return new GrpcFailure(grpcStatus.unavailable, `the store does not answer: ${String(message)}`, RETRY_MS);
};

async function* chunksOf(requests: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  for await (const request of requests) yield decode(BlobChunkSchema, request).chunk;
}

/** gRPC messages of a bounded size, whatever pieces the store gives. */
async function* messagesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      const piece = create(BlobChunkSchema, { chunk: chunk.subarray(at, at + CHUNK_BYTES) });
      yield Buffer.from(toBinary(BlobChunkSchema, piece));
    }
}

const tailHandler = ({ identify, bus }: ContextServiceOptions): GrpcHandler => ({
  kind: "unary",
  method: tailMethod,
  handle: async (request, { token }) => {
    const caller = await identify(token);
    const { agentUid, epoch } = decode(TailRequestSchema, request);
    if (!isUuid(agentUid)) throw new GrpcFailure(grpcStatus.invalidArgument, "agent_uid is a lower-case UUID");
    if (agentUid !== caller.agentUid)
      throw new GrpcFailure(
        grpcStatus.permissionDenied,
        `the token belongs to agent_uid ${caller.agentUid}, not ${agentUid}`,
      );
    const { seq, hash } = await bus.tail(agentUid, epoch).catch((error: unknown) => {
      throw storeFailure(error);
    });
    return Buffer.from(toBinary(TailResponseSchema, create(TailResponseSchema, { seq: BigInt(seq), hash })));
  },
});

/** A pod has the blobs of its own namespace; a component names the one that it works for. */
const namespaceFor = (caller: Caller, asked: string): string => {
  if (asked === "" || asked === caller.namespace) return caller.namespace;
  if (caller.bound === undefined) return asked;
  throw new GrpcFailure(grpcStatus.permissionDenied, `blobs of namespace "${asked}" are not this pod's`);
};

const MAX_UPLOADS = 4;

/** Runs the uploads of one agent a few at a time: each may lie on the collector's disk until it is whole. */
const createUploads = () => {
  const open = new Map<string, number>();
  return async <T>({ agentUid, bound }: Caller, upload: () => Promise<T>): Promise<T> => {
    const count = open.get(agentUid) ?? 0;
    if (bound !== undefined && count >= MAX_UPLOADS)
      throw new GrpcFailure(grpcStatus.unavailable, `at most ${MAX_UPLOADS} blobs of an agent at a time`, RETRY_MS);
    open.set(agentUid, count + 1);
    try {
      return await upload();
    } finally {
      const left = (open.get(agentUid) ?? 1) - 1;
      if (left === 0) open.delete(agentUid);
      else open.set(agentUid, left);
    }
  };
};

const putBlobHandler = ({ identify, blobs }: ContextServiceOptions): GrpcHandler => {
  const uploads = createUploads();
  return {
    kind: "clientStream",
    method: putBlobMethod,
    handle: async (requests, { token, metadata }) => {
      const caller = await identify(token);
      const namespace = namespaceFor(caller, metadata(namespaceMetadata) ?? "");
      const put = (): Promise<StoredBlob> => blobs.putStream(namespace, chunksOf(requests));
      const { digest, size } = await uploads(caller, put).catch((error: unknown) => {
        throw storeFailure(error);
      });
      const answer = create(PutBlobResponseSchema, { digest, size: BigInt(size) });
      return Buffer.from(toBinary(PutBlobResponseSchema, answer));
    },
  };
};

const getBlobHandler = ({ identify, blobs }: ContextServiceOptions): GrpcHandler => ({
  kind: "serverStream",
  method: getBlobMethod,
  handle: async function* (request, { token }) {
    const caller = await identify(token);
    const { digest, namespace } = decode(GetBlobRequestSchema, request);
    try {
      const found = await blobs.get(namespaceFor(caller, namespace), digest);
      if (found === undefined) throw new GrpcFailure(grpcStatus.notFound, `there is no blob ${digest}`);
      yield* messagesOf(found);
    } catch (error) {
      throw storeFailure(error);
    }
  },
});

/** `enchanted.v1.ContextService` over the stream and the blobs. */
export const createContextService = (options: ContextServiceOptions): GrpcHandler[] => [
  tailHandler(options),
  putBlobHandler(options),
  getBlobHandler(options),
];
