import type { BusConnection } from "./connection.ts";
import { cutChunks } from "./chunk.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { rawHeaders } from "./atomic-batch.ts";
import { BusUnavailableError } from "./publisher.ts";

/** Publishes frames that belong to no chain, each by itself. */
export type UnchainedPublisher = {
  /**
   * Resolves once every frame is on disk. A frame sent again within the stream's duplicate window is stored once, later
   * ones are one row in every store: their key is `(namespace, agent_uid, event_id)`. Rejects with `BusUnavailableError`.
   */
  publish(frames: readonly RecordedFrame[]): Promise<void>;
};

/** Creates the publisher; the caller bounds how many frames are under way. */
export const createUnchainedPublisher = ({
  js,
  whileUp,
}: Pick<BusConnection, "js" | "whileUp">): UnchainedPublisher => ({
  publish: async (frames) => {
    const messages = cutChunks(frames).map(({ message, frames: [frame] }) => {
      const { namespace = "", agent_uid = "", event_id = "" } = frame?.envelope ?? {};
      // A user may tell the same event in two namespaces, each of which has its own record.
      const id = `Nats-Msg-Id: ${encodeURIComponent(`${namespace}/${agent_uid}/${event_id}`)}\r\n`;
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
