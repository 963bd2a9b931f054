import type { Ids } from "#nervous-system/schemas/ids.ts";
import { commitBatch, type BatchMessage, type BatchOutcome } from "./atomic-batch.ts";
import type { ChainTail } from "./chain-plan.ts";
import { readTail } from "./chain-tail.ts";
import type { BusConnection } from "./connection.ts";

/** The stream of frames as publishing needs it, so that the simulation runs the publisher without a server. */
export type FrameStream = {
  /** The last frame that the stream holds of a chain, from its leader. */
  tail(agentUid: string, epoch: number): Promise<ChainTail>;
  /** Stores 1 to 1,000 messages, all or none. Never rejects. */
  commit(messages: readonly BatchMessage[]): Promise<BatchOutcome>;
  /** A signal that aborts when the connection that is up now goes down; already aborted while none is. */
  currentLink(): AbortSignal;
};

// Requests are answered in milliseconds, or the server is away.
const COMMIT_TIMEOUT_MS = 5_000;

/** The stream on a JetStream server. */
export const createJetStreamFrameStream = (
  connection: Pick<BusConnection, "nats" | "manager" | "currentLink">,
  ids: Ids,
): FrameStream => ({
  tail: (agentUid, epoch) => readTail(connection.manager, agentUid, epoch),
  commit: (messages) =>
    commitBatch(connection.nats, messages, {
      id: ids.next(),
      timeoutMs: COMMIT_TIMEOUT_MS,
      link: connection.currentLink(),
    }),
  currentLink: () => connection.currentLink(),
});
