import * as z from "zod";
import { ToolFailure } from "../workspace/confined-path.ts";
import { defineTool, type Tool, type ToolContext } from "./tool.ts";

/** Applies a unified diff, all of it or nothing. Git itself refuses paths outside, beyond links, and its own. */
export const createApplyPatch = ({ repository }: ToolContext): Tool =>
  defineTool({
    name: "apply_patch",
    description:
      "Apply a unified diff (as git diff prints it, paths a/… and b/…) to the files; all of it or nothing. Line counts in @@ headers need not be right, context lines must be.",
    input: z.strictObject({
      patch: z.string().min(1).max(1_000_000).describe("The unified diff."),
    }),
    timeoutMs: 30_000,
    run: async ({ patch }, { signal }) => {
      const input = patch.endsWith("\n") ? patch : `${patch}\n`;
      const applied = await repository.record.run(["apply", "--recount", "--whitespace=nowarn", "-"], {
        input,
        signal,
      });
      if (applied.kind === "ok") return { text: "applied" };
      throw new ToolFailure(
        `${applied.message}\n${applied.stderr.trim()}\nRead the file again and make the context lines match.`,
      );
    },
  });
