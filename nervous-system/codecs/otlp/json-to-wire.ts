import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { holdsTooMuch } from "#nervous-system/kernel/bounded-json.ts";
import { rightSpelling } from "./json-names.ts";
import { maxValuesOf, tooManyValues } from "./read-fields.ts";
import { FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, WireError } from "./wire.ts";

/** How a field of OTLP's JSON mapping is written in protobuf: a scalar, or a message. */
type Kind = "text" | "hex" | "base64" | "fixed64" | "fixed32" | "int" | "double" | "bool" | (() => Message);

/** One field: its number, its kind, and the names that an enum's values may have. */
export type Field = { readonly number: number; readonly kind: Kind; readonly names?: Readonly<Record<string, number>> };

/** The fields of a message by their lowerCamelCase names. */
export type Message = Readonly<Record<string, Field>>;

const MAX_DEPTH = 48;

const refuse = (problem: string): never => {
  throw new WireError(`OTLP JSON: ${problem}`, 0);
};

const varint = (value: bigint): Buffer => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
};

const tag = (number: number, wireType: number): Buffer => varint(BigInt(number * 8 + wireType));

const integer = (value: unknown, names: Field["names"]): bigint => {
  const named = typeof value === "string" && names !== undefined ? ownOf(names, value) : undefined;
  if (named !== undefined) return BigInt(named);
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : refuse("an integer is none");
};

const fixed = (bytes: 4 | 8, value: unknown): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt.asUintN(64, integer(value, undefined)));
  return out.subarray(0, bytes);
};

const double = (value: unknown): Buffer => {
  const out = Buffer.alloc(8);
  const number = typeof value === "string" ? Number(value) : value;
  out.writeDoubleLE(typeof number === "number" ? number : refuse("a double is none"));
  return out;
};

const textOf = (value: unknown): string => (typeof value === "string" ? value : refuse("a text is none"));

const hex = (value: unknown): Buffer => {
  const text = textOf(value);
  return /^([0-9a-fA-F]{2})*$/.test(text) ? Buffer.from(text, "hex") : refuse("an id is not hex");
};

const delimited = (number: number, content: Buffer): Buffer[] => [
  tag(number, LENGTH_DELIMITED),
  varint(BigInt(content.length)),
  content,
];

const scalar = ({ number, names }: Field, kind: Exclude<Kind, () => Message>, value: unknown): Buffer[] => {
  switch (kind) {
    case "text":
      return delimited(number, Buffer.from(textOf(value)));
    case "hex":
      return delimited(number, hex(value));
    case "base64":
      return delimited(number, Buffer.from(textOf(value), "base64"));
    case "fixed64":
      return [tag(number, FIXED64), fixed(8, value)];
    case "fixed32":
      return [tag(number, FIXED32), fixed(4, value)];
    case "int":
      return [tag(number, VARINT), varint(integer(value, names))];
    case "double":
      return [tag(number, FIXED64), double(value)];
    case "bool":
      return [tag(number, VARINT), varint(value === true ? 1n : 0n)];
  }
};

const encodeField = (known: Field, given: unknown, depth: number): Buffer[] => {
  const { kind, number } = known;
  const values: readonly unknown[] = Array.isArray(given) ? given : [given];
  return values.flatMap((value) =>
    typeof kind === "function"
      ? delimited(number, encodeMessage(kind(), value, depth + 1))
      : scalar(known, kind, value),
  );
};

const encodeMessage = (message: Message, value: unknown, depth: number): Buffer => {
  if (depth > MAX_DEPTH) return refuse("it is nested too deeply");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse("a message is no object");
  for (const name of Object.keys(value)) {
    const right = rightSpelling(name);
    if (right !== undefined && !Object.hasOwn(value, right)) return refuse(`"${name}" is spelled "${right}"`);
  }
  const known = Object.entries(value).filter(([name, given]) => given !== null && Object.hasOwn(message, name));
  return Buffer.concat(known.flatMap(([name, given]) => encodeField(message[name] as Field, given, depth)));
};

const parse = (body: Buffer): unknown => {
  const text = body.toString("utf8");
  if (holdsTooMuch(text, maxValuesOf(body.length))) return refuse(tooManyValues(body.length));
  try {
    return JSON.parse(text);
  } catch {
    return refuse("it is not JSON");
  }
};

/** The protobuf form of a JSON message; throws `WireError` where it is none. Unknown members are ignored, as OTLP asks. */
export const jsonToWire = (message: Message, body: Buffer): Buffer => encodeMessage(message, parse(body), 0);
