import type * as z from "zod";
import { isJsonObject, type JsonObject } from "#nervous-system/kernel/json-object.ts";
import { catalog, frameTypes, isFrameType, type FrameType } from "#nervous-system/schemas/frames/catalog.ts";

type Shapes = { readonly [T in FrameType]: (typeof catalog)[T]["payload"]["shape"] };

/** What a payload says as its type asks for it: a member that is missing or of another kind is absent. */
export type Said<T extends FrameType> = { readonly [K in keyof Shapes[T]]?: z.output<Shapes[T][K]> };

/** The members that a type asks for as they came, whatever they hold. */
export type Given<T extends FrameType> = Readonly<Partial<Record<keyof Shapes[T], unknown>>>;

/** A payload of one frame type. */
export type ReadingOf<T extends FrameType> = { readonly type: T; readonly said: Said<T>; readonly given: Given<T> };

/** A payload as its frame's type reads it; of a type that the catalog does not know nothing can be told. */
export type Reading = { readonly [T in FrameType]: ReadingOf<T> }[FrameType] | { readonly type: undefined };

/** The members of a frame beside its payload; one that is missing or no text is undefined. */
type Produced = {
  readonly event_id: string | undefined;
  readonly event_type: string | undefined;
  readonly timestamp: string | undefined;
  readonly agent_id: string | undefined;
  readonly related_commit_hash: string | undefined;
  readonly payload: unknown;
};

/** One function for each frame type, so that a new type does not compile until it has its own. */
export type ByType<R> = { readonly [T in FrameType]: (reading: ReadingOf<T>) => R };

/** A reading that says nothing. */
const nothingRead: Reading = { type: undefined };

type Fits = (value: unknown) => boolean;
type Checked = z.ZodType & {
  readonly minValue: number;
  readonly maxValue: number;
  readonly isInt: boolean;
  readonly options: readonly unknown[];
};

const bySchema =
  (schema: z.ZodType): Fits =>
  (value) =>
    schema.safeParse(value).success;

// What most payloads are made of is checked without a detour through zod, which costs 0.3 µs a member, and some 2 where it refuses:
// every reader would pay that for each member that an agent mistypes. A test compares all of it with the schemas' own answers.
const quick: Readonly<Record<string, (schema: Checked) => Fits>> = {
  string: (schema) =>
    (schema.def as { checks?: unknown[] }).checks?.length
      ? (value) => typeof value === "string" && schema.safeParse(value).success
      : (value) => typeof value === "string",
  boolean: () => (value) => typeof value === "boolean",
  unknown: () => () => true,
  number:
    ({ minValue, maxValue, isInt }) =>
    (value) =>
      typeof value === "number" &&
      (isInt ? Number.isSafeInteger(value) : Number.isFinite(value)) &&
      value >= minValue &&
      value <= maxValue,
  enum: ({ options }) => {
    const known = new Set(options);
    return (value) => known.has(value);
  },
};

const fitsOf = (schema: z.ZodType): Fits => {
  const { type, innerType } = schema.def as { type: string; innerType?: z.ZodType };
  if (innerType !== undefined) return fitsOf(innerType);
  return quick[type]?.(schema as Checked) ?? bySchema(schema);
};

const membersOf = (type: FrameType): ReadonlyMap<string, Fits> =>
  new Map(Object.entries<z.ZodType>(catalog[type].payload.shape).map(([name, schema]) => [name, fitsOf(schema)]));

const members = new Map(frameTypes.map((type) => [type, membersOf(type)]));

const fittingMembers = (type: FrameType, given: JsonObject): JsonObject => {
  const asked = members.get(type);
  const said: JsonObject = {};
  for (const name of Object.keys(given)) if (asked?.get(name)?.(given[name]) === true) said[name] = given[name];
  return said;
};

// The ledger lifts words of whatever kind out of tens of thousands of frames a second: it does not pay for the check.
class PayloadReading {
  readonly type: FrameType;
  readonly given: JsonObject;
  #said: JsonObject | undefined;

  constructor(type: FrameType, given: JsonObject) {
    this.type = type;
    this.given = given;
  }

  get said(): JsonObject {
    this.#said ??= fittingMembers(this.type, this.given);
    return this.#said;
  }
}

/** Reads a payload by its frame's type; never throws, whatever it holds. */
export const readPayload = (type: string, payload: unknown): Reading =>
  isFrameType(type) ? new PayloadReading(type, isJsonObject(payload) ? payload : {}) : nothingRead;

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const parse = (bytes: Uint8Array | string): unknown => {
  try {
    return JSON.parse(
      typeof bytes === "string" ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"),
    );
  } catch {
    return undefined;
  }
};

/** Parses what a producer wrote, once for its members and its payload; undefined where it is no JSON object. */
export const parseProduced = (bytes: Uint8Array | string): Produced | undefined => {
  const value = parse(bytes);
  if (!isJsonObject(value)) return undefined;
  return {
    event_id: textOf(value["event_id"]),
    event_type: textOf(value["event_type"]),
    timestamp: textOf(value["timestamp"]),
    agent_id: textOf(value["agent_id"]),
    related_commit_hash: textOf(value["related_commit_hash"]),
    payload: value["payload"],
  };
};

/** Reads the payload of a stored frame; never throws, whatever its bytes are. */
export const readFrame = (type: string, bytes: Uint8Array | string): Reading =>
  isFrameType(type) ? readPayload(type, parseProduced(bytes)?.payload) : nothingRead;

/** What a frame says that is known to be of this type. */
export const saidIn = <T extends FrameType>(type: T, bytes: Uint8Array | string): Said<T> =>
  (readFrame(type, bytes) as ReadingOf<T>).said;

/** What a table says of a payload; undefined where it has no entry for the type. */
export const tell = <R>(table: Partial<ByType<R>>, reading: Reading): R | undefined => {
  if (reading.type === undefined) return undefined;
  // The entry and the payload are of one type; the compiler sees the union of both.
  const entry = table[reading.type] as ((reading: Reading) => R) | undefined;
  return entry?.(reading);
};
