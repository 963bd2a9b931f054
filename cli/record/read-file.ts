import { open, type FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import { createItemReader, type ContextItem } from "#nervous-system/recorder/context-file/read-items.ts";
import { createLineSplitter, type SplitLine } from "#nervous-system/comms/socket/line-splitter.ts";
import { CliError, type Host } from "../host.ts";
import { readTrouble } from "../file-trouble.ts";

// A frame, its stamps, and room for the member names around them.
const MAX_LINE_BYTES = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** How a file is read. */
export type ReadOptions = {
  /** Called at the end of what there is: false ends the reading, true goes on with what was appended meanwhile. */
  more(): Promise<boolean>;
};

const openForReading = async (path: string): Promise<FileHandle> => {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    const hint = "record one with: enchanted run -- <program>, or name another with --file";
    throw new CliError(`enchanted: ${path} cannot be read: ${readTrouble(error)}; ${hint}`);
  }
  throw new CliError(`enchanted: ${path} is not a file; name another one with --file`);
};

const textOf = (line: SplitLine): string =>
  line.kind === "line" ? line.bytes.toString("utf8") : "(a line over 1 MiB)";

/** Gives what stands in a file, in its order, in memory that does not grow with the file. */
export async function* readItems(host: Host, name: string, { more }: ReadOptions): AsyncGenerator<ContextItem> {
  const file = await openForReading(resolve(host.cwd, name));
  const splitter = createLineSplitter(MAX_LINE_BYTES);
  const reader = createItemReader();
  const chunk = Buffer.alloc(CHUNK_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0 && !(await more())) break;
      const lines = splitter.push(Buffer.from(chunk.subarray(0, bytesRead)));
      yield* lines.flatMap((line) => reader.push(textOf(line)));
    }
    const [rest] = splitter.end();
    yield* reader.end(rest === undefined ? "" : textOf(rest));
  } finally {
    await file.close();
  }
}

/** Reads what there is now. */
export const once: ReadOptions = { more: async () => false };
