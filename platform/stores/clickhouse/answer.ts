import type { ServerResponse } from "node:http";
import type { RunSummary } from "./engine-protocol.ts";
import { exceptionText, httpStatusOf, type ClickHouseException } from "./exception.ts";
import { contentTypeOf } from "./formats.ts";

/** What every answer to one query says of it. */
export type AnswerFormat = {
  readonly queryId: string;
  readonly format: string;
  readonly version: string;
  readonly timezone: string;
  readonly encoding?: string | undefined;
  /** Marks an exception within the rows; unguessable, so that no row can look like one. */
  readonly exceptionTag: string;
  readonly insert: boolean;
};

const NOTHING: RunSummary = { rows: 0, bytes: 0, elapsedNs: 0 };

// chDB counts what a statement wrote or answered, not what it read of its tables: for a query that stays "0".
const summaryHeader = ({ insert }: AnswerFormat, summary: RunSummary = NOTHING): string => {
  const [rows, bytes] = [String(summary.rows), String(summary.bytes)];
  const [movedRows, movedBytes] = insert ? [rows, bytes] : ["0", "0"];
  return JSON.stringify({
    read_rows: movedRows,
    read_bytes: movedBytes,
    written_rows: movedRows,
    written_bytes: movedBytes,
    total_rows_to_read: "0",
    result_rows: rows,
    result_bytes: bytes,
    elapsed_ns: String(summary.elapsedNs),
  });
};

// A query id or format of the client's choice may hold what no header can.
const headerSafe = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?");

const commonHeaders = (frame: AnswerFormat, summary?: RunSummary): Record<string, string> => ({
  "X-ClickHouse-Query-Id": headerSafe(frame.queryId),
  "X-ClickHouse-Server-Display-Name": "enchanted-clickhouse",
  "X-ClickHouse-Timezone": frame.timezone,
  "X-ClickHouse-Summary": summaryHeader(frame, summary),
  "X-ClickHouse-Format": headerSafe(frame.format),
});

/** Headers of an answer with rows. */
export const successHeaders = (frame: AnswerFormat, summary?: RunSummary): Record<string, string> => ({
  ...commonHeaders(frame, summary),
  "Content-Type": contentTypeOf(frame.format),
  "X-ClickHouse-Exception-Tag": frame.exceptionTag,
  ...(frame.encoding === undefined ? {} : { "Content-Encoding": frame.encoding }),
});

/** Answers with an exception alone: no row has been sent. */
export const answerException = (
  response: ServerResponse,
  frame: AnswerFormat,
  error: ClickHouseException,
  status?: number,
): void => {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(status ?? httpStatusOf(error.code), {
    ...commonHeaders(frame),
    "Content-Type": "text/plain; charset=UTF-8",
    "X-ClickHouse-Exception-Code": String(error.code),
  });
  response.end(`${exceptionText(error, frame.version)}\n`);
};

/** Answers a statement that has no rows. */
export const answerNothing = (response: ServerResponse, frame: AnswerFormat, summary: RunSummary): void => {
  const { encoding: _none, ...plain } = frame;
  response.writeHead(200, successHeaders(plain, summary)).end();
};

/** The tail that clients since ClickHouse 25.11 look for: text between two marks, its length before the second. */
export const exceptionTail = (frame: AnswerFormat, error: ClickHouseException): string => {
  const text = `${exceptionText(error, frame.version)}\n`;
  const tag = frame.exceptionTag;
  return `\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`;
};
