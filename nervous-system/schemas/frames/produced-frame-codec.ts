import {
  create,
  fromBinary,
  fromJson,
  isFieldSet,
  isMessage,
  toBinary,
  toJson,
  type DescField,
  type DescMessage,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { FeatureSet_FieldPresence, ValueSchema } from "@bufbuild/protobuf/wkt";
import { isUtf8 } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { catalog, isFrameType } from "#nervous-system/schemas/frames/catalog.ts";
import { saysNothing } from "#nervous-system/schemas/frames/parse-frame.ts";
import { ProducedFrameSchema } from "#nervous-system/schemas/gen/context_pb.ts";

/** A message as the object that `parseFrame` takes, with the text of its payload where that came as JSON; or why it is none. */
export type DecodeResult =
  | { readonly ok: true; readonly frame: Record<string, unknown>; readonly payloadJson?: string }
  | { readonly ok: false; readonly reason: string };

type Plain = Record<string, unknown>;

/** Member under which the fields of a newer writer are kept: base64 of their tags and values as they came. */
const UNKNOWN_FIELDS = "protobuf_unknown_fields";

const plainScalar = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (isMessage(value, ValueSchema)) return toJson(ValueSchema, value);
  return value;
};

const plainItem = (schema: DescMessage | undefined, value: unknown): unknown =>
  schema === undefined || schema.typeName.startsWith("google.")
    ? plainScalar(value)
    : plainOf(schema, value as Message);

const plainField = (field: DescField, value: unknown): unknown => {
  if (field.fieldKind === "list") return (value as unknown[]).map((item) => plainItem(field.message, item));
  if (field.fieldKind === "map") {
    const entries = Object.entries(value as Plain).map(([key, item]) => [key, plainItem(field.message, item)]);
    return Object.fromEntries(entries) as Plain;
  }
  return plainItem(field.message, value);
};

const valueOf = (message: Message, { localName, oneof }: DescField): unknown => {
  const values = message as unknown as Readonly<Record<string, unknown>>;
  return oneof === undefined ? values[localName] : (values[oneof.localName] as { value?: unknown }).value;
};

const isThere = (message: Message, field: DescField): boolean =>
  isFieldSet(message, field) || (field.fieldKind === "scalar" && field.presence === FeatureSet_FieldPresence.IMPLICIT);

const unknownFields = ({ $unknown: fields = [] }: Message): Plain => {
  if (fields.length === 0) return {};
  const writer = new BinaryWriter();
  for (const { no, wireType, data } of fields) writer.tag(no, wireType).raw(data);
  return { [UNKNOWN_FIELDS]: Buffer.from(writer.finish()).toString("base64") };
};

/** A message as a plain object under the names of its .proto: what is not set is absent, numbers of 64 bits are numbers. */
const plainOf = (schema: DescMessage, message: Message): Plain => ({
  ...Object.fromEntries(
    schema.fields
      .filter((field) => isThere(message, field))
      .map((field) => [field.name, plainField(field, valueOf(message, field))]),
  ),
  ...unknownFields(message),
});

/** The typed members of `body` by frame type: `STATE_CHANGE` is `state_change`. */
const typedBodies = new Map(
  ProducedFrameSchema.fields.flatMap((field) =>
    field.fieldKind === "message" && field.oneof !== undefined ? [[field.name.toUpperCase(), field] as const] : [],
  ),
);

/** The full name of the message of events.proto that is the payload of `type`; undefined for a type that has none. */
export const messageNameOf = (type: string): string | undefined => typedBodies.get(type)?.message.typeName;

/** Lists and maps that a payload must have although protobuf cannot tell an empty one from none. */
const requiredCollections = (type: string): Plain => {
  if (!isFrameType(type)) return {};
  const shape: Readonly<Record<string, { def: { type: string } }>> = catalog[type].payload.shape;
  return Object.fromEntries(
    Object.entries(shape).flatMap(([name, { def }]): Array<[string, unknown]> => {
      if (def.type === "array") return [[name, []]];
      return def.type === "record" ? [[name, {}]] : [];
    }),
  );
};

const texts = ["event_id", "timestamp", "agent_id", "related_commit_hash", "parent_event_id", "trace_id", "span_id"];

