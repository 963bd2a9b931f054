import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { MAX_VALUE_DEPTH, setMember } from "./any-value.ts";
import { rightSpelling } from "./json-names.ts";
import type { ValueBudget } from "./read-fields.ts";
import { narrowed, WireError } from "./wire.ts";

/** Input that is not OTLP/JSON. */
export class OtlpJsonError extends WireError {
  override readonly name = "OtlpJsonError";

  constructor(problem: string) {
    super(problem, 0);
    this.message = `malformed OTLP/JSON: ${problem}`;
  }
}

/** A JSON object of the request. */
export type JsonFields = Readonly<Record<string, unknown>>;

// Not the JSON of lists and objects: they can be nested deeper than the stack.
const shown = (value: unknown): string => {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
};

/** Refuses a member that is there in another spelling only, and would be overlooked like an unknown one. */
const checkNames = (fields: JsonFields, where: string): JsonFields => {
  for (const name of Object.keys(fields)) {
    const right = rightSpelling(name);
    if (right !== undefined && !Object.hasOwn(fields, right))
      throw new OtlpJsonError(`${shown(name)} in "${where}" is spelled "${right}" in OTLP/JSON`);
  }
  return fields;
};

/** The member as an object; empty where it is absent or null. */
export const objectOf = (fields: JsonFields, name: string): JsonFields => {
  const value = fields[name] ?? {};
  if (!isJsonObject(value)) throw new OtlpJsonError(`"${name}" is no object: ${shown(value)}`);
  return checkNames(value, name);
};

/** The member as a list of objects; empty where it is absent or null. */
export const objectsOf = (fields: JsonFields, name: string): readonly JsonFields[] => {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw new OtlpJsonError(`"${name}" is no list: ${shown(value)}`);
  return value.map((item: unknown) => {
    if (!isJsonObject(item)) throw new OtlpJsonError(`"${name}" holds what is no object: ${shown(item)}`);
    return checkNames(item, name);
  });
};

const text = (name: string, value: unknown): string => {
  if (typeof value === "string") return value;
  throw new OtlpJsonError(`"${name}" is no string: ${shown(value)}`);
};

/** The member as a text; empty where it is absent or null. */
export const textOf = (fields: JsonFields, name: string): string => text(name, fields[name] ?? "");

const HEX = /^(?:[0-9a-fA-F]{2})*$/;

/** The member as lower-case hex: OTLP writes ids so, in either case, and not in base64. */
export const hexOf = (fields: JsonFields, name: string): string => {
  const digits = textOf(fields, name);
  if (!HEX.test(digits)) throw new OtlpJsonError(`"${name}" is no hex: ${shown(digits)}`);
  return digits.toLowerCase();
};

const INTEGER = /^-?\d{1,20}$/;

const integer = (name: string, value: unknown): bigint => {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (typeof value === "string" && INTEGER.test(value)) return BigInt(value);
  throw new OtlpJsonError(`"${name}" is no integer: ${shown(value)}`);
};

/** The member, a decimal string or a number, as fixed64; 0 where it is absent or null. */
export const fixed64Of = (fields: JsonFields, name: string): bigint => {
  const value = integer(name, fields[name] ?? 0);
  if (BigInt.asUintN(64, value) !== value) throw new OtlpJsonError(`"${name}" is beyond 64 bits: ${value}`);
  return value;
};

/** The member as an enum's number, as which OTLP writes them; 0 where it is absent or null. */
export const enumOf = (fields: JsonFields, name: string): number => {
  const value = integer(name, fields[name] ?? 0);
  if (BigInt.asIntN(32, value) !== value) throw new OtlpJsonError(`"${name}" is beyond 32 bits: ${value}`);
  return Number(value);
};

const int64 = (value: unknown): number | bigint => {
  const exact = integer("intValue", value);
  if (BigInt.asIntN(64, exact) !== exact) throw new OtlpJsonError(`"intValue" is beyond 64 bits: ${exact}`);
  return narrowed(exact);
};

const notFinite: Readonly<Record<string, number>> = { NaN: NaN, Infinity, "-Infinity": -Infinity };
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const double = (value: unknown): number => {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  const special = typeof value === "string" ? ownOf(notFinite, value) : undefined;
  if (special !== undefined) return special;
  if (typeof value === "string" && DECIMAL.test(value)) return Number(value);
  throw new OtlpJsonError(`"doubleValue" is no number: ${shown(value)}`);
};

const bool = (value: unknown): boolean => {
  if (typeof value === "boolean") return value;
  throw new OtlpJsonError(`"boolValue" is neither true nor false: ${shown(value)}`);
};

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

const bytes = (value: unknown): Buffer => {
  if (typeof value === "string" && BASE64.test(value)) return Buffer.from(value, "base64");
  throw new OtlpJsonError(`"bytesValue" is no base64: ${shown(value)}`);
};

const scalars: Readonly<Record<string, (value: unknown) => unknown>> = {
  stringValue: (value) => text("stringValue", value),
  boolValue: bool,
  intValue: int64,
  doubleValue: double,
  bytesValue: bytes,
};

const nestedOf = (name: string, fields: JsonFields, budget: ValueBudget, depth: number): unknown => {
  if (depth > MAX_VALUE_DEPTH) throw new OtlpJsonError(`values nested deeper than ${MAX_VALUE_DEPTH}`);
  const value = objectOf(fields, name);
  if (name === "kvlistValue") return attributesOf(value, "values", budget, depth);
  return objectsOf(value, "values").map((item) => anyValueOf(item, budget, depth));
};

/** An AnyValue as JavaScript has it, null when it is empty; of several members the last one holds. */
export const anyValueOf = (fields: JsonFields, budget: ValueBudget, depth = 0): unknown => {
  budget.spend("value");
  let value: unknown = null;
  for (const [name, held] of Object.entries(fields)) {
    if (held === null) continue;
    const scalar = ownOf(scalars, name);
    if (scalar !== undefined) value = scalar(held);
    else if (name === "arrayValue" || name === "kvlistValue") value = nestedOf(name, fields, budget, depth + 1);
  }
  return value;
};

/** A list of KeyValue as an object; of equal keys the last holds. */
export const attributesOf = (
  fields: JsonFields,
  name: string,
  budget: ValueBudget,
  depth = 0,
): Record<string, unknown> => {
  const attributes: Record<string, unknown> = {};
  for (const pair of objectsOf(fields, name))
    setMember(attributes, textOf(pair, "key"), anyValueOf(objectOf(pair, "value"), budget, depth));
  return attributes;
};
