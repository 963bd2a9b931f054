import { open, type FileHandle } from "node:fs/promises";
import { createLineSplitter, type SplitLine } from "#nervous-system/comms/socket/line-splitter.ts";
import { readTrouble } from "../file-trouble.ts";
import { CliError } from "../host.ts";
import { isJsonObject, parseJson, type Json } from "./fields.ts";
import { isPacked, readChunks, unpackChunks } from "./unpack.ts";

/** Something in a session file: an object of JSON, or what is none. `line` counts from 1; in a list it is the place. */
export type Entry = { line: number; value: Json; text: string } | { line: number; why: string };

/** An image in an entry is told as text. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

const parse = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
};

const asEntries = (value: unknown, line: number, text: string): Entry[] => {
  if (isJsonObject(value)) return [{ line, value, text }];
  if (!Array.isArray(value)) return [{ line, why: "it is no object of JSON" }];
  return value.map((one, index) =>
    isJsonObject(one) ? { line: index + 1, value: one, text: "" } : { line: index + 1, why: "it is no object of JSON" },
  );
};

const lineEntries = (split: SplitLine, line: number): Entry[] => {
  if (split.kind === "tooLong") return [{ line, why: `the line is longer than ${MAX_LINE_BYTES >> 20} MiB` }];
  const text = split.bytes.toString("utf8").trim();
  if (text === "") return [];
  const value = parse(text);
  return value === undefined ? [{ line, why: "the line is not JSON" }] : asEntries(value, line, text);
};

/** A line without the space around it, of which a mark of the byte order is some; empty where it is too long. */
const textOf = (split: SplitLine): string => (split.kind === "tooLong" ? "" : split.bytes.toString("utf8").trim());

/** The first line that has something in it; undefined where no other follows. */
const readFirstLine = async (file: FileHandle): Promise<string | undefined> => {
  const splitter = createLineSplitter(MAX_LINE_BYTES);
  for (let at = 0; ;) {
    const length = at === 0 ? 4096 : CHUNK_BYTES;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, at);
    if (bytesRead === 0) return undefined;
    at += bytesRead;
    const first = splitter
      .push(buffer.subarray(0, bytesRead))
      .map(textOf)
      .find((text) => text !== "");
    if (first !== undefined) return first;
  }
};

/** A file that is one document over several lines; undefined where it is not. */
const readDocument = async (file: FileHandle, size: number): Promise<Entry[] | undefined> => {
  const first = size > MAX_DOCUMENT_BYTES ? undefined : await readFirstLine(file);
  if (first === undefined || !/^[[{]/.test(first) || parse(first) !== undefined) return undefined;
  const bytes = Buffer.alloc(size);
  const whole = await file.read(bytes, 0, size, 0);
  const value = parse(bytes.toString("utf8", 0, whole.bytesRead).trim());
  return value === undefined ? undefined : asEntries(value, 1, "");
};

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  const splitter = createLineSplitter(MAX_LINE_BYTES);
  let line = 0;
  const entriesOf = (split: SplitLine): Entry[] => lineEntries(split, (line += 1));
  for await (const chunk of chunks) for (const split of splitter.push(chunk)) yield* entriesOf(split);
  for (const split of splitter.end()) yield* entriesOf(split);
}

/** What is there before the damage is read all the same. */
async function* unpackLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  let line = 0;
  try {
    for await (const entry of splitLines(chunks)) {
      ({ line } = entry);
      yield entry;
    }
  } catch (error) {
    yield { line: line + 1, why: `from here on the packed file cannot be read: ${(error as Error).message}` };
  }
}

const openFile = async (path: string): Promise<FileHandle> => {
  const file = await open(path, "r").catch((error: unknown) => {
    throw new CliError(`enchanted: ${path} cannot be read: ${readTrouble(error)}`);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new CliError(`enchanted: ${path} is not a file; name the files of sessions`);
};

const DATABASE = "SQLite format 3\0";

const readHead = async (file: FileHandle): Promise<Buffer> => {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(DATABASE.length), 0, DATABASE.length, 0);
  return buffer.subarray(0, bytesRead);
};

/**
 * Gives what stands in a file, packed with zstd or not: a value of JSON a line, or one document; throws `CliError` where it
 * cannot be read, `Error` where it is a database.
 */
export async function* readEntries(path: string, onProgress: (share: number) => void): AsyncGenerator<Entry> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const head = await readHead(file);
    if (head.toString("latin1") === DATABASE)
      throw new Error(
        "it is a database; of one of OpenCode import each session: opencode export <session> > session.json, then enchanted import session.json",
      );
    const onRead = (at: number): void => onProgress(at / Math.max(at, size));
    if (isPacked(head)) return yield* unpackLines(unpackChunks(file, size, onRead));
    const document = await readDocument(file, size);
    if (document === undefined) yield* splitLines(readChunks(file, 0, onRead));
    else yield* document;
  } finally {
    await file.close();
  }
}
