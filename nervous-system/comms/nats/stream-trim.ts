import type { ConsumerInfo, JsMsg } from "@nats-io/jetstream";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { keepTails, type ChunkHead } from "./kept-tails.ts";

/** What the stream of frames holds now. */
export type StreamState = {
  /** When it was created, RFC 3339. */
  readonly created: string;
  /** Sequence of its oldest message; one above the newest where it holds none. */
  readonly firstSeq: number;
  /** When that was stored, Unix milliseconds. */
  readonly firstStoredMs: number;
  readonly lastSeq: number;
  readonly bytes: number;
  /** Bytes that it may hold; undefined where only its server's storage bounds it. */
  readonly limitBytes: number | undefined;
};

/** What is trimmed at once: the oldest messages, as far as each bound lets them go. */
export type TrimRange = {
  /** The first message that stays. */
  readonly before: number;
  /** Only what was stored before this time, Unix milliseconds. */
  readonly storedBeforeMs: number;
  /** No more once this many bytes are reached. */
  readonly bytes: number;
};

/** Letting the oldest of the stream go. Nobody else may purge it. */
export type StreamTrim = {
  /** Sequence up to which each durable reader has finished, by its name. */
  watermarks(state: StreamState): Promise<ReadonlyMap<string, number>>;
  /** Trims at most 1,000 messages, keeping where their chains end; answers how many went. */
  trim(state: StreamState, range: TrimRange): Promise<number>;
};

const READER = "trimmer";
const MOST = 1000;
const FETCH_MS = 5_000;
const FORGOTTEN_NS = 300_000_000_000;

/** Reads what the stream holds. */
export const readStreamState = async ({ manager }: Pick<BusConnection, "manager">): Promise<StreamState> => {
  const { created, config, state } = await manager.streams.info(contextStream);
  return {
    created,
    firstSeq: state.first_seq,
    firstStoredMs: Date.parse(state.first_ts),
    lastSeq: state.last_seq,
    bytes: state.bytes,
    limitBytes: config.max_bytes > 0 ? config.max_bytes : undefined,
  };
};

/** A reader to which nothing is owed has finished everything that stood there when the state was read. */
const finishedBy = ({ ack_floor, num_pending, num_ack_pending }: ConsumerInfo, { lastSeq }: StreamState): number =>
  num_pending + num_ack_pending === 0 ? Math.max(lastSeq, ack_floor.stream_seq) : ack_floor.stream_seq;

const headOf = ({ seq, subject, headers, info }: JsMsg): ChunkHead => ({
  seq,
  subject,
  headers,
  bytes: Number(headers?.get("Nats-Msg-Size") ?? 0),
  storedMs: info.timestampNanos / 1e6,
});

/** Heads of the oldest messages, without their bodies; throws where somebody else takes some of them. */
const readHeads = async ({ manager, js }: BusConnection, { firstSeq, lastSeq }: StreamState): Promise<ChunkHead[]> => {
  const consumer = { name: READER, ack_policy: "none", deliver_policy: "all", mem_storage: true } as const;
  await manager.consumers.add(contextStream, { ...consumer, headers_only: true, inactive_threshold: FORGOTTEN_NS });
  const { delivered } = await manager.consumers.reset(contextStream, READER, firstSeq);
  const reader = await js.consumers.get(contextStream, READER);
  const wanted = Math.min(MOST, lastSeq - firstSeq + 1);
  const heads: ChunkHead[] = [];
  for await (const message of await reader.fetch({ max_messages: wanted, expires: FETCH_MS })) {
    heads.push(headOf(message));
    // Of a chunk that goes unread nobody would keep where its chain ends.
    if (message.info.deliverySequence !== delivered.consumer_seq + heads.length)
      throw new Error("another trimmer is at work on this stream");
  }
  return heads;
};

/** The first of the heads that a range lets go. */
const within = (heads: readonly ChunkHead[], { before, storedBeforeMs, bytes }: TrimRange): ChunkHead[] => {
  let sum = 0;
  const end = heads.findIndex((head) => {
    const stays = head.seq >= before || head.storedMs >= storedBeforeMs || sum >= bytes;
    sum += head.bytes;
    return stays;
  });
  return heads.slice(0, end < 0 ? heads.length : end);
};

/** Creates the trimming over a connection whose user may purge. */
export const createStreamTrim = (connection: BusConnection): StreamTrim => {
  const { manager, whileUp } = connection;
  return {
    watermarks: (state) =>
      whileUp(async () => {
        const readers = new Map<string, number>();
        for await (const info of manager.consumers.list(contextStream))
          if (info.config.durable_name !== undefined) readers.set(info.name, finishedBy(info, state));
        return readers;
      }),
    trim: (state, range) =>
      whileUp(async () => {
        const going = within(await readHeads(connection, state), range);
        const last = going.at(-1);
        if (last === undefined) return 0;
        await keepTails(connection, going);
        await manager.streams.purge(contextStream, { seq: last.seq + 1 });
        return going.length;
      }),
  };
};
