import { accessTo } from "#nervous-system/kubernetes/access.ts";
import { secrets } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ProposalSnapshot } from "#supervisor/publish/admit-proposal.ts";
import type { Proposal } from "#supervisor/publish/proposal.ts";

/** What the publisher needs in the whole cluster. */
export const publisherClusterAccess = [accessTo(missions, ["get"]), accessTo(agents, ["get"])];

/** What the publisher needs in each namespace where missions run. */
export const publisherTenantAccess = [accessTo(secrets, ["get"])];

const objectName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Reads everything that a proposal is judged on; rejects while the API server does not answer. */
export const observeProposal = async (
  client: Pick<KubeClient, "find">,
  proposal: Proposal,
): Promise<ProposalSnapshot> => {
  const { namespace } = proposal;
  // The agent's name is its own claim: one that no object can have is not asked for.
  const named = objectName.test(proposal.agentName);
  const [mission, agent] = await Promise.all([
    client.find(missions, { namespace, name: proposal.mission }),
    named ? client.find(agents, { namespace, name: proposal.agentName }) : Promise.resolve(undefined),
  ]);
  const name = mission?.spec.workspace.secretRef?.name;
  const secret = name === undefined ? undefined : await client.find(secrets, { namespace, name });
  return { proposal, mission, agent, secret };
};
