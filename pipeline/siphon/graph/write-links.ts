import type { RunStatement } from "#nervous-system/stores/neo4j/graph-client.ts";
import type { Projected } from "#pipeline/siphon/graph/model.ts";
import { stampOnEdge } from "#pipeline/siphon/graph/rows.ts";
import * as statements from "#pipeline/siphon/graph/statements.ts";

// What follows from a frame and from others before it, of which some are in the graph only.

const keysOf = (frames: readonly Projected[]): string[] => frames.map(({ event }) => event.key);

/** Links each change to the decision that led to it: the one that it names as its cause, else its agent's last one in the same attempt. */
export const writeDecisionsLedTo = async (run: RunStatement, changes: readonly Projected[]): Promise<void> => {
  const rows = changes.map((change) => {
    const { key, stamp, properties } = change.event;
    const { agent, parent } = properties;
    return { key, agent, parent, epoch: stamp.epoch, seq: stamp.seq, stamp: stampOnEdge(change) };
  });
  const caused = rows.filter(({ parent }) => parent !== undefined);
  const linked = caused.length === 0 ? [] : await run<{ key: string }>(statements.ledByParent, { rows: caused });
  const known = new Set(linked.map(({ key }) => key));
  // A frame that no chain holds comes after nothing.
  const others = rows.filter(({ key, seq }) => seq > 0 && !known.has(key));
  if (others.length > 0) await run(statements.ledByLast, { rows: others });
};

/** Links the changes that are in each proposed commit to it, and that to the pull request if it was answered already. */
export const writeProposals = async (run: RunStatement, proposals: readonly Projected[]): Promise<void> => {
  if (proposals.length === 0) return;
  const rows = proposals.map((proposal) => {
    const { key, stamp, properties } = proposal.event;
    const { epoch, seq } = stamp;
    return { key, agent: properties["agent"], epoch, seq, files: proposal.proposedFiles, stamp: stampOnEdge(proposal) };
  });
  await run(statements.changesInCommits, { rows });
  await run(statements.publishedOfProposed, { keys: keysOf(proposals) });
};

/** Links the proposed commit to the pull request that it became, and keeps that one's newest state. */
export const writePublications = async (run: RunStatement, publications: readonly Projected[]): Promise<void> => {
  if (publications.length === 0) return;
  await run(statements.proposedInPublished, { keys: keysOf(publications) });
  const rows = publications.map(({ event: { key, stamp, properties } }) => {
    const { stream, place } = stamp;
    return { key, stream, place, state: properties["state"] };
  });
  await run(statements.keepPullRequestState, { rows });
};

/** Links who was told something to who said it; an agent that got its name only now was told all that was said to that name. */
export const writeTold = async (
  run: RunStatement,
  messages: readonly Projected[],
  lateNamed: readonly string[],
): Promise<void> => {
  const keys = keysOf(messages);
  if (keys.length > 0) await run(statements.tellNamed, { keys });
  if (lateNamed.length > 0) await run(statements.tellLateNamed, { agents: lateNamed, keys });
};
