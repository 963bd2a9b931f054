import fc from "fast-check";
import type { z } from "zod";

type Definition = {
  type: string;
  innerType?: z.ZodType;
  element?: z.ZodType;
  valueType?: z.ZodType;
  shape?: Record<string, z.ZodType>;
  entries?: Record<string, string>;
};

const text = fc.string({ unit: "grapheme", maxLength: 20 });

/** Any JSON value, as it comes out of a parser. */
export const anyJson = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const anyNumber = (schema: z.ZodType): fc.Arbitrary<number> =>
  schema.safeParse(0.5).success
    ? fc.double({ min: 0, max: 1, noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value))
    : fc.oneof(fc.nat(), fc.maxSafeNat());

const anyText = (schema: z.ZodType): fc.Arbitrary<string> =>
  schema.safeParse("free text").success ? text : fc.constant(`sha256:${"0a".repeat(32)}`);

const anyObject = ({ shape = {} }: Definition): fc.Arbitrary<unknown> => {
  const members = Object.fromEntries(Object.entries(shape).map(([name, inner]) => [name, anyValueOf(inner)]));
  const requiredKeys = Object.entries(shape)
    .filter(([, inner]) => (inner.def as Definition).type !== "optional")
    .map(([name]) => name);
  return fc.record(members, { requiredKeys });
};

const simple: Readonly<Record<string, (schema: z.ZodType, def: Definition) => fc.Arbitrary<unknown>>> = {
  string: anyText,
  number: anyNumber,
  boolean: () => fc.boolean(),
  unknown: () => anyJson,
  enum: (_, { entries = {} }) => fc.constantFrom(...Object.values(entries)),
  optional: (_, { innerType }) => anyValueOf(innerType as z.ZodType),
  record: (_, { valueType }) => fc.dictionary(text, anyValueOf(valueType as z.ZodType), { maxKeys: 3 }),
  array: (_, { element }) => fc.array(anyValueOf(element as z.ZodType), { maxLength: 3 }),
  object: (_, def) => anyObject(def),
};

/** Any value that a schema of the catalog takes. */
const anyValueOf = (schema: z.ZodType): fc.Arbitrary<unknown> => {
  const def = schema.def as Definition;
  const make = simple[def.type];
  if (make === undefined) throw new Error(`no arbitrary for a schema of type ${def.type}`);
  return make(schema, def);
};

/** Any payload that a frame type takes. */
export const anyPayloadOf = (schema: z.ZodType): fc.Arbitrary<Record<string, unknown>> =>
  anyValueOf(schema) as fc.Arbitrary<Record<string, unknown>>;
