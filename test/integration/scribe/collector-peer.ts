import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { chainKey, emptyTail, planChains, type ChainTail } from "#nervous-system/comms/nats/chain-plan.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import {
  exportLogs,
  exportTraces,
  getBlobMethod,
  putBlobMethod,
  tailMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import { startGrpcServer, type CallContext, type GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseEnvelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
import { decodeLogsRequest, type LogRecordView } from "#nervous-system/codecs/otlp/decode-logs.ts";
import { encodeExportResponse } from "#nervous-system/codecs/otlp/status.ts";
import type { KeyPair } from "#platform/cluster/certificates.ts";

/** The collector's wire with its memory in place of a stream: what a scribe sends lands in `frames`, by the collector's own rules. */
export type CollectorPeer = {
  port: number;
  frames: RecordedFrame[];
  spans: Buffer[];
  /** The token that it accepts; others are UNAUTHENTICATED. */
  token: string;
  /** Answers every call with this failure. */
  failure: GrpcFailure | undefined;
  close(): Promise<void>;
};

const frameOf = (record: LogRecordView): RecordedFrame => {
  const envelopeText = record.envelopeText ?? "";
  const parsed = parseEnvelope(envelopeText);
  if (!parsed.ok) throw new GrpcFailure(grpcStatus.invalidArgument, parsed.reason);
  if (parsed.envelope.event_type !== record.eventType) throw new GrpcFailure(grpcStatus.invalidArgument, "event_name");
  return {
    envelope: parsed.envelope,
    envelopeText,
    bytes: Buffer.from(record.body),
    prevHash: record.prevHash,
    hash: record.hash,
  };
};

const authenticate = (peer: CollectorPeer, { token }: CallContext): void => {
  if (token !== peer.token) throw new GrpcFailure(grpcStatus.unauthenticated, "the token is not known");
  if (peer.failure !== undefined) throw peer.failure;
};

const tailsOf = (frames: readonly RecordedFrame[]): Map<string, ChainTail> =>
  new Map(frames.map((frame) => [chainKey(frame), { seq: frame.envelope.seq, hash: frame.hash, streamSeq: 1 }]));

/** Digest of a blob of 64 MiB, which comes in the collector's own pieces. */
export const largeBlob = `sha256:${"1a".repeat(32)}`;

const piecesOfLargeBlob = function* (): Iterable<Buffer> {
  const chunk = create(BlobChunkSchema, { chunk: Buffer.alloc(256 * 1024, 1) });
  for (let n = 0; n < 256; n += 1) yield Buffer.from(toBinary(BlobChunkSchema, chunk));
};

const handlersOf = (peer: CollectorPeer, blobs: Map<string, Buffer>): GrpcHandler[] => [
  {
    kind: "unary",
    method: tailMethod,
    handle: async (request, call) => {
      authenticate(peer, call);
      const { agentUid, epoch } = fromBinary(TailRequestSchema, request);
      const tail = tailsOf(peer.frames).get(`${agentUid}/${epoch}`) ?? emptyTail;
      const answer = create(TailResponseSchema, { seq: BigInt(tail.seq), hash: tail.hash });
      return Buffer.from(toBinary(TailResponseSchema, answer));
    },
  },
  {
    kind: "unary",
    method: exportLogs,
    handle: async (request, call) => {
      authenticate(peer, call);
      const frames = decodeLogsRequest(Buffer.from(request)).map(frameOf);
      const plan = planChains(tailsOf(peer.frames), frames);
      const bad = plan.results.find(({ kind }) => kind === "missing" || kind === "fork");
      if (bad !== undefined) throw new GrpcFailure(grpcStatus.aborted, JSON.stringify(bad));
      for (const at of plan.publish) peer.frames.push(frames[at]!);
      return encodeExportResponse();
    },
  },
  {
    kind: "unary",
    method: exportTraces,
    handle: async (request, call) => {
      authenticate(peer, call);
      peer.spans.push(Buffer.from(request));
      return Buffer.alloc(0);
    },
  },
  {
    kind: "clientStream",
    method: putBlobMethod,
    handle: async (requests, call) => {
      authenticate(peer, call);
      const chunks: Uint8Array[] = [];
      for await (const chunk of requests) chunks.push(fromBinary(BlobChunkSchema, chunk).chunk);
      const blob = Buffer.concat(chunks);
      const digest = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
      blobs.set(digest, blob);
      const answer = create(PutBlobResponseSchema, { digest, size: BigInt(blob.length) });
      return Buffer.from(toBinary(PutBlobResponseSchema, answer));
    },
  },
  {
    kind: "serverStream",
    method: getBlobMethod,
    handle: async function* (request, call) {
      authenticate(peer, call);
      const { digest } = fromBinary(GetBlobRequestSchema, request);
      if (digest === largeBlob) return yield* piecesOfLargeBlob();
      const blob = blobs.get(digest);
      if (blob === undefined) throw new GrpcFailure(grpcStatus.notFound, "no such blob");
      for (let at = 0; at < blob.length; at += 1000) {
        const chunk = create(BlobChunkSchema, { chunk: blob.subarray(at, at + 1000) });
        yield Buffer.from(toBinary(BlobChunkSchema, chunk));
      }
    },
  },
];

/** Starts a peer with TLS on loopback; give it another's `frames` and `port` to let that one return. */
export const startCollectorPeer = async (
  tls: KeyPair,
  before?: Pick<CollectorPeer, "frames" | "port">,
): Promise<CollectorPeer> => {
  const peer: CollectorPeer = {
    port: before?.port ?? 0,
    frames: before?.frames ?? [],
    spans: [],
    token: "pod-token",
    failure: undefined,
    close: () => server.close(0),
  };
  const server = await startGrpcServer({
    address: `127.0.0.1:${peer.port}`,
    tls: { cert: await readFile(tls.certFile, "utf8"), key: await readFile(tls.keyFile, "utf8") },
    handlers: handlersOf(peer, new Map()),
    onError: (method, error) => console.error(method, error),
    clock: systemClock(),
  });
  peer.port = server.port;
  return peer;
};
