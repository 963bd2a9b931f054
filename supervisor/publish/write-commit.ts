import { renderCommitMessage } from "#supervisor/publish/commit-message.ts";
import type { Proposal } from "#supervisor/publish/proposal.ts";
import { done, type Step } from "#supervisor/publish/verdict.ts";
import { judgeBundleFailure, type Workshop } from "./scratch-repository.ts";

/** The one commit that is pushed. */
export type WrittenCommit = { readonly commit: string };

/**
 * Writes one new commit with the proposed tree on the base, in the agent's name. Every part of it comes from the record, so the
 * same proposal makes the same commit however often it is tried: whether it was pushed is read off the branch.
 */
export const writeCommit = async (workshop: Workshop, proposal: Proposal): Promise<Step<WrittenCommit>> => {
  const git = workshop.inspect;
  const date = `${proposal.observedSeconds} +0000`;
  const written = await git.run(["commit-tree", `${proposal.head}^{tree}`, "-p", proposal.base], {
    input: renderCommitMessage(proposal),
    env: {
      GIT_AUTHOR_NAME: proposal.agentName,
      GIT_AUTHOR_EMAIL: `${proposal.agentName}@${proposal.namespace}.swarm.enchanted.dev`,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: "Enchanted Swarm",
      GIT_COMMITTER_EMAIL: "publisher@swarm.enchanted.dev",
      GIT_COMMITTER_DATE: date,
    },
  });
  if (written.kind === "failed") return judgeBundleFailure(written);
  return done({ commit: written.stdout.toString("utf8").trim() });
};
