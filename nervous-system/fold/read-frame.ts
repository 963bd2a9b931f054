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

/** The members of a frame beside its payload; one that is missing or no text is absent. */
export type Produced = {
  readonly event_id?: string;
  readonly event_type?: string;
  readonly timestamp?: string;
  readonly agent_id?: string;
  readonly related_commit_hash?: string;
  readonly payload?: unknown;
};

/** One function for each frame type, so that a new type does not compile until it has its own. */
export type ByType<R> = { readonly [T in FrameType]: (said: Said<T>, given: Given<T>) => R };

/** A reading that says nothing. */
export const nothingRead: Reading = { type: undefined };

type Member = readonly [name: string, fits: (value: unknown) => boolean];

const primitives: ReadonlySet<string> = new Set(["string", "number", "boolean"]);

// The schemas' own checks, after a look at the kind: a refusal by zod costs some 2 µs, which an agent could make every reader pay
// for each member that it mistypes.
const fitsOf = (schema: z.ZodType): Member[1] => {
  const { type, innerType, checks = [] } = schema.def as { type: string; innerType?: z.ZodType; checks?: unknown[] };
  if (innerType !== undefined) return fitsOf(innerType);
  if (!primitives.has(type)) return (value) => schema.safeParse(value).success;
  return checks.length === 0 && type !== "number"
    ? (value) => typeof value === type
    : (value) => typeof value === type && schema.safeParse(value).success;
};

const membersOf = (type: FrameType): Member[] =>
  Object.entries<z.ZodType>(catalog[type].payload.shape).map(([name, schema]) => [name, fitsOf(schema)]);

const members = new Map(frameTypes.map((type) => [type, membersOf(type)]));

/** Reads a payload by its frame's type; never throws, whatever it holds. */
export const readPayload = (type: string, payload: unknown): Reading => {
  if (!isFrameType(type)) return nothingRead;
  const given = isJsonObject(payload) ? payload : {};
  const said: JsonObject = {};
  for (const [name, fits] of members.get(type) ?? []) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined && fits(value)) said[name] = value;
  }
  return { type, said, given };
};

const textsOf = ["event_id", "event_type", "timestamp", "agent_id", "related_commit_hash"] as const;

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
  const said: JsonObject = { payload: value["payload"] };
  for (const name of textsOf) if (typeof value[name] === "string") said[name] = value[name];
  return said;
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
  const { type, said, given } = reading;
  // The entry and the payload are of one type; the compiler sees the union of both.
  const entry = table[type] as ((said: unknown, given: unknown) => R) | undefined;
  return entry?.(said, given);
};
