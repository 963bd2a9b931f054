import { createApplyPatch } from "./apply-patch.ts";
import type { Kill } from "#nervous-system/kernel/shell.ts";
import { createGitTool } from "./git.ts";
import { createListFiles } from "./list-files.ts";
import { createReadFile } from "./read-file.ts";
import { createRunCommand } from "./run-command.ts";
import { createSearch } from "./search.ts";
import type { Tool, ToolContext } from "./tool.ts";
import { createWriteFile } from "./write-file.ts";

/** The tools that work on the workspace. A new one is a file beside this and a line here. */
export const createWorkspaceTools = (context: ToolContext, kill: Kill): readonly Tool[] => [
  createListFiles(context),
  createReadFile(context),
  createSearch(context),
  createWriteFile(context),
  createApplyPatch(context),
  createRunCommand(context, kill),
  createGitTool(context),
];
