import type { Buffer } from "node:buffer";
import type { Git, GitResult, GitRunOptions } from "#nervous-system/git/git.ts";

/** How a call of Git failed. */
export type Failed = Extract<GitResult, { kind: "failed" }>;

/** A call of Git that had to work, and did not. */
export class GitFailed extends Error {
  override readonly name = "GitFailed";
  readonly result: Failed;

  constructor(result: Failed) {
    super(result.message);
    this.result = result;
  }
}

/** What a call printed that must work; throws `GitFailed`. */
export const mustRun = async (git: Git, args: readonly string[], options?: GitRunOptions): Promise<Buffer> => {
  const result = await git.run(args, options);
  if (result.kind === "failed") throw new GitFailed(result);
  return result.stdout;
};
