import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { createKeyedSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { refuse, type Refused } from "#supervisor/publish/proposal.ts";

/** What one agent and one namespace may have open: taken from the stream and not answered. */
export type OpenProposals = {
  /** Counts a proposal; answers why it is one too many, which is not counted. */
  admit(frame: StoredFrame): Refused | undefined;
  release(frame: StoredFrame): void;
};

/** How many one agent and one namespace may have open. */
export type OpenBounds = { readonly mostOfAgent: number; readonly mostOfNamespace: number };

/** Creates the count of a publisher. */
export const createOpenProposals = ({ mostOfAgent, mostOfNamespace }: OpenBounds): OpenProposals => {
  const agents = createKeyedSemaphore(mostOfAgent);
  const namespaces = createKeyedSemaphore(mostOfNamespace);
  const tooMany = (whose: string, most: number): Refused =>
    refuse("TooManyProposals", `${whose} has ${most} proposals that wait for their answer; no more are taken`);
  return {
    admit: ({ envelope: { namespace, agent_uid: agent } }) => {
      if (!agents.tryAcquire(agent, 1)) return tooMany("the agent", mostOfAgent);
      if (namespaces.tryAcquire(namespace, 1)) return undefined;
      agents.release(agent, 1);
      return tooMany(`the namespace "${namespace}"`, mostOfNamespace);
    },
    release: ({ envelope: { namespace, agent_uid: agent } }) => {
      agents.release(agent, 1);
      namespaces.release(namespace, 1);
    },
  };
};
