import { done, type Proposal, type Step } from "#supervisor/publish/proposal.ts";
import { judgeBundleFailure, type ScratchRepository } from "#supervisor/publish/scratch-repository.ts";

const withoutControl = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]/gu, "");

/** One line of at most `max` characters, whatever the agent wrote. */
export const oneLine = (text: string, max: number): string => {
  const line = withoutControl(text).replaceAll(/\s+/g, " ").trim();
  return line.length <= max ? line : `${line.slice(0, max - 1).toWellFormed()}…`;
};

/** Where in the record a proposal stands: `agent/epoch/seq/hash`. */
const recordOf = (proposal: Pick<Proposal, "agentUid" | "epoch" | "seq" | "hash">): string =>
  `${proposal.agentUid}/${proposal.epoch}/${proposal.seq}/${proposal.hash}`;

const maxBodyCharacters = 16_000;

// A line of the agent's own that reads as a trailer of ours would be taken for one. The space is that of one line: each of many
// empty ones would be looked through from its own start to the end of all of them.
const trailer = /^([^\S\n\u2028\u2029]*)(Mission|Agent|Record)([^\S\n\u2028\u2029]*:)/gim;

const bodyOf = ({ body }: Proposal): string => withoutControl(body).slice(0, maxBodyCharacters).toWellFormed().trim();

/** The message of the one commit: the agent's words, then trailers that lead back to the record. */
export const renderCommitMessage = (proposal: Proposal): string => {
  const body = bodyOf(proposal).replaceAll(trailer, "$1$2 $3");
  const trailers = [
    `Mission: ${proposal.namespace}/${proposal.mission}`,
    `Agent: ${proposal.agentName}`,
    `Record: ${recordOf(proposal)}`,
  ];
  return [oneLine(proposal.title, 120), ...(body === "" ? [] : [body]), trailers.join("\n")].join("\n\n") + "\n";
};

/** Whose commit is on a branch: this agent's of this or of an earlier proposal, this agent's of a later one, or somebody else's. */
type Standing = "own" | "later" | "foreign";

const isLater = (record: string, { agentUid, epoch, seq }: Proposal): boolean => {
  const [uid, ...place] = record.split("/");
  const [itsEpoch = 0, itsSeq = 0] = place.slice(0, 2).map(Number);
  return uid === agentUid && (itsEpoch > epoch || (itsEpoch === epoch && itsSeq > seq));
};

/** Reads off a commit's message whether a proposal may take its place. The last lines are the publisher's, whatever stands above. */
export const judgeStanding = (message: string, proposal: Proposal): Standing => {
  const trailers = message.trimEnd().split("\n").slice(-3);
  const [mission, agent, record = ""] = trailers;
  const isOwn =
    mission === `Mission: ${proposal.namespace}/${proposal.mission}` && agent === `Agent: ${proposal.agentName}`;
  if (!isOwn || !record.startsWith("Record: ")) return "foreign";
  return isLater(record.slice("Record: ".length), proposal) ? "later" : "own";
};

/** The text of the pull request. */
export const renderPullRequestBody = (proposal: Proposal): string => {
  const body = bodyOf(proposal);
  const origin = [
    `Proposed by Agent \`${proposal.agentName}\` of Mission \`${proposal.namespace}/${proposal.mission}\`.`,
    `Record: \`${recordOf(proposal)}\``,
  ];
  return [...(body === "" ? [] : [body, "---"]), origin.join("\n")].join("\n\n");
};

/** The branch of an agent's proposals. */
export const branchOf = (proposal: Pick<Proposal, "mission" | "agentName">): string =>
  `swarm/${proposal.mission}/${proposal.agentName}`;

/** The one commit that is pushed. */
type WrittenCommit = { readonly commit: string };

/**
 * Writes one new commit with the proposed tree on the base, in the agent's name. Every part of it comes from the record, so the
 * same proposal makes the same commit however often it is tried: whether it was pushed is read off the branch.
 */
export const writeCommit = async (scratch: ScratchRepository, proposal: Proposal): Promise<Step<WrittenCommit>> => {
  const git = scratch.inspect;
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
