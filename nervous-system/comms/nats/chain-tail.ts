import type { JetStreamManager } from "@nats-io/jetstream";
import {
  agentFilter,
  agentTailFilter,
  chainFilter,
  contextStream,
  tailsStream,
  tailFilter,
} from "#nervous-system/schemas/subjects.ts";
import { emptyTail, type ChainTail } from "./chain-plan.ts";
import { readSummary, streamMessageOf } from "./read-chunk.ts";
import { filterSubject } from "./subject-guard.ts";

/** What the last message under a filter says, from the stream's leader: a replica could answer with the past. */
export const readLast = async (manager: JetStreamManager, stream: string, filter: string) => {
  const last = await manager.streams.getMessage(stream, { last_by_subj: filterSubject(filter) });
  if (last === null) return undefined;
  const summary = readSummary(streamMessageOf(last));
  if (summary === undefined) throw new Error(`message ${last.seq} of ${stream} tells of no chain`);
  return { ...summary, streamSeq: last.seq };
};

/** Reads the end of a chain as the stream holds it, or held it before it was trimmed: then no message stands there. */
export const readTail = async (manager: JetStreamManager, agentUid: string, epoch: number): Promise<ChainTail> => {
  const last = await readLast(manager, contextStream, chainFilter(agentUid, epoch));
  if (last !== undefined) return { seq: last.lastSeq, hash: last.hash, streamSeq: last.streamSeq };
  const trimmed = await readLast(manager, tailsStream, tailFilter(agentUid, epoch));
  return trimmed === undefined ? emptyTail : { seq: trimmed.lastSeq, hash: trimmed.hash, streamSeq: 0 };
};

/** Whose an agent's UID is, by what the stream holds of it: nobody's yet, a pod's or component's, or one external client's. */
export type ChainOwner =
  | { readonly kind: "nobody" }
  | { readonly kind: "swarm" }
  | { readonly kind: "external"; readonly principal: string };

/** Reads who wrote under an agent's UID before, in any epoch. */
export const readChainOwner = async (manager: JetStreamManager, agentUid: string): Promise<ChainOwner> => {
  const last =
    (await readLast(manager, contextStream, agentFilter(agentUid))) ??
    (await readLast(manager, tailsStream, agentTailFilter(agentUid)));
  if (last === undefined) return { kind: "nobody" };
  return last.principal === undefined ? { kind: "swarm" } : { kind: "external", principal: last.principal };
};
