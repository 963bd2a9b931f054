import type { JetStreamManager } from "@nats-io/jetstream";
import { agentFilter, chainFilter, contextStream } from "#nervous-system/schemas/subjects.ts";
import { emptyTail, type ChainTail } from "./chain-plan.ts";
import { readSummary, streamMessageOf } from "./read-chunk.ts";
import { filterSubject } from "./subject-guard.ts";

/** The last chunk under a filter, from the stream's leader: a replica could answer with the past. */
const lastChunk = async (manager: JetStreamManager, filter: string) => {
  const last = await manager.streams.getMessage(contextStream, { last_by_subj: filterSubject(filter) });
  if (last === null) return undefined;
  const summary = readSummary(streamMessageOf(last));
  if (summary === undefined) throw new Error(`message ${last.seq} of ${contextStream} is no chunk of frames`);
  return { ...summary, streamSeq: last.seq };
};

/** Reads the end of a chain as the stream holds it. */
export const readTail = async (manager: JetStreamManager, agentUid: string, epoch: number): Promise<ChainTail> => {
  const last = await lastChunk(manager, chainFilter(agentUid, epoch));
  return last === undefined ? emptyTail : { seq: last.lastSeq, hash: last.hash, streamSeq: last.streamSeq };
};

/** Whose an agent's UID is, by what the stream holds of it: nobody's yet, a pod's or component's, or one external client's. */
export type ChainOwner =
  | { readonly kind: "nobody" }
  | { readonly kind: "swarm" }
  | { readonly kind: "stranger"; readonly principal: string };

/** Reads who wrote under an agent's UID before, in any epoch. */
export const readChainOwner = async (manager: JetStreamManager, agentUid: string): Promise<ChainOwner> => {
  const last = await lastChunk(manager, agentFilter(agentUid));
  if (last === undefined) return { kind: "nobody" };
  return last.principal === undefined ? { kind: "swarm" } : { kind: "stranger", principal: last.principal };
};
