import * as z from "zod";
import { ToolFailure } from "../workspace/confined-path.ts";
import { defineTool, type Tool, type ToolContext } from "./tool.ts";

const input = z.strictObject({
  subcommand: z.enum(["status", "diff", "log", "commit"]).describe("What to do. commit takes every change."),
  path: z.string().max(4096).optional().describe("For diff and log: only this file or directory."),
  message: z.string().min(1).max(10_000).optional().describe("For commit: the message."),
  count: z.number().int().min(1).max(100).optional().describe("For log: how many commits; default 20."),
});

type Input = z.output<typeof input>;

const commandsFor = (call: Input, below: readonly string[]): ReadonlyArray<readonly string[]> => {
  switch (call.subcommand) {
    case "status":
      return [["status", "--short", "--branch", "--untracked-files=all"]];
    case "diff":
      // Files that are not tracked yet belong to the change.
      return [
        ["add", "--all", "--sparse", "--intent-to-add", "."],
        ["diff", "--no-color", "HEAD", "--", ...below],
      ];
    case "log":
      return [["log", "--no-color", "--oneline", `--max-count=${call.count ?? 20}`, "--", ...below]];
    case "commit":
      if (call.message === undefined) throw new ToolFailure("commit needs a message");
      return [
        ["add", "--all", "--sparse", "."],
        ["commit", "--no-verify", "--message", call.message],
      ];
  }
};

/** Looks at the repository's state and commits. */
export const createGitTool = ({ repository, files }: ToolContext): Tool =>
  defineTool({
    name: "git",
    description: "Look at the repository (status, diff, log) or commit everything (commit).",
    input,
    timeoutMs: 60_000,
    run: async (call, { signal }) => {
      const below = call.path === undefined ? "" : files.relative(call.path);
      let text = "";
      for (const args of commandsFor(call, below === "" ? [] : [below])) {
        const result = await repository.working.run(args, { signal });
        // commit says on standard output that there is nothing to commit.
        if (result.kind === "failed") throw new ToolFailure(`${result.message}\n${result.stdout.toString()}`.trim());
        text = result.stdout.toString();
      }
      return { text: text === "" ? "(nothing)" : text };
    },
  });
