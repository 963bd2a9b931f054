import { isJsonObject } from "#nervous-system/kernel/json-object.ts";

/** Parameters of a statement as they are written in code: JSON's values. */
export type Parameters = Readonly<Record<string, unknown>>;

// A number of JavaScript is a float to the driver; a big one is an integer, which its own numbers would have to be made by hand.
const ofValue = (value: unknown): unknown => {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(ofValue);
  return isJsonObject(value) ? asParameters(value) : value;
};

/** The same parameters with integers as Neo4j's integers, text that UTF-8 can hold, and nothing that is undefined. */
export const asParameters = (given: Parameters): Record<string, unknown> => {
  const parameters: Record<string, unknown> = {};
  for (const name of Object.keys(given)) if (given[name] !== undefined) parameters[name] = ofValue(given[name]);
  return parameters;
};
