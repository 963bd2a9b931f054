import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findAllowed } from "#pipeline/gateway/allowed-hosts.ts";
import { parseEndpoint, type Endpoint } from "#nervous-system/kernel/endpoint.ts";
import { awaitLiveBinding } from "#pipeline/gateway/await-binding.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { refuseActing } from "#pipeline/gateway/may-act.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";
import type { Principal } from "#pipeline/identity/token-reviews.ts";

/** What the way of an agent to a host is judged on. */
type EgressSnapshot = {
  readonly agent: Agent;
  readonly mission: Mission | undefined;
  readonly wanted: Endpoint;
};

const notAllowed = ({ agent, wanted }: EgressSnapshot): Granted<never> => {
  const hosts = agent.spec.egress?.allowHosts ?? [];
  const allowed = hosts.length === 0 ? "no host" : `${hosts.join(", ")} only`;
  return refused(
    403,
    "host_not_allowed",
    `Agent "${agent.metadata.name}" may reach ${allowed}, not ${wanted.host}:${wanted.port}; if it should, add the host to spec.egress.allowHosts of Mission "${agent.spec.missionRef.name}"`,
  );
};

/** Decides whether an agent may connect to a host; answers the endpoint, its name as it is to be resolved. */
export const decideEgress = (snapshot: EgressSnapshot): Granted<Endpoint> => {
  const blocked = refuseActing(snapshot);
  if (blocked !== undefined) return blocked;
  const allowed = findAllowed(snapshot.agent.spec.egress?.allowHosts ?? [], snapshot.wanted);
  return allowed === undefined ? notAllowed(snapshot) : granted(allowed);
};

/**
 * Decides whether an agent's pod may have a tunnel: to the hosts that its Agent allows and nowhere else. Nothing is taken from
 * a cache, so that an edit of the list, a suspension or a new attempt counts for the next tunnel.
 */
export const admitEgress = async (
  view: Pick<ClusterView, "agentNow" | "missionNow">,
  { pod, namespace }: Principal,
  authority: string,
  clock: Pick<Clock, "sleep" | "monotonicMs">,
): Promise<Granted<Endpoint>> => {
  const wanted = parseEndpoint(authority);
  if (wanted === undefined) return refused(400, "invalid_target", `"${authority}" is not host:port`);
  if (pod === undefined) return refused(403, "not_a_pod", "this token was not issued to a pod");
  const bound = await awaitLiveBinding(view, namespace, pod, clock);
  if (bound.kind === "refused") return bound;
  const { agent } = bound.value;
  const mission = await view.missionNow({ namespace, name: agent.spec.missionRef.name });
  return decideEgress({ agent, mission, wanted });
};
