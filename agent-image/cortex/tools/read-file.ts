import * as z from "zod";
import { ToolFailure } from "../workspace/confined-path.ts";
import { defineTool, type Tool, type ToolContext } from "./tool.ts";

const maxBytes = 4 * 1024 * 1024;
const maxLines = 2_000;

const numbered = (lines: readonly string[], first: number): string =>
  lines.map((line, index) => `${String(first + index).padStart(6)}\t${line}`).join("\n");

/** Reads a text file with line numbers. */
export const createReadFile = ({ files }: ToolContext): Tool =>
  defineTool({
    name: "read_file",
    description: "Read a text file. Each line is shown as its number, a tab, and the line itself.",
    input: z.strictObject({
      path: z.string().min(1).max(4096).describe("File, relative to the repository's root."),
      first_line: z.number().int().min(1).optional().describe("First line to show; default 1."),
      last_line: z.number().int().min(1).optional().describe(`Last line to show; at most ${maxLines} lines are shown.`),
    }),
    timeoutMs: 10_000,
    run: async ({ path, first_line: first = 1, last_line: last }) => {
      const content = await files.read(path, maxBytes);
      if (content.includes(0)) throw new ToolFailure(`"${path}" is a binary file of ${content.length} bytes`);
      const lines = content.toString("utf8").replace(/\n$/, "").split("\n");
      if (first > lines.length) throw new ToolFailure(`"${path}" has ${lines.length} lines`);
      const end = Math.min(last ?? lines.length, first - 1 + maxLines, lines.length);
      const rest = end < lines.length ? `\n[… the file goes on to line ${lines.length} …]` : "";
      return { text: numbered(lines.slice(first - 1, end), first) + rest };
    },
  });
