const CONTENT_TYPES: readonly (readonly [pattern: RegExp, type: string])[] = [
  [
    /^(?:JSONEachRow|JSONCompactEachRow|JSONStringsEachRow|JSONCompactStringsEachRow|JSONLines|NDJSON|JSONObjectEachRow).*/i,
    "application/x-ndjson; charset=UTF-8",
  ],
  [/^JSON/i, "application/json; charset=UTF-8"],
  [/^(?:TabSeparated|TSV)/i, "text/tab-separated-values; charset=UTF-8"],
  [/^CSV/i, "text/csv; charset=UTF-8"],
  [/^XML$/i, "application/xml; charset=UTF-8"],
  [/^(?:Native|RowBinary|Parquet|Arrow|ORC|Avro|MsgPack|Protobuf|CapnProto|BSON|Npy)/i, "application/octet-stream"],
];

/** Content-Type of an output format, as ClickHouse names it. */
export const contentTypeOf = (format: string): string =>
  CONTENT_TYPES.find(([pattern]) => pattern.test(format))?.[1] ?? "text/plain; charset=UTF-8";
