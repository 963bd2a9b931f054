import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import {
  blobBytesStream,
  contextStream,
  deadStream,
  lettersOfSubject,
  partStatesStream,
  spansStream,
  tailsStream,
} from "#nervous-system/schemas/subjects.ts";

/** How the streams are kept. */
export type StreamOptions = {
  /** 1 on one server, 3 on a cluster. */
  readonly replicas: 1 | 3;
  /** Bytes that the stream of frames may hold; without it the server's storage is the bound. */
  readonly maxBytes?: number | undefined;
};

// Bounds of the streams that let their oldest go.
const MAX_DEAD_BYTES = 1024 * 1024 * 1024;
const MAX_WAITING_SPAN_BYTES = 256 * 1024 * 1024;
/** Some 200,000 chains at about 300 bytes each. */
const MAX_TAIL_BYTES = 64 * 1024 * 1024;
/** More than 100,000 counts. */
const MAX_COUNT_BYTES = 16 * 1024 * 1024;
/** A few parts, each with what it said last and a message on its way. */
const MAX_STATE_BYTES = 1024 * 1024;
const MAX_STATE_MESSAGE = 32 * 1024;
const TEN_MINUTES_NS = 600_000_000_000;
const HOUR_NS = 3_600_000_000_000;

/** Every frame, in the swarm's one order; a full stream refuses, and the WALs of the recorders hold. */
const contextConfig = (options: StreamOptions): Partial<StreamConfig> & { name: string } => ({
  name: contextStream,
  subjects: ["context.>"],
  storage: "file",
  retention: "limits",
  discard: "new",
  max_bytes: options.maxBytes ?? -1,
  max_age: 0,
  num_replicas: options.replicas,
  allow_atomic: true,
  allow_direct: true,
  // Only external clients' frames carry ids that the stream compares; those of chains are held by their place.
  duplicate_window: TEN_MINUTES_NS,
});

/** Spans on their way to trace backends: best effort, the record is in the frames. */
const spansConfig = (options: StreamOptions): Partial<StreamConfig> & { name: string } => ({
  name: spansStream,
  subjects: ["spans.>"],
  storage: "file",
  retention: "limits",
  discard: "old",
  max_bytes: MAX_WAITING_SPAN_BYTES,
  max_age: HOUR_NS,
  num_replicas: options.replicas,
  allow_direct: true,
});

/** What could not become a frame, with the reason; a bounded window of it, as it is for people only. */
const deadConfig = (options: StreamOptions): Partial<StreamConfig> & { name: string } => ({
  name: deadStream,
  subjects: ["dead.>"],
  storage: "file",
  retention: "limits",
  discard: "old",
  max_bytes: MAX_DEAD_BYTES,
  // Of one sender, so that none pushes the letters of all others out.
  max_msgs_per_subject: lettersOfSubject,
  // A letter sent again after a lost acknowledgement is the same letter.
  duplicate_window: HOUR_NS,
  num_replicas: options.replicas,
  allow_direct: true,
});

/** Where a chain goes on from whose frames were all trimmed, and whose it is. */
const tailsConfig = (options: StreamOptions): Partial<StreamConfig> & { name: string } => ({
  name: tailsStream,
  subjects: ["tails.>"],
  storage: "file",
  retention: "limits",
  discard: "old",
  max_msgs_per_subject: 1,
  max_bytes: MAX_TAIL_BYTES,
  num_replicas: options.replicas,
  allow_direct: true,
});

/** Counts that NATS keeps itself: each message adds to the one before it on its subject, and the last one stays. */
const blobBytesConfig = (options: StreamOptions): Partial<StreamConfig> & { name: string } => ({
  name: blobBytesStream,
  subjects: ["blobs.>"],
  storage: "file",
  retention: "limits",
  discard: "old",
  allow_msg_counter: true,
  max_msgs_per_subject: 1,
  max_bytes: MAX_COUNT_BYTES,
  num_replicas: options.replicas,
  allow_direct: true,
});

/** What parts last said of themselves. */
const partStatesConfig = (options: StreamOptions): Partial<StreamConfig> & { name: string } => ({
  name: partStatesStream,
  subjects: ["states.>"],
  storage: "file",
  retention: "limits",
  discard: "old",
  max_msgs_per_subject: 1,
  max_msg_size: MAX_STATE_MESSAGE,
  max_bytes: MAX_STATE_BYTES,
  num_replicas: options.replicas,
});

const STREAM_NOT_FOUND = 10059;

const isNotFound = (error: unknown): boolean => {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return code === STREAM_NOT_FOUND || name === "StreamNotFoundError";
};

const ensureStream = async (
  manager: JetStreamManager,
  config: Partial<StreamConfig> & { name: string },
): Promise<void> => {
  try {
    await manager.streams.info(config.name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await manager.streams.add(config);
    return;
  }
  await manager.streams.update(config.name, config);
};

/** Creates the streams, or brings their settings up to date; what they hold stays. */
export const ensureStreams = async (manager: JetStreamManager, options: StreamOptions): Promise<void> => {
  await ensureStream(manager, contextConfig(options));
  await ensureStream(manager, deadConfig(options));
  await ensureStream(manager, spansConfig(options));
  await ensureStream(manager, tailsConfig(options));
  await ensureStream(manager, blobBytesConfig(options));
  await ensureStream(manager, partStatesConfig(options));
};
