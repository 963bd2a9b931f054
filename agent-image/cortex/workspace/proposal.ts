import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { mustRun, type Repository } from "./repository.ts";

/** A commit to propose and the bundle that carries it. */
export type ProposalBundle = { readonly head: string; readonly bundle: Buffer };

/** The ref that a proposal's bundle holds, and its only one. */
export const proposalRef = "refs/heads/proposal";

/** Commits `tree` on the base and packs `base..head` as a thin bundle. */
export const bundleProposal = async (
  repository: Repository,
  tree: string,
  message: string,
  directory: string,
): Promise<ProposalBundle> => {
  const { record, base } = repository;
  const head = await mustRun(record, ["commit-tree", tree, "-p", base, "-F", "-"], { input: message });
  await mustRun(record, ["update-ref", proposalRef, head]);
  const file = join(directory, "proposal.bundle");
  await mustRun(record, ["bundle", "create", "--quiet", file, `${base}..${proposalRef}`]);
  const bundle = await readFile(file);
  await rm(file);
  return { head, bundle };
};
