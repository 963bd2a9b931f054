import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { isUuid } from "#nervous-system/schemas/ids.ts";
import type { Caller } from "#pipeline/collector/caller.ts";

/** Tells whether a caller may write, or read the tail of, a chain. */
export type ChainOwners = {
  /** Resolves when the chain is the caller's, or nobody's and may become an external client's; rejects with `GrpcFailure`. */
  check(caller: Caller, agentUid: string): Promise<void>;
};

/** What the owners of chains are known by. */
export type ChainOwnersOptions = {
  readonly bus: Pick<Bus, "chainOwner">;
  /** Whether an Agent of the cluster has this UID. */
  readonly isAgent: (uid: string) => boolean;
};

const MAX_KNOWN = 10_000;
const RETRY_MS = 1_000;

const foreign = (agentUid: string, why: string): GrpcFailure =>
  new GrpcFailure(grpcStatus.permissionDenied, `the chain of agent_uid ${agentUid} is not this token's: ${why}`);

/** UIDs that are computed from names, as components' are, have version 5: nobody may take one before its owner does. */
const isComputed = (uid: string): boolean => uid[14] === "5";

/** An external client's chain belongs to the first user who wrote it, by the stream's own word. */
export const createChainOwners = ({ bus, isAgent }: ChainOwnersOptions): ChainOwners => {
  const principals = new Map<string, string>();
  const remember = (agentUid: string, principal: string): void => {
    principals.set(agentUid, principal);
    const [oldest] = principals.keys();
    if (principals.size > MAX_KNOWN && oldest !== undefined) principals.delete(oldest);
  };
  const checkExternal = async (principal: string, agentUid: string): Promise<void> => {
    if (principals.get(agentUid) === principal) return;
    if (isComputed(agentUid) || isAgent(agentUid)) throw foreign(agentUid, "it is one of the swarm's");
    const owner = await bus.chainOwner(agentUid).catch((error: unknown) => {
      throw new GrpcFailure(grpcStatus.unavailable, `the stream does not answer: ${String(error)}`, RETRY_MS);
    });
    if (owner.kind === "swarm") throw foreign(agentUid, "it is one of the swarm's");
    if (owner.kind === "external" && owner.principal !== principal)
      throw foreign(agentUid, "another user wrote it first; record under an agent_uid of your own");
    if (owner.kind === "external") remember(agentUid, principal);
  };
  return {
    check: async (caller, agentUid) => {
      if (!isUuid(agentUid)) throw new GrpcFailure(grpcStatus.invalidArgument, "agent_uid is a lower-case UUID");
      if (caller.principal !== undefined) return checkExternal(caller.principal, agentUid);
      if (agentUid !== caller.agentUid) throw foreign(agentUid, `the token belongs to agent_uid ${caller.agentUid}`);
    },
  };
};
