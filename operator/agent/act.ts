import { assertNever } from "#nervous-system/kernel/outcome.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { isNotFound } from "#nervous-system/kubernetes/errors.ts";
import type { EventRecorder } from "#nervous-system/kubernetes/events.ts";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient, Target } from "#nervous-system/kubernetes/kube-client.ts";
import { agents, type Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { observeFinalizer } from "#nervous-system/schemas/names.ts";
import { snapshotToResume } from "#operator/agent/attempts.ts";
import type { AgentAct, AgentSnapshot } from "#operator/agent/plan.ts";
import { renderAgentPod } from "#operator/agent/render.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import { createOwned } from "#operator/runtime/create-owned.ts";

/** What effects on an Agent's pods need. */
export type AgentActor = {
  client: Pick<KubeClient, "create" | "find" | "patch" | "delete">;
  events: Pick<EventRecorder, "record">;
  config: PodConfig;
};

/** Right that letting an Agent go needs in the whole cluster: its namespace may be a tenant no longer. */
export const agentActClusterAccess: readonly Access[] = [accessTo(agents, ["patch"])];

/** Rights that these effects need in each tenant's namespace. */
export const agentActAccess: readonly Access[] = [
  accessTo(pods, ["get", "create", "patch", "delete"]),
  // Owner references that block the owner's deletion ask for this right where that admission plugin is on.
  accessTo(agents, ["update"], "finalizers"),
];

const without = (finalizers: readonly string[] | undefined): string[] =>
  (finalizers ?? []).filter((name) => name !== observeFinalizer);

const ignoringGone = async (write: Promise<unknown>): Promise<void> => {
  await write.catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
};

const createPod = async ({ client, config }: AgentActor, snapshot: AgentSnapshot, attempt: number): Promise<void> => {
  const { agent, mission, model, addresses } = snapshot;
  if (mission === undefined || model === undefined || addresses === undefined)
    throw new TypeError(`a pod of Agent "${agent.metadata.name}" was decided without what it is made of`);
  const draft = renderAgentPod(config, {
    agent,
    mission,
    model,
    attempt,
    addresses,
    resumeFrom: snapshotToResume(snapshot),
  });
  await createOwned(client, pods, draft);
};

const podTarget = ({ metadata }: Agent, pod: PodFacts): Target => ({
  namespace: metadata.namespace,
  name: pod.name,
  uid: pod.uid,
  resourceVersion: pod.resourceVersion,
});

/** Removes the finalizer of an Agent that is being deleted. */
export const releaseAgent = ({ client }: Pick<AgentActor, "client">, { metadata }: Agent): Promise<void> => {
  const { name, namespace, uid, resourceVersion } = metadata;
  const patch = { metadata: { finalizers: without(metadata.finalizers) } };
  return ignoringGone(client.patch(agents, { name, namespace, uid, resourceVersion }, patch));
};

/** Carries out one effect; each may be repeated after a crash and then changes nothing. */
export const actOnAgent = async (actor: AgentActor, snapshot: AgentSnapshot, act: AgentAct): Promise<void> => {
  const { agent } = snapshot;
  const { namespace } = agent.metadata;
  switch (act.kind) {
    case "createPod":
      return createPod(actor, snapshot, act.attempt);
    case "deletePod":
      return actor.client.delete(pods, { namespace, name: act.pod.name, uid: act.pod.uid });
    case "releasePod": {
      const patch = { metadata: { finalizers: without(act.pod.finalizers) } };
      return ignoringGone(actor.client.patch(pods, podTarget(agent, act.pod), patch));
    }
    case "releaseAgent":
      return releaseAgent(actor, agent);
    case "warnOfGap":
      actor.events.record({
        regarding: agent,
        type: "Warning",
        reason: Reason.RecordGap,
        action: "LetGo",
        note: act.message,
      });
      return;
    default:
      return assertNever(act);
  }
};
