import * as z from "zod";
import { defineTool, type Tool, type ToolContext } from "./tool.ts";

/** Writes a whole file. */
export const createWriteFile = ({ files }: ToolContext): Tool =>
  defineTool({
    name: "write_file",
    description:
      "Write a whole text file; makes it and its directories when they are not there. For a small change use apply_patch.",
    input: z.strictObject({
      path: z.string().min(1).max(4096).describe("File, relative to the repository's root."),
      content: z.string().max(1_000_000).describe("The file's whole new content."),
    }),
    timeoutMs: 10_000,
    run: async ({ path, content }) => {
      await files.write(path, content);
      return { text: `wrote ${Buffer.byteLength(content)} bytes to ${path}` };
    },
  });
