import type { BusConnection } from "./connection.ts";
import { cutChunks, type TravellingFrame } from "./chunk.ts";
import { rawHeaders } from "./atomic-batch.ts";
import { BusUnavailableError } from "./publisher.ts";

/** Publishes frames that belong to no chain, each by itself. */
export type UnchainedPublisher = {
  /**
   * Resolves once every frame is on disk. A frame sent again within the stream's duplicate window is stored once, later
   * ones are one row in every store: their key is `(agent_uid, event_id)`. Rejects with `BusUnavailableError`.
   */
  publish(frames: readonly TravellingFrame[]): Promise<void>;
};

/** Creates the publisher; the caller bounds how many frames are under way. */
export const createUnchainedPublisher = ({
  js,
  whileUp,
}: Pick<BusConnection, "js" | "whileUp">): UnchainedPublisher => ({
  publish: async (frames) => {
    const messages = cutChunks(frames).map(({ message, frames: [frame] }) => {
      const { agent_uid = "", event_id = "" } = frame?.envelope ?? {};
      const id = `Nats-Msg-Id: ${encodeURIComponent(`${agent_uid}/${event_id}`)}\r\n`;
      return { ...message, headers: rawHeaders(message.headerLines + id) };
    });
    try {
      await whileUp(() =>
        Promise.all(messages.map(({ subject, data, headers }) => js.publish(subject, data, { headers }))),
      );
    } catch (error) {
      throw new BusUnavailableError(`JetStream did not take the frames: ${String(error)}`);
    }
  },
});
