import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createHash } from "node:crypto";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { getBlobMethod } from "#nervous-system/comms/grpc/methods.ts";
import { BlobChunkSchema, GetBlobRequestSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import type { Host } from "../host.ts";
import { connectCollector } from "../server/connect.ts";
import type { ServerSettings } from "../server/settings.ts";
import { persistently } from "./persistently.ts";

/** The blobs of a namespace. */
export type Blobs = {
  /** The bytes of a digest; undefined where there is no such blob. Rejects with `GrpcFailure` and the signal's reason. */
  read(digest: string): Promise<Buffer | undefined>;
  close(): void;
};

const DEADLINE_MS = 60_000;

/** Opens the way to a collector's blobs; it connects with the first one. */
export const openBlobs = (host: Host, server: ServerSettings, signal: AbortSignal): Blobs => {
  const { client } = connectCollector(host, server);
  const fetch = async (digest: string): Promise<Buffer> => {
    const request = create(GetBlobRequestSchema, { digest, namespace: server.namespace });
    const bytes = Buffer.from(toBinary(GetBlobRequestSchema, request));
    const chunks: Uint8Array[] = [];
    for await (const message of client.serverStream(getBlobMethod, bytes, { deadlineMs: DEADLINE_MS, signal }))
      chunks.push(fromBinary(BlobChunkSchema, message).chunk);
    const blob = Buffer.concat(chunks);
    const found = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
    if (found !== digest) throw new GrpcFailure(grpcStatus.internal, `the collector gave ${found} for ${digest}`);
    return blob;
  };
  return {
    read: async (digest) => {
      try {
        return await persistently(host.clock, signal, () => fetch(digest));
      } catch (error) {
        if (error instanceof GrpcFailure && error.code === grpcStatus.notFound) return undefined;
        throw error;
      }
    },
    close: () => client.close(),
  };
};
