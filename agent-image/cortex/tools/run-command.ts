import * as z from "zod";
import type { Kill } from "#nervous-system/kernel/shell.ts";
import { describeEnd, runCommand } from "./command.ts";
import { defineTool, type Tool, type ToolContext } from "./tool.ts";

const longestSeconds = 600;
const usualSeconds = 120;
const maxOutputChars = 400_000;

/** Runs a shell command in the repository. */
export const createRunCommand = ({ repository, commandEnv, clock }: ToolContext, kill: Kill): Tool =>
  defineTool({
    name: "run_command",
    description:
      "Run a command by sh -c in the repository's root and see its exit code and output. No input, no network. Use it for tests and builds.",
    input: z.strictObject({
      command: z.string().min(1).max(20_000).describe("The shell command."),
      timeout_seconds: z
        .number()
        .int()
        .min(1)
        .max(longestSeconds)
        .optional()
        .describe(`Time limit; default ${usualSeconds}. The command and all it started in its group are killed then.`),
    }),
    // The command's own limit ends it first; this one stands behind it.
    timeoutMs: (longestSeconds + 30) * 1000,
    run: async ({ command, timeout_seconds: seconds = usualSeconds }, { signal, traceparent }) => {
      const env = { ...commandEnv, ...(traceparent === undefined ? {} : { TRACEPARENT: traceparent }) };
      const timeoutMs = seconds * 1000;
      const end = await runCommand(
        { command, cwd: repository.workTree, env, timeoutMs, maxOutputChars, signal, clock },
        kill,
      );
      return { text: describeEnd(end, timeoutMs), ok: end.why === "exited" && end.code === 0 };
    },
  });
