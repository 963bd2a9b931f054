import { accessTo } from "#nervous-system/kubernetes/access.ts";
import { informerAccess } from "#nervous-system/kubernetes/informer.ts";
import { secrets } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Forge } from "#supervisor/forge/forge.ts";
import { admitProposal, type Admitted, type ProposalSnapshot } from "#supervisor/publish/admit-proposal.ts";
import { parseProposal, retry, type Proposal, type Retryable, type Step } from "#supervisor/publish/proposal.ts";
import type { PublicationEnd } from "#supervisor/publish/publication-frame.ts";
import { publishProposal } from "#supervisor/publish/publish-proposal.ts";
import { createScratchRepository, type ScratchOptions } from "#supervisor/publish/scratch-repository.ts";

/** What the publisher needs in the whole cluster: it follows missions to their ends. */
export const publisherClusterAccess = [...informerAccess(missions), accessTo(agents, ["get"])];

/** What the publisher needs in each namespace where missions run. */
export const publisherTenantAccess = [accessTo(secrets, ["get"])];

const objectName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Reads everything that a proposal is judged on; rejects while the API server does not answer. */
const observeProposal = async (client: Pick<KubeClient, "find">, proposal: Proposal): Promise<ProposalSnapshot> => {
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

const admitNow = async (client: Pick<KubeClient, "find">, proposal: Proposal): Promise<Step<Admitted>> =>
  admitProposal(await observeProposal(client, proposal));

/** What proposals are answered with. */
export type AnswerTools = ScratchOptions & {
  readonly client: Pick<KubeClient, "find">;
  readBundle(proposal: Proposal): Promise<Step<Buffer>>;
  openForge(admitted: Admitted): Promise<Step<Forge>>;
};

const publish = async (
  tools: AnswerTools,
  proposal: Proposal,
  admitted: Admitted,
): Promise<PublicationEnd | Retryable> => {
  const scratch = await createScratchRepository(tools, proposal.head);
  const stillAdmitted = (): Promise<Step<Admitted>> => admitNow(tools.client, proposal);
  try {
    const published = await publishProposal({ ...tools, scratch, stillAdmitted }, proposal, admitted);
    return published.kind === "ok" ? { ...published, base: proposal.base } : published;
  } finally {
    await scratch.remove();
  }
};

/** Answers one proposal: published, refused with a reason, or to be tried again. It does not reject. */
export const answerProposal = async (tools: AnswerTools, frame: StoredFrame): Promise<PublicationEnd | Retryable> => {
  const proposal = parseProposal(frame);
  if (proposal.kind === "refused") return proposal;
  try {
    const admitted = await admitNow(tools.client, proposal.value);
    return admitted.kind === "ok" ? await publish(tools, proposal.value, admitted.value) : admitted;
  } catch (error) {
    return retry(`the publisher could not finish: ${error instanceof Error ? error.message : String(error)}`);
  }
};
