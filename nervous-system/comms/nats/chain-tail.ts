import type { JetStreamManager } from "@nats-io/jetstream";
import { chainFilter, contextStream } from "#nervous-system/schemas/subjects.ts";
import { emptyTail, type ChainTail } from "./chain-plan.ts";
import { readStoredMessage } from "./stored-frame.ts";
import { filterSubject } from "./subject-guard.ts";

/**
 * Reads the last frame that the stream holds of a chain, from the stream's leader (a replica could answer
 * with the past).
 */
export const readTail = async (manager: JetStreamManager, agentUid: string, epoch: number): Promise<ChainTail> => {
  const filter = filterSubject(chainFilter(agentUid, epoch));
  const last = await manager.streams.getMessage(contextStream, { last_by_subj: filter });
  if (last === null) return emptyTail;
  const item = readStoredMessage(last);
  if (item.kind === "poison")
    throw new Error(`message ${last.seq} of ${contextStream} is no frame: ${item.poison.reason}`);
  const { envelope, hash, streamSeq } = item.frame;
  return { seq: envelope.seq, hash, streamSeq };
};
