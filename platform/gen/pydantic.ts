import { catalog } from "#nervous-system/schemas/frames/catalog.ts";
import type { FrameDefinition } from "#nervous-system/schemas/frames/define-frame.ts";
import { frameMembers } from "#nervous-system/schemas/frames/frame-members.ts";
import { jsonSchemaOf } from "#platform/gen/event-schema.ts";
import { frameClassEnd, moduleHeader } from "#platform/gen/pydantic-module.ts";
import type { JsonSchema } from "#platform/gen/structural.ts";

/** `STATE_CHANGE` as the name of a class: `StateChange`. */
export const pascalCase = (name: string): string =>
  name.toLowerCase().replaceAll(/(^|_)(.)/g, (_, __, letter: string) => letter.toUpperCase());

// A string of JSON is one of Python, too.
const literal = (value: unknown): string => JSON.stringify(value);

const scalars: Readonly<Record<string, string>> = { string: "str", integer: "Whole", number: "float", boolean: "bool" };

const typeOf = (schema: JsonSchema, name: string, classes: string[]): string => {
  if (schema.enum) return `Literal[${schema.enum.map(literal).join(", ")}]`;
  if (schema.type === "array") return `list[${typeOf(schema.items ?? {}, `${name}Item`, classes)}]`;
  if (schema.format === "date-time") return "Timestamp";
  if (schema.type !== "object") return scalars[schema.type ?? ""] ?? "Any";
  if (schema.properties) return addClass({ schema, name, base: "Model" }, classes);
  const inner = schema.additionalProperties as JsonSchema;
  return `dict[str, ${withRules(typeOf(inner, `${name}Value`, classes), constraintsOf(inner))}]`;
};

const constraintsOf = (schema: JsonSchema): string[] => {
  const { minimum, maximum, minLength, maxLength, pattern } = schema;
  const rules = { ge: minimum, le: maximum, min_length: minLength, max_length: maxLength, pattern };
  return Object.entries(rules).flatMap(([rule, value]) => (value === undefined ? [] : [`${rule}=${literal(value)}`]));
};

const withRules = (type: string, rules: readonly string[]): string =>
  rules.length === 0 ? type : `Annotated[${type}, Field(${rules.join(", ")})]`;

const keywords = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from global if " +
    "import in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

/** A keyword of Python gets an underscore, and keeps its own name in JSON. */
const fieldLine = (name: string, schema: JsonSchema, type: string, isRequired: boolean): string => {
  const rules = [
    ...(isRequired ? [] : ["default=None"]),
    ...(keywords.has(name) ? [`alias=${literal(name)}`] : []),
    `description=${literal(schema.description)}`,
    ...constraintsOf(schema),
  ];
  const annotation = isRequired ? type : `${type} | None`;
  return `    ${keywords.has(name) ? `${name}_` : name}: ${annotation} = Field(${rules.join(", ")})`;
};

type PythonClass = { schema: JsonSchema; name: string; base: string; head?: readonly string[]; end?: string };

/** Adds a class behind the classes of its members; answers its name. */
const addClass = ({ schema, name, base, head = [], end }: PythonClass, classes: string[]): string => {
  const fields = Object.entries(schema.properties ?? {}).map(([field, inner]) =>
    fieldLine(
      field,
      inner,
      typeOf(inner, `${name}${pascalCase(field)}`, classes),
      schema.required?.includes(field) === true,
    ),
  );
  const parts = [
    `class ${name}(${base}):`,
    `    """${schema.description}"""`,
    ...(head.length === 0 ? [] : ["", ...head]),
    "",
    ...fields,
    ...(end === undefined ? [] : ["", end]),
  ];
  classes.push(parts.join("\n"));
  return name;
};

/** The Pydantic models of every frame type and of the frame itself, one Python module. */
export const renderPydantic = (): string => {
  const classes: string[] = [];
  const definitions: readonly FrameDefinition[] = Object.values(catalog);
  for (const { type, payload } of definitions) {
    const head = [`    event_type: ClassVar[str] = ${literal(type)}`];
    addClass({ schema: jsonSchemaOf(payload), name: pascalCase(type), base: "Payload", head }, classes);
  }
  const names = definitions.map(({ type }) => pascalCase(type)).join(",\n        ");
  const table = `PAYLOADS: dict[str, type[Payload]] = {\n    model.event_type: model\n    for model in (\n        ${names},\n    )\n}`;
  const frame: string[] = [];
  addClass({ schema: jsonSchemaOf(frameMembers), name: "ContextFrame", base: "Model", end: frameClassEnd }, frame);
  return `${[moduleHeader, ...classes, table, ...frame].join("\n\n\n")}\n`;
};
