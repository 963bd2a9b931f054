import * as z from "zod";

/** A CEL rule of the API server, with the sentence a person reads when it refuses. */
export type CelRule = {
  rule: string;
  message: string;
  reason?: "FieldValueInvalid" | "FieldValueForbidden";
  fieldPath?: string;
};

/** A column of `kubectl get`; priority 1 shows with `-o wide`. */
type Column = {
  name: string;
  type: "string" | "integer" | "date";
  jsonPath: string;
  description: string;
  priority?: 1;
};

/** A custom resource as one value: the CRD, its documentation and its TypeScript types come from it. */
export type ResourceDefinition<Spec extends z.ZodType = z.ZodType, Status extends z.ZodType = z.ZodType> = {
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  description: string;
  spec: Spec;
  status: Status;
  /** Rules on the whole object. */
  rules: readonly CelRule[];
  columns: readonly Column[];
  selectableFields?: readonly string[];
};

/** API group of every resource. */
export const apiGroup = "swarm.enchanted.dev";
/** The version served and stored. */
export const apiVersion = "v1alpha1";
/** `group/version`, as manifests write it. */
export const groupVersion = `${apiGroup}/${apiVersion}`;

const rulesKey = "x-kubernetes-validations";

/** Adds CEL rules to a schema. */
export const withRules = <T extends z.ZodType>(schema: T, ...rules: readonly CelRule[]): T => {
  const meta = schema.meta();
  return schema.meta({ ...meta, [rulesKey]: [...((meta?.[rulesKey] as CelRule[] | undefined) ?? []), ...rules] });
};

/** The rule that a value never changes once the object exists. */
export const immutable = (what: string): CelRule => ({
  rule: "self == oldSelf",
  message: `${what} is immutable; create a new object`,
});

/** The rule that an optional member of an object is never changed, set or unset once the object exists. */
export const immutableWhereSet = (member: string, what: string): CelRule => ({
  rule: `has(self.${member}) == has(oldSelf.${member}) && (!has(self.${member}) || self.${member} == oldSelf.${member})`,
  message: `${what} is immutable; create a new object`,
});

/** The rule that a text is a URL that a client can dial; more than a pattern can say. */
export const dialable = (what: string): CelRule => ({
  rule: "isURL(self) && (url(self).getPort() == '' || int(url(self).getPort()) <= 65535)",
  message: `${what} is no URL: check its host and its port`,
});

/** A list whose items are told apart by `key`, so that two writers merge. */
export const mapList = <T extends z.ZodType>(item: T, key: string, max: number, description: string): z.ZodArray<T> =>
  z
    .array(item)
    .max(max)
    .describe(description)
    .meta({ description, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] });

/** A text of 1..`max` characters. */
export const boundedText = (max: number, description: string): z.ZodString =>
  z.string().min(1).max(max).describe(description);

/** A duration as people write it. */
export const duration = (description: string): z.ZodString =>
  z
    .string()
    .max(32)
    .regex(/^([0-9]+(ms|s|m|h))+$/)
    .describe(description);

/** The rule of a text that a program gets as an argument or in its environment. */
export const withoutNul: CelRule = {
  rule: String.raw`!self.contains('\u0000')`,
  message: "a NUL character cannot be given to a program; leave it out",
};

/** A text of 1..`max` characters that a program gets as an argument or in its environment: the kernel takes 128 KiB of one. */
export const programText = (max: number, description: string): z.ZodString =>
  withRules(boundedText(max, description), withoutNul);

const dnsLabelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** A DNS label of 1..`max` characters. */
export const dnsLabel = (max: number, description: string): z.ZodString =>
  z.string().min(1).max(max).regex(dnsLabelPattern).describe(description);

/** A DNS label that names another object in the same namespace. */
export const reference = (what: string): z.ZodObject<{ name: z.ZodString }> =>
  z
    .object({
      name: dnsLabel(63, `Name of the ${what}, in the same namespace.`),
    })
    .describe(`Reference to a ${what}.`);

/** The rule that an object's name is a DNS label of at most `max` characters. */
export const nameRule = (max: number): CelRule => ({
  rule: `size(self.metadata.name) <= ${max} && self.metadata.name.matches('${dnsLabelPattern.source}')`,
  message: `the name must be a DNS label (a-z, 0-9, -) of at most ${max} characters, because pods are named after it`,
});
