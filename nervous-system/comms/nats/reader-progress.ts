import type { JetStreamManager } from "@nats-io/jetstream";
import { contextStream } from "#nervous-system/schemas/subjects.ts";

/** How far a durable reader of the stream of frames is. */
export type ReaderProgress = {
  /** The newest message up to which it has finished everything; 0 before its first. */
  readonly finished: number;
  /** Messages that it has not finished. */
  readonly behind: number;
};

const NOT_FOUND = new Set([10014, 404]);

/** Reads how far a reader is; undefined while there is none of that name. */
export const readProgress = async (
  manager: Pick<JetStreamManager, "consumers">,
  name: string,
): Promise<ReaderProgress | undefined> => {
  try {
    const { ack_floor, num_pending, num_ack_pending } = await manager.consumers.info(contextStream, name);
    return { finished: ack_floor.stream_seq, behind: num_pending + num_ack_pending };
  } catch (error) {
    if (NOT_FOUND.has(Number((error as { code?: unknown } | null)?.code))) return undefined;
    throw error;
  }
};
