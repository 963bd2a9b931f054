import type { StoredFrame } from "#nervous-system/comms/nats/stored-frame.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { Forge } from "#supervisor/forge/forge.ts";
import { admitProposal, type Admitted } from "#supervisor/publish/admit-proposal.ts";
import { observeProposal } from "#supervisor/publish/observe-proposal.ts";
import { parseProposal, type Proposal } from "#supervisor/publish/proposal.ts";
import type { PublicationEnd } from "#supervisor/publish/publication-frame.ts";
import { publishProposal } from "#supervisor/publish/publish-proposal.ts";
import { retry, type Retryable, type Step } from "#supervisor/publish/verdict.ts";
import { createWorkshop, type WorkshopOptions } from "./scratch-repository.ts";

/** What proposals are answered with. */
export type AnswerTools = WorkshopOptions & {
  readonly client: Pick<KubeClient, "find">;
  readBundle(proposal: Proposal): Promise<Step<Buffer>>;
  openForge(admitted: Admitted): Promise<Step<Forge>>;
};

const publish = async (
  tools: AnswerTools,
  proposal: Proposal,
  admitted: Admitted,
): Promise<PublicationEnd | Retryable> => {
  const workshop = await createWorkshop(tools);
  try {
    const published = await publishProposal({ ...tools, workshop }, proposal, admitted);
    return published.kind === "ok" ? { ...published, base: proposal.base } : published;
  } finally {
    await workshop.remove();
  }
};

/** Answers one proposal: published, refused with a reason, or to be tried again. It does not reject. */
export const answerProposal = async (tools: AnswerTools, frame: StoredFrame): Promise<PublicationEnd | Retryable> => {
  const proposal = parseProposal(frame);
  if (proposal.kind === "refused") return proposal;
  try {
    const admitted = admitProposal(await observeProposal(tools.client, proposal.value));
    return admitted.kind === "refused" ? admitted : await publish(tools, proposal.value, admitted.value);
  } catch (error) {
    return retry(`the publisher could not finish: ${error instanceof Error ? error.message : String(error)}`);
  }
};
