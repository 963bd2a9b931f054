import type { Fields } from "#nervous-system/codecs/exchange/fields.ts";
import { isFields, isNothing, members, need, quoted, unknownShape, type Shape } from "#pipeline/gateway/reach/shape.ts";

/** A text, a number or a truth value: nothing that has members of its own. */
export const scalar: Shape = (value, walk) =>
  typeof value === "object" && value !== null ? unknownShape(walk) : undefined;

/** The tiers and speeds of providers that cost what the model costs, or less. */
const usualTiers: ReadonlySet<unknown> = new Set([
  ..."auto default standard standard_only on_demand flex".split(" "),
  "",
]);

/** At what tariff a request is answered: a dearer one is nobody's to choose whose Model has its prices. */
export const tier: Shape = (value, walk) =>
  isNothing(value) || usualTiers.has(value)
    ? undefined
    : need(walk, "PremiumTiers", `asks for the tier ${quoted(value)}, which may cost more than the Model's prices say`);

// A proxy in between may take a URL among them for the place to send its log to.
const label: Shape = (value, walk) =>
  typeof value === "string" && /^\s*[a-z][a-z0-9+.-]*:\/\//i.test(value)
    ? need(walk, "OtherMembers", "is a URL, where a label is expected")
    : scalar(value, walk);

/** Labels of a request, whatever their names. */
export const labels: Shape = (value, walk) =>
  members(isFields(value) ? Object.fromEntries(Object.keys(value).map((name) => [name, label])) : {})(value, walk);

// Base64 as some servers take it without `data:`, of a JPEG with a slash first. Anything else that begins with one, or that is
// shorter than the smallest image, may be a path or a URL without its scheme.
const bareBase64 = /^(?:\/9j\/|[A-Za-z0-9+_-])[A-Za-z0-9+/=_\-\r\n]*$/;
const minBareCharacters = 32;

/** Bytes that stand in the request itself: a `data:` URL or base64, and no address that the provider would fetch. */
export const inlineBytes: Shape = (value, walk) => {
  if (isNothing(value) || value === "") return undefined;
  if (typeof value !== "string") return unknownShape(walk);
  return /^data:/i.test(value) || (value.length >= minBareCharacters && bareBase64.test(value))
    ? undefined
    : need(walk, "RemoteContent", `has the provider fetch ${quoted(value)}`);
};

// A relative one is resolved against whatever `$id` says.
const references = ["$ref", "$dynamicRef", "$recursiveRef"] as const;
const isElsewhere = (reference: unknown): boolean => typeof reference === "string" && !reference.startsWith("#");
/** The name of a meta-schema that nobody has at hand. */
const otherDialect = (name: unknown): unknown =>
  typeof name === "string" && !/^https?:\/\/json-schema\.org\//.test(name) ? name : undefined;

/** JSON of any kind, such as a schema, without references that a provider would have to fetch. */
export const localSchema: Shape = (value, walk) => {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one !== "object" || one === null) continue;
    const fields = one as Fields;
    const elsewhere = references.map((name) => fields[name]).find(isElsewhere) ?? otherDialect(fields["$schema"]);
    if (elsewhere !== undefined) return need(walk, "RemoteContent", `has a schema that refers to ${quoted(elsewhere)}`);
    for (const name of Object.keys(fields)) if (typeof fields[name] === "object") left.push(fields[name]);
  }
  return undefined;
};
