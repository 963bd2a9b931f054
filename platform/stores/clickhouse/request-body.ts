import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ClickHouseException } from "./exception.ts";
import { parseInsertWithData, type InsertWithData } from "./insert-statement.ts";

/** What a request asks for: a statement alone, or an INSERT and where its data is. */
export type Asked =
  | { readonly kind: "statement"; readonly sql: string }
  | { readonly kind: "insert"; readonly insert: InsertWithData; readonly data: AsyncIterable<Buffer> };

// An INSERT says where its data begins within this much; a longer one without data is read whole.
const HEAD_BYTES = 256 * 1024;
const MAX_STATEMENT_BYTES = 16 * 1024 * 1024;

const readUpTo = async (source: AsyncIterator<Buffer>, limit: number): Promise<{ bytes: Buffer; ended: boolean }> => {
  const chunks: Buffer[] = [];
  for (let size = 0; size < limit;) {
    const { done, value } = await source.next();
    if (done) return { bytes: Buffer.concat(chunks), ended: true };
    chunks.push(value);
    size += value.length;
  }
  return { bytes: Buffer.concat(chunks), ended: false };
};

async function* following(head: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
}

// Latin-1 keeps one character a byte, so that an offset in the text is one in the bytes.
const insertIn = (head: Buffer): { insert: InsertWithData; dataStart: number } | undefined => {
  const found = parseInsertWithData(head.toString("latin1"));
  if (found === undefined) return undefined;
  const insert = parseInsertWithData(head.subarray(0, found.dataStart).toString("utf8"));
  return insert && { insert, dataStart: found.dataStart };
};

/** Reads a request's statement from its URL and body, as far as needed to know where an INSERT's data begins. */
export const readAsked = async (query: string, body: Readable): Promise<Asked> => {
  const source = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const prefix = query === "" ? Buffer.alloc(0) : Buffer.from(`${query}\n`);
  const whole = insertIn(prefix);
  if (whole) return { kind: "insert", insert: whole.insert, data: following(prefix.subarray(whole.dataStart), source) };
  const first = await readUpTo(source, HEAD_BYTES);
  const head = Buffer.concat([prefix, first.bytes]);
  const inBody = insertIn(head);
  if (inBody)
    return { kind: "insert", insert: inBody.insert, data: following(head.subarray(inBody.dataStart), source) };
  const rest = first.ended ? { bytes: Buffer.alloc(0), ended: true } : await readUpTo(source, MAX_STATEMENT_BYTES);
  if (!rest.ended)
    throw new ClickHouseException(66, "QUERY_IS_TOO_LARGE", `A statement may have ${MAX_STATEMENT_BYTES} bytes`);
  return { kind: "statement", sql: Buffer.concat([head, rest.bytes]).toString("utf8") };
};

/** Writes an INSERT's data to a file; when the client breaks off nothing is inserted. Answers the bytes written. */
export const spool = async (data: AsyncIterable<Buffer>, path: string): Promise<number> => {
  const file = createWriteStream(path, { mode: 0o600 });
  await pipeline(data, file);
  return file.bytesWritten;
};
