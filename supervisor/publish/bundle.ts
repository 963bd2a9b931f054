import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { grpcStatus, toGrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { getBlobMethod } from "#nervous-system/comms/grpc/methods.ts";
import { bundleRef, maxBundleBytes } from "#nervous-system/git/proposal-bundle.ts";
import { BlobChunkSchema, GetBlobRequestSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { done, refuse, retry, type Refused, type Step } from "#supervisor/publish/proposal.ts";

/** What the head of a bundle says: its one ref, the commits it needs, and how many objects follow. */
type BundleHeader = {
  readonly head: string;
  readonly prerequisites: readonly string[];
  readonly objects: number;
  /** Where the pack begins, bytes. */
  readonly packAt: number;
};

const maxHeaderBytes = 65_536;
const maxObjects = 50_000;

const malformed = (what: string): Refused => refuse("InvalidBundle", `the bundle is malformed: ${what}`);

const readPackCount = (bundle: Buffer, from: number): number | undefined => {
  if (bundle.length < from + 12 || bundle.toString("latin1", from, from + 4) !== "PACK") return undefined;
  return bundle.readUInt32BE(from + 8);
};

type HeaderLines = { readonly refs: readonly string[]; readonly prerequisites: readonly string[] };

/** Sorts the lines of a header; the first line that is none of what is expected refuses the bundle. */
const sortLines = (lines: readonly string[]): HeaderLines | Refused => {
  const unexpected = lines.find(
    (line) => !/^(-[0-9a-f]{40,64}( .*)?|[0-9a-f]{40,64} .*|@object-format=sha(1|256))$/.test(line),
  );
  if (unexpected !== undefined) return malformed(`it says "${unexpected.slice(0, 100)}"`);
  return {
    refs: lines.filter((line) => /^[0-9a-f]/.test(line)),
    prerequisites: lines.filter((line) => line.startsWith("-")).map((line) => line.slice(1).split(" ")[0] ?? ""),
  };
};

const headerLines = (bundle: Buffer, end: number): HeaderLines | Refused => {
  const [signature = "", ...lines] = bundle.toString("utf8", 0, Math.max(end, 0)).split("\n");
  if (!/^# v[23] git bundle$/.test(signature)) return malformed("it does not begin as a bundle of version 2 or 3");
  return sortLines(lines);
};

/**
 * Reads the head of a bundle before Git sees it: version 2 or 3 without capabilities other than the object format, exactly one ref,
 * and no more objects than a change of two hundred files can need.
 */
export const parseBundleHeader = (bundle: Buffer): { readonly kind: "ok"; readonly value: BundleHeader } | Refused => {
  const end = bundle.subarray(0, maxHeaderBytes).indexOf("\n\n");
  const header = headerLines(bundle, end);
  if ("kind" in header) return header;
  const [head = "", name = ""] = header.refs[0]?.split(" ") ?? [];
  if (header.refs.length !== 1 || name !== bundleRef)
    return malformed(`it must hold exactly one ref, ${bundleRef}, and holds ${header.refs.length}`);
  const objects = readPackCount(bundle, end + 2);
  if (objects === undefined) return malformed("no pack follows its header");
  if (objects > maxObjects)
    return refuse("BundleTooLarge", `the bundle holds ${objects} objects; at most ${maxObjects} are accepted`);
  return { kind: "ok", value: { head, prerequisites: header.prerequisites, objects, packAt: end + 2 } };
};

const deadlineMs = 300_000;

/** Where a bundle is: a blob of a namespace. */
type BundleRef = { readonly namespace: string; readonly bundle: string; readonly bundle_bytes: number };

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
  const hash = createHash("sha256");
  let size = 0;
  try {
    const stream = client.serverStream(getBlobMethod, Buffer.from(toBinary(GetBlobRequestSchema, request)), {
      deadlineMs,
    });
    for await (const message of stream) {
      const { chunk } = fromBinary(BlobChunkSchema, message);
      size += chunk.length;
      if (size > maxBundleBytes) return refuse("BundleTooLarge", `the bundle is larger than ${maxBundleBytes} bytes`);
      // As it comes: all of it at once would hold up everything else.
      hash.update(chunk);
      chunks.push(Buffer.from(chunk));
    }
  } catch (error) {
    return judgeFailure(error, ref);
  }
  const bytes = Buffer.concat(chunks);
  const digest = `sha256:${hash.digest("hex")}`;
  if (digest !== ref.bundle) return retry(`the collector gave ${digest} where ${ref.bundle} was asked for`);
  return size === ref.bundle_bytes
    ? done(bytes)
    : refuse("InvalidBundle", `the bundle has ${size} bytes; the proposal says ${ref.bundle_bytes}`);
};
