import { isUtf8 } from "node:buffer";
import type { SchemaElement } from "hyparquet";
import type { ColumnSource } from "hyparquet-writer";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";

/** A frame as a file has it: with its place in the stream's order, and when the stream stored it, Unix nanoseconds. */
export type PlacedFrame = RecordedFrame & { readonly place: number; readonly storedNs: bigint };

/** Values of one column, in the order of the rows. */
type Values = Array<string | bigint | Uint8Array | null>;

type Column = {
  readonly type: Omit<SchemaElement, "name">;
  readonly value: (frame: PlacedFrame) => Values[number];
  /** How its values are laid out, where the writer need not find that out by itself. */
  readonly layout?: Pick<ColumnSource, "encoding" | "statistics">;
};

const required = { repetition_type: "REQUIRED" } as const;
const text = { type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" }, ...required } as const;
const integer = { type: "INT64", ...required } as const;
const time = { ...integer, logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "NANOS" } } as const;
const bytes = { type: "BYTE_ARRAY", repetition_type: "OPTIONAL" } as const;

const ascending = { encoding: "DELTA_BINARY_PACKED" } as const;
/** Never two alike: no dictionary is tried, and least and greatest would tell nothing. */
const unlike = { encoding: "PLAIN", statistics: false } as const;

/** The last nanosecond that a time of Parquet holds. */
const MAX_NS = 2n ** 63n - 1n;
const timeOf = (ns: bigint): bigint => (ns >= 0n && ns <= MAX_NS ? ns : 0n);

/** Frames are read leniently from the stream: what an envelope lacks, or has in another shape, is empty here. */
const textOf = (value: unknown): string => (typeof value === "string" ? value.toWellFormed() : "");

const bufferOf = ({ bytes: given }: PlacedFrame): Buffer =>
  Buffer.from(given.buffer, given.byteOffset, given.byteLength);

/** Every column of a file, in its order; those of the ledger have the ledger's names. */
const columns: Readonly<Record<string, Column>> = {
  stream_seq: { type: integer, value: ({ place }) => BigInt(place), layout: ascending },
  agent_uid: { type: text, value: ({ envelope }) => textOf(envelope.agent_uid) },
  epoch: { type: integer, value: ({ envelope }) => BigInt(envelope.epoch) },
  seq: { type: integer, value: ({ envelope }) => BigInt(envelope.seq), layout: ascending },
  event_id: { type: text, value: ({ envelope }) => textOf(envelope.event_id), layout: { encoding: "PLAIN" } },
  mission_uid: { type: text, value: ({ envelope }) => textOf(envelope.mission_uid) },
  mission: { type: text, value: ({ envelope }) => textOf(envelope.mission) },
  namespace: { type: text, value: ({ envelope }) => textOf(envelope.namespace) },
  event_type: { type: text, value: ({ envelope }) => textOf(envelope.event_type) },
  observed: { type: time, value: ({ envelope }) => timeOf(BigInt(envelope.observed)), layout: ascending },
  stored: { type: time, value: ({ storedNs }) => timeOf(storedNs), layout: ascending },
  principal: { type: text, value: ({ principal }) => textOf(principal) },
  prev_hash: { type: text, value: ({ prevHash }) => Buffer.from(prevHash), layout: unlike },
  hash: { type: text, value: ({ hash }) => Buffer.from(hash), layout: unlike },
  envelope: { type: text, value: ({ envelopeText }) => Buffer.from(envelopeText), layout: unlike },
  frame: {
    type: text,
    value: (frame) => (isUtf8(frame.bytes) ? bufferOf(frame) : Buffer.from(bufferOf(frame).toString())),
    layout: unlike,
  },
  frame_bytes: { type: bytes, value: (frame) => (isUtf8(frame.bytes) ? null : bufferOf(frame)) },
};

/** Schema of a file. */
export const fileSchema: SchemaElement[] = [
  { name: "frames", num_children: Object.keys(columns).length },
  ...Object.entries(columns).map(([name, { type }]) => ({ name, ...type })),
];

/** The columns of frames; throws where one has a number that no column holds. */
export const columnData = (frames: readonly PlacedFrame[]): ColumnSource[] =>
  Object.entries(columns).map(([name, { value, layout }]) => ({ name, data: frames.map(value), ...layout }));
