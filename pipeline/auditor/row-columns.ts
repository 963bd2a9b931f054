import { hash } from "node:crypto";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import type { LedgerRow } from "#pipeline/siphon/ledger/row.ts";
import { columns } from "#pipeline/siphon/ledger/tables.ts";

// Bytes, envelope and hashes are compared by themselves; where and when it was stored may be said of any of its storings.
const apart: ReadonlySet<string> = new Set(["frame", "envelope", "hash", "prev_hash", "stream_seq", "stored"]);

type Kind = "time" | "list" | "other";

const kindOf = (type: string): Kind => {
  if (type.startsWith("DateTime64")) return "time";
  return type.startsWith("Array") ? "list" : "other";
};

const compared = Object.entries(columns)
  .filter(([name]) => !apart.has(name))
  .map(([name, type]) => ({ name: name as keyof LedgerRow, kind: kindOf(type) }));

// Each text with its length in front of it, so that no two rows are one text.
const sized = (text: string): string => `${Buffer.byteLength(text)}:${text}`;

const texts: { readonly [K in Kind]: (value: unknown) => string } = {
  time: (value) => String(parseTimestampNs(String(value)) ?? ""),
  list: (value) => (value as readonly string[]).map(sized).join(""),
  other: String,
};

/** sha256 of everything that a row says beside bytes, envelope and hashes, 64 hex digits. */
export const columnsDigest = (row: LedgerRow): string =>
  hash("sha256", compared.map(({ name, kind }) => sized(texts[kind](row[name]))).join(""), "hex");

const expressions: { readonly [K in Kind]: (name: string) => string } = {
  time: (name) => `toString(toUnixTimestamp64Nano(${name}))`,
  list: (name) =>
    `arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x), CAST(${name}, 'Array(String)')))`,
  other: (name) => `CAST(${name}, 'String')`,
};

/** The same as ClickHouse makes it, where the row lies. */
export const columnsDigestInLedger = `lower(hex(SHA256(arrayStringConcat(arrayMap(
    x -> concat(toString(length(x)), ':', x),
    [${compared.map(({ name, kind }) => expressions[kind](name)).join(", ")}])))))`;
