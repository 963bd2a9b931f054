import type { JetStreamManager } from "@nats-io/jetstream";
import { contextStream } from "#nervous-system/schemas/subjects.ts";

/** Stream sequence of the newest frame that the stream holds or ever held; rejects while there is no stream. */
export const readLastSeq = async (manager: Pick<JetStreamManager, "streams">): Promise<number> => {
  const { state } = await manager.streams.info(contextStream);
  return state.last_seq;
};

/** When the stream was created: sequences of another stream of the same name mean other frames. */
export const readStreamCreated = async (manager: Pick<JetStreamManager, "streams">): Promise<string> => {
  const { created } = await manager.streams.info(contextStream);
  return created;
};