/** The message as a plain object; throws on what is no message. */
const plainFrame = (bytes: Uint8Array): Plain => {
  const given = plainOf(ProducedFrameSchema, fromBinary(ProducedFrameSchema, bytes));
  const json = given["payload_json"];
  if (json instanceof Uint8Array && !isUtf8(json)) throw new Error("payload_json is not UTF-8");
  return given;
};

const frameOf = (given: Plain): Plain => {
  const [impliedType, field] = [...typedBodies].find(([, { name }]) => name in given) ?? [];
  const said = given["event_type"];
  const type = typeof said === "string" && said !== "" ? said : impliedType;
  const members = [...texts, UNKNOWN_FIELDS].flatMap((name) => (given[name] ? [[name, given[name]] as const] : []));
  const payload = field && { ...requiredCollections(impliedType ?? ""), ...(given[field.name] as Plain) };
  return {
    ...Object.fromEntries(members),
    ...(type === undefined ? {} : { event_type: type }),
    ...(payload === undefined ? {} : { payload }),
  };
};

/** Reads one message; the frame is not judged here. What a newer writer says in fields of its own is kept as bytes. */
export const decodeProducedFrame = (bytes: Uint8Array): DecodeResult => {
  try {
    const given = plainFrame(bytes);
    const json = given["payload_json"] as Uint8Array | undefined;
    const frame = frameOf(given);
    return json === undefined
      ? { ok: true, frame }
      : { ok: true, frame, payloadJson: Buffer.from(json).toString("utf8") };
  } catch (error) {
    return { ok: false, reason: `the message is no ProducedFrame: ${(error as Error).message}` };
  }
};

const isPlainNumber = (value: number): boolean => Number.isFinite(value) && !Object.is(value, -0);

/** Whether protobuf keeps the value as JSON would: texts that are Unicode, numbers that JSON has. */
const isKeptAlike = (value: unknown): boolean => {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return isPlainNumber(value);
  if (typeof value !== "object" || value === null) return typeof value === "boolean" || value === null;
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isKeptAlike(inner));
};

const typedBody = (type: string, payload: unknown): { case: string; value: Message } | undefined => {
  const field = typedBodies.get(type);
  if (field === undefined || !isKeptAlike(payload)) return undefined;
  try {
    const value = fromJson(field.message, payload as JsonValue);
    const comesTo = { ...requiredCollections(type), ...plainOf(field.message, value) };
    return isDeepStrictEqual(comesTo, payload) ? { case: field.localName, value } : undefined;
  } catch {
    return undefined; // a member that events.proto does not know, or a value that it cannot hold
  }
};

/** The payload, with the members that stand beside it as `parseFrame` moves them there. */
const wholePayload = (payload: unknown, others: ReadonlyArray<readonly [string, unknown]>): unknown => {
  if (others.length === 0) return payload === undefined ? {} : payload;
  const inner = isJsonObject(payload) ? payload : payload === undefined ? {} : { value: payload };
  return { ...Object.fromEntries(others), ...inner };
};

const headers = new Map(
  ProducedFrameSchema.fields.flatMap((field) => (texts.includes(field.name) ? [[field.name, field.localName]] : [])),
);
const isHeader = ([name, value]: readonly [string, unknown]): boolean =>
  headers.has(name) && typeof value === "string" && value !== "" && value.isWellFormed();

/** Writes one frame: its payload as the typed message where that loses nothing, as JSON otherwise. */
export const encodeProducedFrame = (frame: Readonly<Record<string, unknown>>): Buffer => {
  const type = frame["event_type"] ?? frame["event"];
  const bodyMembers = ["payload", type === frame["event_type"] ? "event_type" : "event"];
  const members = Object.entries(frame).filter(([name, value]) => value !== undefined && !bodyMembers.includes(name));
  const others = members.filter(([name, value]) => !isHeader([name, value]) && !saysNothing(name, value));
  const payload = wholePayload(frame["payload"], others);
  const said = members.filter(isHeader).map(([name, value]) => [headers.get(name), value as string]);
  const eventType = typeof type === "string" ? type : "";
  const body = typedBody(eventType, payload) ?? { case: "payloadJson", value: Buffer.from(JSON.stringify(payload)) };
  const fields = { ...Object.fromEntries(said), eventType, body } as Parameters<
    typeof create<typeof ProducedFrameSchema>
  >[1];
  return Buffer.from(toBinary(ProducedFrameSchema, create(ProducedFrameSchema, fields)));
};
