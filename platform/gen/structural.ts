/** A JSON schema as far as CRDs use it. */
export type JsonSchema = {
  type?: string;
  description?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  maxItems?: number;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  additionalProperties?: unknown;
  [key: string]: unknown;
};

/** Whether it is a map from any name to values of one schema. */
export const isMap = (schema: JsonSchema): schema is JsonSchema & { additionalProperties: JsonSchema } =>
  schema.properties === undefined && typeof schema.additionalProperties === "object";

const forbidden = ["oneOf", "anyOf", "allOf", "not", "$ref"] as const;

type Fault = { when: (schema: JsonSchema, path: string) => boolean; says: string };

const structuralFaults: readonly Fault[] = [
  {
    when: (s) => forbidden.some((word) => word in s),
    says: `${forbidden.join(", ")} are not allowed in a structural schema`,
  },
  { when: (s) => s.type === undefined, says: "has no type" },
  { when: (s, path) => s.description === undefined && !path.endsWith(".metadata"), says: "has no description" },
  {
    when: (s) => s.type === "string" && s.maxLength === undefined && !s.enum && s.format !== "date-time",
    says: "a string without maxLength is unbounded in etcd",
  },
  {
    when: (s) => isMap(s) && s["maxProperties"] === undefined,
    says: "a map without maxProperties is unbounded in etcd",
  },
  { when: (s) => s.type === "array" && s.maxItems === undefined, says: "a list without maxItems is unbounded in etcd" },
];

const faultsAt = (path: string, schema: JsonSchema): string[] =>
  structuralFaults.filter((fault) => fault.when(schema, path)).map((fault) => `${path}: ${fault.says}`);

const walk = (path: string, schema: JsonSchema): string[] => [
  ...faultsAt(path, schema),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) => walk(`${path}.${name}`, child)),
  ...(schema.items ? walk(`${path}[]`, schema.items) : []),
  ...(isMap(schema) ? walk(`${path}.*`, schema.additionalProperties) : []),
];

const exempt = /\.(apiVersion|kind): a string without maxLength/;

/** Throws, naming every fault, unless the schema is structural, described and bounded. */
export const assertStructural = (kind: string, schema: JsonSchema): void => {
  const faults = walk(kind, schema).filter((fault) => !exempt.test(fault));
  if (faults.length > 0) throw new Error(`the schema of ${kind} cannot become a CRD:\n  ${faults.join("\n  ")}`);
};
