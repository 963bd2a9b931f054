import type { Proposal } from "#supervisor/publish/proposal.ts";

const withoutControl = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]/gu, "");

/** One line of at most `max` characters, whatever the agent wrote. */
export const oneLine = (text: string, max: number): string => {
  const line = withoutControl(text).replaceAll(/\s+/g, " ").trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
};

/** Where in the record a proposal stands: `agent/epoch/seq/hash`. */
export const recordOf = (proposal: Pick<Proposal, "agentUid" | "epoch" | "seq" | "hash">): string =>
  `${proposal.agentUid}/${proposal.epoch}/${proposal.seq}/${proposal.hash}`;

const maxBodyCharacters = 16_000;

// A line of the agent's own that reads as a trailer of ours would be taken for one.
const withoutTrailers = (text: string): string => text.replaceAll(/^(\s*)(Mission|Agent|Record)(\s*:)/gim, "$1$2 $3");

/** The message of the one commit: the agent's words, then trailers that lead back to the record. */
export const renderCommitMessage = (proposal: Proposal): string => {
  const body = withoutTrailers(withoutControl(proposal.body)).slice(0, maxBodyCharacters).trim();
  const trailers = [
    `Mission: ${proposal.namespace}/${proposal.mission}`,
    `Agent: ${proposal.agentName}`,
    `Record: ${recordOf(proposal)}`,
  ];
  return [oneLine(proposal.title, 120), ...(body === "" ? [] : [body]), trailers.join("\n")].join("\n\n") + "\n";
};

/** The text of the pull request. */
export const renderPullRequestBody = (proposal: Proposal): string => {
  const body = withoutControl(proposal.body).slice(0, maxBodyCharacters).trim();
  const origin = [
    `Proposed by Agent \`${proposal.agentName}\` of Mission \`${proposal.namespace}/${proposal.mission}\`.`,
    `Record: \`${recordOf(proposal)}\``,
  ];
  return [...(body === "" ? [] : [body, "---"]), origin.join("\n")].join("\n\n");
};

/** The branch of an agent's proposals. */
export const branchOf = (proposal: Pick<Proposal, "mission" | "agentName">): string =>
  `swarm/${proposal.mission}/${proposal.agentName}`;
