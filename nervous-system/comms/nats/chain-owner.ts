import type { JetStreamManager } from "@nats-io/jetstream";
import { agentFilter, contextStream } from "#nervous-system/schemas/subjects.ts";
import { readStoredMessage } from "./stored-frame.ts";
import { filterSubject } from "./subject-guard.ts";

/** Whose an agent's UID is, by what the stream holds of it: nobody's yet, a pod's or component's, or one stranger's. */
export type ChainOwner =
  | { readonly kind: "nobody" }
  | { readonly kind: "swarm" }
  | { readonly kind: "stranger"; readonly principal: string };

/** Reads who wrote under an agent's UID before, in any epoch, from the stream's leader. */
export const readChainOwner = async (manager: JetStreamManager, agentUid: string): Promise<ChainOwner> => {
  const filter = filterSubject(agentFilter(agentUid));
  const last = await manager.streams.getMessage(contextStream, { last_by_subj: filter });
  if (last === null) return { kind: "nobody" };
  const item = readStoredMessage(last);
  const principal = item.kind === "frame" ? item.frame.principal : undefined;
  return principal === undefined ? { kind: "swarm" } : { kind: "stranger", principal };
};
