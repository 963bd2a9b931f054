import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { createBlobBytes, type BlobBytes } from "./blob-bytes.ts";
import type { ChainTail } from "./chain-plan.ts";
import { readChainOwner, type ChainOwner } from "./chain-tail.ts";
import { connectBus, type BusOptions } from "./connection.ts";
import { readDeadLetterHeads, type DeadLetterHeads, type DeadLetterQuestion } from "./dead-letter-heads.ts";
import { createChunkCache } from "./chunk-cache.ts";
import { createDeadLetters, type DeadLetters } from "./dead-letters.ts";
import type { DurableOptions } from "./deliveries.ts";
import { openDurableReader, type DurableReader } from "./durable-reader.ts";
import { followStream, type FollowOptions } from "./follower.ts";
import { createJetStreamFrameStream } from "./frame-stream.ts";
import { createPartStates, type PartStates } from "./part-states.ts";
import { createPublisher, type FramePublisher } from "./publisher.ts";
import { readProgress, type ReaderProgress } from "./reader-progress.ts";
import { readSettled, type SettledQuestion } from "./settled.ts";
import { createSpanStream, type SpanStream } from "./span-stream.ts";
import {
  holdsMark,
  readNewest,
  readStoredMs,
  readStreamCreated,
  type Delivered,
  type StreamMark,
} from "./stream-position.ts";
import { createStreamTrim, readStreamState, type StreamState, type StreamTrim } from "./stream-trim.ts";
import { ensureStreams, type StreamOptions } from "./streams.ts";
import { createUnchainedPublisher, type UnchainedPublisher } from "./unchained.ts";

/** What every component has of JetStream. */
export type Bus = {
  /** Whether NATS is reachable now. */
  connected(): boolean;
  /** Creates the streams, or brings their settings up to date. */
  ensureStreams(options: StreamOptions): Promise<void>;
  readonly publisher: FramePublisher;
  /** Publishes what belongs to no chain. */
  readonly unchained: UnchainedPublisher;
  readonly deadLetters: DeadLetters;
  /** Tells of dead letters that are kept. */
  deadLetterHeads(question: DeadLetterQuestion): Promise<DeadLetterHeads>;
  readonly partStates: PartStates;
  readonly spans: SpanStream;
  readonly blobBytes: BlobBytes;
  /** How far a durable reader is; undefined while there is none of that name. */
  readerProgress(name: string): Promise<ReaderProgress | undefined>;
  /** Whose an agent's UID is. */
  chainOwner(agentUid: string): Promise<ChainOwner>;
  /** The highest seq of a chain that every sink holds. */
  settled(question: SettledQuestion): Promise<number>;
  /** The last frame that the stream holds of a chain. */
  tail(agentUid: string, epoch: number): Promise<ChainTail>;
  /** The mark of the newest frame, without a hash where there is none; rejects while NATS or the stream is away. */
  newest(): Promise<StreamMark>;
  /** Whether the stream still holds what a reader passed. */
  holds(mark: StreamMark): Promise<boolean>;
  /** When the stream was created, RFC 3339; a stream created anew has another one. */
  streamCreated(): Promise<string>;
  /** What the stream of frames holds, and may hold. */
  streamState(): Promise<StreamState>;
  /** When a message of the stream of frames was stored, Unix milliseconds; undefined where it is not there. */
  storedMs(streamSeq: number): Promise<number | undefined>;
  readonly trim: StreamTrim;
  /** Reads the stream from a named place that survives the reader. */
  openReader(options: Omit<DurableOptions, "connection" | "clock" | "log">): Promise<DurableReader>;
  /** Follows the stream without leaving a mark in it. */
  follow(options: FollowOptions): AsyncGenerator<Delivered>;
  /** Stores what was accepted for publishing, then disconnects. */
  close(): Promise<void>;
};

/** What a bus needs beside its address. */
export type BusDependencies = BusOptions & {
  readonly clock: Clock;
  readonly random: () => number;
  readonly ids: Ids;
};

/** Some two batches of the largest sink: how far one reader may be ahead of another that still finds what it read. */
const SHARED_CHUNK_BYTES = 48 * 1024 * 1024;

/** Connects to NATS, waiting for it as long as it takes, and stays connected until closed. */
export const createBus = async (options: BusDependencies): Promise<Bus> => {
  const { clock, random, ids, log } = options;
  const connection = await connectBus(options);
  const { whileUp } = connection;
  const deadLetters = createDeadLetters(connection);
  const stream = createJetStreamFrameStream(connection, ids);
  const publisher = createPublisher({ stream, clock, random });
  const chunks = createChunkCache(SHARED_CHUNK_BYTES);
  return {
    connected: connection.connected,
    ensureStreams: (streams) => whileUp(() => ensureStreams(connection.manager, streams)),
    publisher,
    unchained: createUnchainedPublisher(connection),
    spans: createSpanStream(connection, clock),
    blobBytes: createBlobBytes(connection),
    chainOwner: (agentUid) => whileUp(() => readChainOwner(connection.manager, agentUid)),
    settled: (question) => whileUp(() => readSettled(connection.manager, question)),
    deadLetters,
    deadLetterHeads: (question) => whileUp(() => readDeadLetterHeads(connection, question)),
    partStates: createPartStates(connection),
    readerProgress: (name) => whileUp(() => readProgress(connection.manager, name)),
    tail: (agentUid, epoch) => whileUp(() => stream.tail(agentUid, epoch)),
    newest: () => whileUp(() => readNewest(connection.manager)),
    holds: (mark) => whileUp(() => holdsMark(connection.manager, mark)),
    streamCreated: () => whileUp(() => readStreamCreated(connection.manager)),
    streamState: () => whileUp(() => readStreamState(connection)),
    storedMs: (streamSeq) => whileUp(() => readStoredMs(connection.manager, streamSeq)),
    trim: createStreamTrim(connection),
    openReader: (durable) => Promise.resolve(openDurableReader({ ...durable, connection, clock, log }, chunks.open())),
    follow: (follow) => followStream({ ...follow, connection, clock }),
    close: async () => {
      await publisher.close();
      await connection.close();
    },
  };
};
