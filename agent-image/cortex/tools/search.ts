import * as z from "zod";
import { ToolFailure } from "../workspace/confined-path.ts";
import { defineTool, type Tool, type ToolContext } from "./tool.ts";

const maxHits = 200;
const maxLineChars = 300;

const shorten = (line: string): string => (line.length > maxLineChars ? `${line.slice(0, maxLineChars)} …` : line);

const show = (output: string): string => {
  const lines = output.split("\n").filter((line) => line !== "");
  const rest = lines.length - maxHits;
  return [
    ...lines.slice(0, maxHits).map(shorten),
    ...(rest > 0 ? [`[… ${rest} more; search more narrowly …]`] : []),
  ].join("\n");
};

/** Searches the files by a regular expression. */
export const createSearch = ({ repository, files }: ToolContext): Tool =>
  defineTool({
    name: "search",
    description:
      "Search the repository's text files by an extended regular expression (grep -E). Answers path:line:text.",
    input: z.strictObject({
      pattern: z.string().min(1).max(1_000).describe("POSIX extended regular expression, matched within a line."),
      path: z
        .string()
        .max(4096)
        .optional()
        .describe("File or directory to search, relative to the root; default: everything."),
      ignore_case: z.boolean().optional().describe("Whether upper and lower case are the same; default false."),
    }),
    timeoutMs: 30_000,
    run: async ({ pattern, path, ignore_case: ignoreCase }, { signal }) => {
      const below = path === undefined ? "" : files.relative(path);
      const flags = ["-n", "-I", "-E", "--untracked", "--no-color", ...(ignoreCase === true ? ["-i"] : [])];
      const found = await repository.record.run(
        ["grep", ...flags, "-e", pattern, "--", ...(below === "" ? [] : [below])],
        { signal },
      );
      if (found.kind === "ok") return { text: show(found.stdout.toString()) };
      if (found.code === 1 && found.stderr === "") return { text: "nothing found" };
      throw new ToolFailure(found.message);
    },
  });
