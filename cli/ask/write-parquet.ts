import type { SchemaElement } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import type { AnswerColumn, AnswerRow } from "./ask-reader.ts";

type Leaf = Omit<SchemaElement, "name">;

const string: Leaf = { type: "BYTE_ARRAY", converted_type: "UTF8" };
const leaves: Readonly<Record<string, Leaf>> = {
  time: { type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "NANOS" } },
  count: { type: "INT64" },
  number: { type: "DOUBLE" },
  flag: { type: "BOOLEAN" },
};

const mayBeNull: ReadonlySet<string> = new Set(["number", "time"]);

/** A list has three levels: that there is one, that it has elements, and each. */
const elementsOf = ({ name, kind }: AnswerColumn): SchemaElement[] =>
  kind === "texts"
    ? [
        { name, repetition_type: "REQUIRED", num_children: 1, converted_type: "LIST" },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", repetition_type: "REQUIRED", ...string },
      ]
    : [{ name, repetition_type: mayBeNull.has(kind) ? "OPTIONAL" : "REQUIRED", ...(leaves[kind] ?? string) }];

const valueOf = (value: unknown, kind: string): unknown => {
  if (kind === "time") return typeof value === "string" ? (parseTimestampNs(value) ?? 0n) : null;
  return kind === "count" ? BigInt(value as number) : value;
};

/** The rows of an answer as one Parquet file: times in nanoseconds of UTC, lists as lists. */
export const renderParquet = (columns: readonly AnswerColumn[], rows: readonly AnswerRow[]): Buffer => {
  const schema = [{ name: "root", num_children: columns.length }, ...columns.flatMap(elementsOf)];
  const columnData = columns.map(({ name, kind }) => ({ name, data: rows.map((row) => valueOf(row[name], kind)) }));
  return Buffer.from(parquetWriteBuffer({ schema, columnData }));
};
