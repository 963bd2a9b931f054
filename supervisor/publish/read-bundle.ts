import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { grpcStatus, toGrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { getBlobMethod } from "#nervous-system/comms/grpc/methods.ts";
import { BlobChunkSchema, GetBlobRequestSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { maxBundleBytes } from "#supervisor/publish/proposal.ts";
import { done, refuse, retry, type Step } from "#supervisor/publish/verdict.ts";

const deadlineMs = 300_000;

/** Where a bundle is: a blob of a namespace. */
export type BundleRef = { readonly namespace: string; readonly bundle: string; readonly bundle_bytes: number };

const judgeFailure = (error: unknown, { bundle, namespace }: BundleRef): Step<Buffer> => {
  const failure = toGrpcFailure(error);
  const notFound: number = grpcStatus.notFound;
  if (failure.code === notFound)
    return refuse("BundleNotFound", `the bundle ${bundle} is not among the blobs of namespace ${namespace}`);
  return retry(`the collector did not give the bundle ${bundle}: ${failure.message}`);
};

/** Reads a bundle from the collector and checks that it is what its digest says. */
export const readBundle = async (client: Pick<GrpcClient, "serverStream">, ref: BundleRef): Promise<Step<Buffer>> => {
  const request = create(GetBlobRequestSchema, { digest: ref.bundle, namespace: ref.namespace });
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const stream = client.serverStream(getBlobMethod, Buffer.from(toBinary(GetBlobRequestSchema, request)), {
      deadlineMs,
    });
    for await (const message of stream) {
      const { chunk } = fromBinary(BlobChunkSchema, message);
      size += chunk.length;
      if (size > maxBundleBytes) return refuse("BundleTooLarge", `the bundle is larger than ${maxBundleBytes} bytes`);
      chunks.push(Buffer.from(chunk));
    }
  } catch (error) {
    return judgeFailure(error, ref);
  }
  const bytes = Buffer.concat(chunks);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (digest !== ref.bundle) return retry(`the collector gave ${digest} where ${ref.bundle} was asked for`);
  return size === ref.bundle_bytes
    ? done(bytes)
    : refuse("InvalidBundle", `the bundle has ${size} bytes; the proposal says ${ref.bundle_bytes}`);
};
