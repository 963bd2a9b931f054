import { OtlpJsonError, type JsonFields } from "./json-values.ts";
import { FIXED64, LENGTH_DELIMITED, VARINT, WireError, WireReader } from "./wire.ts";

/** What a request of OTLP holds; each kind has a path of its own. */
export type BodyKind = "traces" | "logs" | "metrics";

const held: Readonly<Record<BodyKind, string>> = { traces: "spans", logs: "log records", metrics: "metrics" };

const wrongDoor = (found: BodyKind, asked: BodyKind): string =>
  `the body holds ${held[found]}, which belong to /v1/${found}, not to /v1/${asked}`;

/** The first item: every kind of request has resources in field 1, scopes in 2, and items in 2. */
const firstItem = (request: Buffer): WireReader | undefined => {
  let reader = new WireReader(request);
  for (const field of [1, 2, 2]) {
    let inner: WireReader | undefined;
    while (inner === undefined && reader.next()) {
      if (reader.is(field, LENGTH_DELIMITED)) inner = reader.message();
      else reader.skip();
    }
    if (inner === undefined) return undefined;
    reader = inner;
  }
  return reader;
};

const TRACE_ID_BYTES = 16;

/** Which fields an item has, as `<number>:<wire type>`; and whether the first is as long as a trace's id. */
const fieldsOf = (item: WireReader): { has(field: number, wireType: number): boolean; hasTraceId: boolean } => {
  const found = new Set<number>();
  let hasTraceId = true;
  while (item.next()) {
    const { field, wireType } = item;
    found.add(field * 8 + wireType);
    item.skip();
    if (field === 1 && wireType === LENGTH_DELIMITED) hasTraceId = item.stop - item.start === TRACE_ID_BYTES;
  }
  return { has: (field, wireType) => found.has(field * 8 + wireType), hasTraceId };
};

/**
 * The kind of a protobuf request, as its first item tells; undefined where it may be any. By the schemas: a span has times
 * in fields 7 and 8, a log record in 1 and 11 and a number as severity in 2, a metric has its name in 1 and no time.
 */
const kindOf = (request: Buffer): BodyKind | undefined => {
  const item = firstItem(request);
  if (item === undefined) return undefined;
  const { has, hasTraceId } = fieldsOf(item);
  if (has(7, FIXED64) || has(8, FIXED64)) return "traces";
  if (has(1, FIXED64) || has(11, FIXED64) || has(2, VARINT)) return "logs";
  return has(1, LENGTH_DELIMITED) && !hasTraceId ? "metrics" : undefined;
};

/** Throws `WireError` for a protobuf request that belongs to another path: its fields would be read as others. */
export const checkKind = (request: Buffer, asked: BodyKind): void => {
  const found = kindOf(request);
  if (found !== undefined && found !== asked) throw new WireError(wrongDoor(found, asked), 0);
};

const members: Readonly<Record<BodyKind, string>> = {
  traces: "resourceSpans",
  logs: "resourceLogs",
  metrics: "resourceMetrics",
};
const kindsByMember = new Map(Object.entries(members).map(([kind, member]) => [member, kind as BodyKind]));

/** Throws `OtlpJsonError` for a JSON request that has other members, but not the one of its path. An empty one holds nothing. */
export const checkMembers = (request: JsonFields, asked: BodyKind): void => {
  const names = Object.keys(request);
  if (names.length === 0 || names.includes(members[asked])) return;
  const other = names.map((name) => kindsByMember.get(name)).find((kind) => kind !== undefined);
  if (other !== undefined) throw new OtlpJsonError(wrongDoor(other, asked));
  const shown = JSON.stringify(names.slice(0, 3).map((name) => name.slice(0, 40)));
  throw new OtlpJsonError(`a request to /v1/${asked} has the member "${members[asked]}"; this one has ${shown}`);
};
