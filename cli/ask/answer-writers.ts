import { once } from "node:events";
import type { Writable } from "node:stream";
import type { Host } from "../host.ts";
import { printableJson } from "../printable.ts";
import type { AnswerColumn, AnswerRow, AnswerTaker } from "./ask-reader.ts";
import { renderCsv, valuesOf } from "./render-row.ts";
import { renderTable } from "./render-table.ts";

/** Prints an answer in one format. */
export type AnswerWriter = AnswerTaker & {
  /** Prints what had to wait for the last row. */
  end(): Promise<void> | void;
};

type Output = ReturnType<Host["stdout"]>;

const isGone = (out: Writable): boolean => out.destroyed || out.errored !== null;

const write = async (out: Writable, text: string | Buffer): Promise<void> => {
  if (isGone(out) || out.write(text)) return;
  await Promise.race([once(out, "drain"), once(out, "close")]).catch(() => undefined);
};

/** Rows as they come, each a line. */
const lineWriter = (
  out: Output,
  heading: (columns: readonly AnswerColumn[]) => string | undefined,
  line: (columns: readonly AnswerColumn[], row: AnswerRow) => string,
): AnswerWriter => {
  let columns: readonly AnswerColumn[] = [];
  let waiting: Promise<void> = Promise.resolve();
  return {
    begin: (given) => {
      columns = given;
      const text = heading(columns);
      if (text !== undefined) waiting = write(out, `${text}\n`);
    },
    row: async (row) => {
      await waiting;
      await write(out, `${line(columns, row)}\n`);
    },
    isDone: () => isGone(out),
    end: () => waiting,
  };
};

/** Rows together, once all are there. */
const wholeWriter = (
  out: Output,
  end: (columns: readonly AnswerColumn[], rows: readonly AnswerRow[]) => Promise<string | Buffer>,
): AnswerWriter => {
  let columns: readonly AnswerColumn[] = [];
  const rows: AnswerRow[] = [];
  return {
    begin: (given) => void (columns = given),
    row: (row) => void rows.push(row),
    isDone: () => isGone(out),
    end: async () => write(out, await end(columns, rows)),
  };
};

const tableWriter = (host: Host, out: Output): AnswerWriter =>
  wholeWriter(out, async (columns, rows) => {
    const { lines, leftOut } = renderTable(columns, rows, out.isTTY === true ? out.columns || 80 : undefined);
    if (leftOut.length > 0) host.warn(`enchanted: no room for ${leftOut.join(", ")}; --output json has them`);
    return rows.length === 0 ? "" : `${lines.join("\n")}\n`;
  });

const withText = (format: string, host: Host, out: Output): AnswerWriter => {
  if (format === "jsonl")
    return lineWriter(
      out,
      () => undefined,
      (_, row) => printableJson(row),
    );
  if (format === "json") return wholeWriter(out, async (_, rows) => `${printableJson(rows)}\n`);
  if (format !== "csv") return tableWriter(host, out);
  const forTerminal = out.isTTY === true;
  return lineWriter(
    out,
    (columns) =>
      renderCsv(
        columns.map(({ name }) => name),
        forTerminal,
      ),
    (columns, row) => renderCsv(valuesOf(columns, row), forTerminal),
  );
};

/** Creates the writer of a format; what only Parquet needs is loaded for it alone. */
export const createAnswerWriter = (format: string, host: Host): AnswerWriter => {
  const out = host.stdout();
  if (format !== "parquet") return withText(format, host, out);
  return wholeWriter(out, async (columns, rows) => (await import("./write-parquet.ts")).renderParquet(columns, rows));
};
