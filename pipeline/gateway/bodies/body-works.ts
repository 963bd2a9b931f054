import { createFairSlots } from "#nervous-system/kernel/fair-slots.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { BodyThread } from "#pipeline/gateway/bodies/body-thread.ts";
import { doTask, type BodyTask } from "#pipeline/gateway/bodies/task.ts";
import type { Granted } from "#pipeline/gateway/refusal.ts";
import type { UpstreamBody } from "#pipeline/gateway/upstream-request.ts";

/** Whose body it is. */
type BodyOwner = { readonly namespace: string; readonly agentUid: string };

/** Whose turn it is where a call's body is read. */
export const ownerOf = ({ metadata: { namespace = "", uid } }: Agent): BodyOwner => ({ namespace, agentUid: uid });

/** Reads bodies, the large ones beside the event loop that serves everybody. */
export type BodyWorks = {
  run(owner: BodyOwner, task: BodyTask): Promise<Granted<UpstreamBody>>;
};

// Takes some 15 ms at worst, a hundredth of that where it is a prompt.
const SMALL_BYTES = 64 * 1024;

const bytesOf = (task: BodyTask): number => (task.kind === "compute" ? task.bytes : task.body.bytes).length;

/** Reads small bodies at once and large ones in a thread, by turns of namespaces and their agents. */
export const createBodyWorks = (thread: Pick<BodyThread, "run">): BodyWorks => {
  const turns = createFairSlots(1);
  return {
    run: async (owner, task) => {
      if (bytesOf(task) <= SMALL_BYTES) return doTask(task);
      return turns.run(owner, () => thread.run(task));
    },
  };
};
