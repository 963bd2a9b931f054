import type { JetStreamManager } from "@nats-io/jetstream";
import { contextStream } from "#nervous-system/schemas/subjects.ts";

/** Stream sequence of the newest frame that the stream holds or ever held; rejects while there is no stream. */
export const readLastSeq = async (manager: Pick<JetStreamManager, "streams">): Promise<number> => {
  const { state } = await manager.streams.info(contextStream);
  return state.last_seq;
};
