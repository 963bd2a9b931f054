import * as z from "zod";
import { textOf } from "../workspace/repository.ts";
import { defineTool, type Tool, type ToolContext } from "./tool.ts";

const maxFiles = 1_000;

/** Lists the files that Git tracks or would track. */
export const createListFiles = ({ repository, files }: ToolContext): Tool =>
  defineTool({
    name: "list_files",
    description: "List the repository's files (tracked and new, without ignored ones), one path a line.",
    input: z.strictObject({
      path: z
        .string()
        .max(4096)
        .optional()
        .describe("Directory to list, relative to the repository's root; default: all of it."),
    }),
    timeoutMs: 30_000,
    run: async ({ path }, { signal }) => {
      const below = path === undefined ? "" : files.relative(path);
      const args = [
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        "--",
        ...(below === "" ? [] : [below]),
      ];
      const all = (await textOf(repository.record, args, { signal })).split("\0").filter((one) => one !== "");
      if (all.length === 0) return { ok: false, text: `no files in "${path ?? "."}"` };
      const rest = all.length - maxFiles;
      const more = rest > 0 ? [`[… ${rest} more; list a directory …]`] : [];
      return { text: [...all.slice(0, maxFiles), ...more].join("\n") };
    },
  });
