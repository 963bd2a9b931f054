import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import {
  exportTraces,
  getBlobMethod,
  inboxMethod,
  putBlobMethod,
  recallMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import { startGrpcServer, type GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  InboxItemSchema,
  PutBlobResponseSchema,
  RecallRequestSchema,
  RecallResponseSchema,
  type RecallRequest,
} from "#nervous-system/schemas/gen/context_pb.ts";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { parseFrameText } from "#test/builders/frame-text.ts";

/** What somebody said, by whom and as what. */
type InboxMessage = {
  readonly eventId: string;
  readonly type: "INTERVENTION" | "MESSAGE";
  readonly payload: Readonly<Record<string, unknown>>;
};

const inboxItem = (
  { eventId, type, payload }: InboxMessage,
  place: number,
): MessageInitShape<typeof InboxItemSchema> => {
  const produced = { event_type: type, event_id: eventId, payload };
  const producer = type === "MESSAGE" ? "agent" : "operator";
  const { envelopeText, bytes } = chainBuilder({ agent_uid: agentUid(place), producer }).next(produced);
  return { place: BigInt(place), envelope: envelopeText, frame: bytes };
};

/** The scribe's side of an agent: what was recorded, in order, and the blobs and spans it sent. */
export type RecorderPeer = {
  readonly frames: readonly ProducedFrame[];
  /** Flags of the frames, such as payload_invalid; must stay empty. */
  readonly flags: readonly string[];
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** Stores a blob and answers its digest. */
  keep(bytes: Buffer): string;
  /** Forgets a blob. */
  lose(digest: string): void;
  /** OTLP trace exports as they came, joined. */
  spans(): string;
  readonly servicePort: number;
  /** What the inbox holds; without it, the peer has none, as older scribes. */
  say(messages: readonly InboxMessage[]): void;
  /** What is recalled, whatever is asked; without it, the peer has no `Recall`, as older scribes. */
  teach(recall: (query: RecallRequest) => MessageInitShape<typeof RecallResponseSchema>): void;
  /** Resolves when a recorded frame satisfies the condition. */
  until(condition: (frame: ProducedFrame) => boolean): Promise<void>;
  /** Cuts every connection and listens no more, as a scribe that died. */
  vanish(): Promise<void>;
  close(): Promise<void>;
};

const clock = systemClock();

/** Listens on a unix socket and on a service port, and acknowledges whatever is a frame. */
export const startRecorderPeer = async (socketPath: string): Promise<RecorderPeer> => {
  const frames: ProducedFrame[] = [];
  const flags: string[] = [];
  const blobs = new Map<string, Buffer>();
  const spans: Buffer[] = [];
  const waiting = new Set<() => void>();

  const record = (line: string): object => {
    const parsed = parseFrameText(line);
    if (!parsed.ok) return { ok: false, reason: parsed.reason };
    frames.push(parsed.frame);
    flags.push(...parsed.flags);
    for (const look of waiting) look();
    return { ok: true, seq: frames.length, event_id: parsed.frame.event_id ?? "" };
  };

  const peers = new Set<Socket>();
  const socket = createServer((peer) => {
    peers.add(peer);
    peer.on("error", () => {});
    // A client that is killed resets its connection, which the reader of lines tells once more.
    createInterface({ input: peer })
      .on("error", () => {})
      .on("line", (line) => peer.write(`${JSON.stringify(record(line))}\n`));
  }).listen(socketPath);
  await once(socket, "listening");

  const keep = (bytes: Buffer): string => {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    blobs.set(digest, bytes);
    return digest;
  };

  const handlers: GrpcHandler[] = [
    {
      kind: "clientStream",
      method: putBlobMethod,
      handle: async (requests) => {
        const chunks: Uint8Array[] = [];
        for await (const request of requests) chunks.push(fromBinary(BlobChunkSchema, request).chunk);
        const bytes = Buffer.concat(chunks);
        const digest = keep(bytes);
        return Buffer.from(
          toBinary(PutBlobResponseSchema, create(PutBlobResponseSchema, { digest, size: BigInt(bytes.length) })),
        );
      },
    },
    {
      kind: "serverStream",
      method: getBlobMethod,
      handle: async function* (request) {
        const bytes = blobs.get(fromBinary(GetBlobRequestSchema, request).digest);
        if (bytes === undefined) throw new GrpcFailure(grpcStatus.notFound, "there is no such blob");
        yield Buffer.from(toBinary(BlobChunkSchema, create(BlobChunkSchema, { chunk: bytes })));
      },
    },
    {
      kind: "unary",
      method: exportTraces,
      handle: async (request) => {
        spans.push(request);
        return Buffer.alloc(0);
      },
    },
  ];
  let recall: Parameters<RecorderPeer["teach"]>[0] | undefined;
  handlers.push({
    kind: "unary",
    method: recallMethod,
    handle: async (request) => {
      if (recall === undefined) throw new GrpcFailure(grpcStatus.unimplemented, "no such method");
      const answer = recall(fromBinary(RecallRequestSchema, request));
      return Buffer.from(toBinary(RecallResponseSchema, create(RecallResponseSchema, answer)));
    },
  });
  let inbox: readonly InboxMessage[] | undefined;
  handlers.push({
    kind: "serverStream",
    method: inboxMethod,
    handle: async function* (_request, { signal }) {
      if (inbox === undefined) throw new GrpcFailure(grpcStatus.unimplemented, "no such method");
      for (const [index, said] of inbox.entries())
        yield Buffer.from(toBinary(InboxItemSchema, create(InboxItemSchema, inboxItem(said, index + 1))));
      await once(signal, "abort");
    },
  });
  const service = await startGrpcServer({ address: "127.0.0.1:0", handlers, clock, onError: () => {} });

  return {
    frames,
    flags,
    blobs,
    keep,
    lose: (digest) => void blobs.delete(digest),
    spans: () => Buffer.concat(spans).toString("latin1"),
    servicePort: service.port,
    teach: (given) => void (recall = given),
    say: (given) => void (inbox = given),
    until: (condition) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!frames.some(condition)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    vanish: async () => {
      const gone = once(socket, "close");
      socket.close();
      for (const peer of peers) peer.destroy();
      await gone;
    },
    close: async () => {
      socket.close();
      for (const peer of peers) peer.destroy();
      await service.close(500);
    },
  };
};
