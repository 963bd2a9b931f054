import { describe, expect, it } from "@jest/globals";
import protobuf from "protobufjs";
import type { z } from "zod";
import { catalog } from "#nervous-system/schemas/frames/catalog.ts";

const root = new protobuf.Root().loadSync("nervous-system/schemas/proto/events.proto", { keepCase: true });

const messageName = (type: string): string =>
  type.toLowerCase().replaceAll(/(^|_)(.)/g, (_, __, letter: string) => letter.toUpperCase());

type Definition = {
  type: string;
  innerType?: z.ZodType;
  element?: z.ZodType;
  valueType?: z.ZodType;
  shape?: Record<string, z.ZodType>;
};
const definitionOf = (schema: z.ZodType): Definition => schema.def;

const unwrap = (schema: z.ZodType): z.ZodType => {
  const { type, innerType } = definitionOf(schema);
  return type === "optional" && innerType ? unwrap(innerType) : schema;
};

type Shape = { [field: string]: string | Shape };

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  enum: "text",
  boolean: "boolean",
  unknown: "any",
};

const numberKind = (schema: z.ZodType): string => (schema.safeParse(0.5).success ? "number" : "whole number");

const shapeOf = (schema: z.ZodType): string | Shape => {
  const inner = unwrap(schema);
  const { type, element, valueType, shape } = definitionOf(inner);
  if (type === "number") return numberKind(inner);
  if (type === "record" && valueType) return { "{}": shapeOf(valueType) };
  if (type === "array" && element) {
    const item = shapeOf(element);
    return typeof item === "string" ? `list of ${item}` : { "[]": item };
  }
  if (type === "object" && shape) return Object.fromEntries(Object.entries(shape).map(([k, v]) => [k, shapeOf(v)]));
  return kinds[type] ?? type;
};

const scalar: Readonly<Record<string, string>> = {
  string: "text",
  uint64: "whole number",
  double: "number",
  bool: "boolean",
  "google.protobuf.Value": "any",
};

const protoShape = (message: protobuf.Type): Shape =>
  Object.fromEntries(
    message.fieldsArray.map((field) => {
      field.resolve();
      if (field.map) return [field.name, { "{}": scalar[field.type] ?? field.type }];
      const nested =
        field.resolvedType instanceof protobuf.Type && !field.type.startsWith("google.")
          ? protoShape(field.resolvedType)
          : scalar[field.type];
      const item = nested ?? field.type;
      if (!field.repeated) return [field.name, item];
      return [field.name, typeof item === "string" ? `list of ${item}` : { "[]": item }];
    }),
  );

describe("events.proto says of every frame type the same as the catalog", () => {
  it.each(Object.values(catalog).map((definition) => [definition.type, definition.payload] as const))(
    "%s",
    (type, payload) => {
      expect(protoShape(root.lookupType(`enchanted.v1.${messageName(type)}`))).toEqual(shapeOf(payload));
    },
  );

  it("has no message that is no frame type", () => {
    const messages = Object.keys(root.lookup("enchanted.v1")?.toJSON()["nested"] ?? {});
    expect(messages.toSorted()).toEqual(Object.keys(catalog).map(messageName).toSorted());
  });
});
