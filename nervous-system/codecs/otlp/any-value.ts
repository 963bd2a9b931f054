import { readerOver, readText, takePart, type MessageParts, type ValueBudget } from "./read-fields.ts";
import { FIXED64, LENGTH_DELIMITED, VARINT, WireError, type WireReader } from "./wire.ts";

/** Deepest nesting of arrays and maps in a value. */
export const MAX_VALUE_DEPTH = 32;

/** AnyValue members of opentelemetry/proto/common/v1/common.proto that hold messages. */
const ARRAY_VALUE = 5;
const KVLIST_VALUE = 6;

const readBytes = (reader: WireReader): Buffer => {
  reader.enter();
  return reader.buffer.subarray(reader.start, reader.stop);
};

type Scalar = readonly [wireType: number, read: (reader: WireReader) => unknown];
const scalars: Readonly<Record<number, Scalar>> = {
  1: [LENGTH_DELIMITED, readText],
  2: [VARINT, (reader) => reader.varint() !== 0],
  3: [VARINT, (reader) => reader.int64()],
  4: [FIXED64, (reader) => reader.buffer.readDoubleLE(reader.fixed64())],
  7: [LENGTH_DELIMITED, readBytes],
};

/** A member named `__proto__` must not become a prototype. */
export const setMember = (target: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
};

const readArray = (reader: WireReader, budget: ValueBudget, depth: number): unknown[] => {
  const values: unknown[] = [];
  while (reader.next()) {
    if (reader.is(1, LENGTH_DELIMITED)) values.push(readAnyValue(reader.message(), budget, depth));
    else reader.skip();
  }
  return values;
};

const readMap = (reader: WireReader, budget: ValueBudget, depth: number): Record<string, unknown> => {
  const map: Record<string, unknown> = {};
  while (reader.next()) {
    if (reader.is(1, LENGTH_DELIMITED)) readKeyValue(reader, map, budget, depth);
    else reader.skip();
  }
  return map;
};

const readNested = (kind: number, reader: WireReader, budget: ValueBudget, depth: number): unknown => {
  if (depth > MAX_VALUE_DEPTH) throw new WireError(`values nested deeper than ${MAX_VALUE_DEPTH}`, 0);
  return kind === ARRAY_VALUE ? readArray(reader, budget, depth) : readMap(reader, budget, depth);
};

const isNested = (field: number): boolean => field === ARRAY_VALUE || field === KVLIST_VALUE;

type Held = { field: number; value: unknown; parts: MessageParts };

const readMember = (reader: WireReader, held: Held): void => {
  const { field, wireType } = reader;
  const scalar = scalars[field];
  if (scalar?.[0] === wireType) held.value = scalar[1](reader);
  else if (wireType === LENGTH_DELIMITED && isNested(field)) {
    if (held.field !== field) held.parts = [];
    takePart(reader, held.parts);
  } else return reader.skip();
  held.field = field;
};

/** Reads an AnyValue as JavaScript has it; null when it is empty. Of several members the last on the wire holds. */
export const readAnyValue = (reader: WireReader, budget: ValueBudget, depth = 0): unknown => {
  budget.spend("value");
  const held: Held = { field: 0, value: null, parts: [] };
  while (reader.next()) readMember(reader, held);
  if (!isNested(held.field)) return held.value;
  return readNested(held.field, readerOver(reader.buffer, held.parts), budget, depth + 1);
};

/** Reads a KeyValue into `target`; of equal keys the last holds. */
const readKeyValue = (outer: WireReader, target: Record<string, unknown>, budget: ValueBudget, depth = 0): void => {
  const reader = outer.message();
  const parts: MessageParts = [];
  let key = "";
  while (reader.next()) {
    if (reader.is(1, LENGTH_DELIMITED)) key = readText(reader);
    else if (reader.is(2, LENGTH_DELIMITED)) takePart(reader, parts);
    else reader.skip();
  }
  setMember(target, key, readAnyValue(readerOver(reader.buffer, parts), budget, depth));
};

/** Field reader of repeated KeyValue for what has attributes and a budget. */
export const intoAttributes = (
  reader: WireReader,
  into: { readonly attributes: Record<string, unknown>; readonly budget: ValueBudget },
): void => readKeyValue(reader, into.attributes, into.budget);
