import * as z from "zod";
import type { CelRule, ResourceDefinition } from "#nervous-system/schemas/resources/define-resource.ts";
import { apiGroup, apiVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { assertStructural, isMap, type JsonSchema } from "#platform/gen/structural.ts";

const toSchema = (schema: z.ZodType): JsonSchema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input" }) as JsonSchema;
  return simplify(rest);
};

/** zod writes int32 bounds and ISO patterns that only repeat the format; the API server knows the formats. */
const simplify = (schema: JsonSchema): JsonSchema => {
  const out: JsonSchema = { ...schema };
  if (out.type === "integer") {
    out.format = Math.abs(out.maximum ?? 0) > 2 ** 31 ? "int64" : "int32";
    if (out.maximum === 2 ** 31 - 1) delete out.maximum;
    if (out.minimum === -(2 ** 31)) delete out.minimum;
  }
  if (out.properties) out.properties = mapValues(out.properties, simplify);
  if (out.items) out.items = simplify(out.items);
  // Of a map it is the schema of the values; of an object with members zod only says that there may be others.
  if (isMap(out)) out.additionalProperties = simplify(out.additionalProperties);
  else delete out.additionalProperties;
  delete out["propertyNames"];
  return out;
};

const mapValues = <A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));

const rootSchema = (definition: ResourceDefinition): JsonSchema => ({
  type: "object",
  description: definition.description,
  required: ["spec"],
  properties: {
    apiVersion: { type: "string", description: "Version of the schema of this object." },
    kind: { type: "string", description: "Kind of this object." },
    metadata: { type: "object" },
    spec: toSchema(definition.spec),
    // Without a status kstatus, and with it every GitOps tool, takes an object that nobody has looked at yet for done.
    status: { ...toSchema(definition.status), default: { observedGeneration: -1 } },
  },
  "x-kubernetes-validations": definition.rules.map(renderRule),
});

const renderRule = (rule: CelRule): CelRule => ({ ...rule });

/** The CustomResourceDefinition of a resource; throws where the API server or a reader would be let down. */
export const renderCrd = (definition: ResourceDefinition): Record<string, unknown> => {
  const schema = rootSchema(definition);
  assertStructural(definition.kind, schema);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${definition.plural}.${apiGroup}`, annotations: { "helm.sh/resource-policy": "keep" } },
    spec: {
      group: apiGroup,
      scope: "Namespaced",
      names: {
        kind: definition.kind,
        listKind: `${definition.kind}List`,
        plural: definition.plural,
        singular: definition.singular,
        shortNames: [...definition.shortNames],
        categories: ["enchanted"],
      },
      versions: [
        {
          name: apiVersion,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
          additionalPrinterColumns: definition.columns.map((column) => ({ ...column })),
          ...(definition.selectableFields
            ? { selectableFields: definition.selectableFields.map((jsonPath) => ({ jsonPath })) }
            : {}),
        },
      ],
    },
  };
};
