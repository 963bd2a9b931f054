import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import { agents, type Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import {
  actOnAgent,
  agentActAccess,
  agentActClusterAccess,
  releaseAgent,
  type AgentActor,
} from "#operator/agent/act.ts";
import { decideAgent, letGoAtMs } from "#operator/agent/decide.ts";
import { agentEvents } from "#operator/agent/events.ts";
import { observeAgent, type AgentSources } from "#operator/agent/observe.ts";
import type { AgentPlan, AgentSnapshot } from "#operator/agent/plan.ts";
import { computeAgentStatus } from "#operator/agent/status.ts";
import { nodeWordsAccess } from "#operator/pod/node-words.ts";
import { networkAccess } from "#operator/pod/observe-network.ts";
import { refusalOf, refusedRecheckMs } from "#operator/runtime/create-owned.ts";
import type { Reconcile } from "#operator/runtime/controller.ts";
import { isTenant } from "#operator/tenant.ts";
import { noLaterThan, type StatusWriter, type StatusWritten } from "#operator/status/writer.ts";

/** What the Agent controller is made of. */
export type AgentController = { sources: AgentSources; actor: AgentActor; status: StatusWriter };

/** Rights that the controller needs in each tenant's namespace beyond its caches. */
export const agentAccess: readonly Access[] = [
  ...agentActAccess,
  ...nodeWordsAccess,
  ...networkAccess,
  accessTo(agents, ["patch"], "status"),
];

/** Rights that it needs in the whole cluster. */
export const agentClusterAccess: readonly Access[] = [...agentActClusterAccess];

/*
 * In a namespace that is no tenant nothing is done but this: a namespace that is deleted takes the Role in it along, and would wait
 * for ever for Agents that nobody lets go. Of their pods nothing can be known there.
 */
const letGoElsewhere = async ({ sources, actor }: AgentController, agent: Agent): Promise<Outcome> => {
  const atMs = letGoAtMs(agent, sources.times);
  if (atMs === undefined) return { kind: "done" };
  const waitMs = atMs - sources.clock.now();
  if (waitMs > 0) return { kind: "done", recheckMs: waitMs };
  await releaseAgent(actor, agent);
  return { kind: "done" };
};

// What the next decision rests on; everything else in the status is for people.
const structural: readonly (keyof AgentStatus)[] = [
  "attempt",
  "podUID",
  "failures",
  "disruptions",
  "history",
  "snapshot",
  "completionTime",
  "lastHandledReconcileAt",
];

const writeStatus = (
  { status }: AgentController,
  snapshot: AgentSnapshot,
  plan: AgentPlan,
): Promise<StatusWritten<AgentSnapshot["agent"]>> =>
  status.write({
    kind: agents,
    object: snapshot.agent,
    before: snapshot.agent.status ?? {},
    after: computeAgentStatus(snapshot, plan),
    structural,
    events: agentEvents,
  });

const refusal = (error: unknown, { metadata }: Agent): AgentPlan | undefined => {
  const refused = refusalOf(error, pods, metadata.namespace);
  return (
    refused && {
      phase: "Starting",
      ...refused,
      progress: { kind: "none" },
      acts: [],
      outcome: { kind: "waiting", reason: refused.reason, message: refused.message, recheckMs: refusedRecheckMs },
    }
  );
};

// A quota or an admission policy refuses the pod itself: people must see it, and it is tried again now and then.
const act = async (controller: AgentController, snapshot: AgentSnapshot, plan: AgentPlan): Promise<AgentPlan> => {
  try {
    for (const next of plan.acts) await actOnAgent(controller.actor, snapshot, next);
    return plan;
  } catch (error) {
    const refused = plan.acts.some(({ kind }) => kind === "createPod") ? refusal(error, snapshot.agent) : undefined;
    if (refused === undefined) throw error;
    return refused;
  }
};

/** An attempt is persisted before its pod is made, and an end before its pod is released: a crash between repeats the act. */
const mustPersistFirst = ({ progress }: AgentPlan): boolean => progress.kind === "started" || progress.kind === "ended";

const reconcileSnapshot = async (controller: AgentController, snapshot: AgentSnapshot): Promise<Outcome> => {
  const plan = decideAgent(snapshot);
  if (snapshot.agent.metadata.deletionTimestamp !== undefined) {
    await act(controller, snapshot, plan);
    return plan.outcome;
  }
  if (!mustPersistFirst(plan)) {
    const acted = await act(controller, snapshot, plan);
    const { waitMs } = await writeStatus(controller, snapshot, acted);
    return noLaterThan(acted.outcome, waitMs);
  }
  const { object } = await writeStatus(controller, snapshot, plan);
  const persisted = { ...snapshot, agent: object };
  const acted = await act(controller, persisted, plan);
  if (acted !== plan) await writeStatus(controller, persisted, acted);
  return acted.outcome;
};

/** Creates the reconcile function of Agents. */
export const createAgentReconcile =
  (controller: AgentController): Reconcile =>
  async (key) => {
    const agent = controller.sources.caches.agents.get(key);
    if (agent !== undefined && !isTenant(controller.sources.caches, agent.metadata.namespace))
      return letGoElsewhere(controller, agent);
    const snapshot = await observeAgent(controller.sources, key);
    return snapshot === undefined ? { kind: "done" } : reconcileSnapshot(controller, snapshot);
  };
