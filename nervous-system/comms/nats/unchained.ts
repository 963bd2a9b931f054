import { headers } from "nats";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { frameHeaders, frameSubject } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { BusUnavailableError } from "./publisher.ts";
import { headerValue, publishableSubject } from "./subject-guard.ts";

/** Publishes frames that belong to no chain, each by itself. */
export type UnchainedPublisher = {
  /**
   * Resolves once every frame is on disk. A frame sent again within the stream's duplicate window is stored once, later
   * ones are one row in every store: their key is `(agent_uid, event_id)`. Rejects with `BusUnavailableError`.
   */
  publish(frames: readonly RecordedFrame[]): Promise<void>;
};

const messageOf = (frame: RecordedFrame): { subject: string; headers: ReturnType<typeof headers>; msgID: string } => {
  const carried = headers();
  carried.set(frameHeaders.envelope, headerValue(frame.envelopeText));
  carried.set(frameHeaders.prevHash, frame.prevHash);
  carried.set(frameHeaders.hash, frame.hash);
  if (frame.principal !== undefined) carried.set(frameHeaders.principal, encodeURIComponent(frame.principal));
  const { agent_uid, event_id } = frame.envelope;
  return {
    subject: publishableSubject(frameSubject(frame.envelope)),
    headers: carried,
    msgID: encodeURIComponent(`${agent_uid}/${event_id}`),
  };
};

/** Creates the publisher; the caller bounds how many frames are under way. */
export const createUnchainedPublisher = ({
  js,
  whileUp,
}: Pick<BusConnection, "js" | "whileUp">): UnchainedPublisher => ({
  publish: async (frames) => {
    const messages = frames.map((frame) => ({ ...messageOf(frame), data: frame.bytes }));
    try {
      await whileUp(() =>
        Promise.all(messages.map(({ subject, data, ...options }) => js.publish(subject, data, options))),
      );
    } catch (error) {
      throw new BusUnavailableError(`JetStream did not take the frames: ${String(error)}`);
    }
  },
});
