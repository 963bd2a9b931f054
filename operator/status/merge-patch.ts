import { sameJson } from "#operator/status/same.ts";

/** A JSON merge patch (RFC 7386) of an object. */
export type Patch = { [member: string]: unknown };

const isObject = (value: unknown): value is Patch =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The smallest merge patch that turns `before` into `after`; lists are replaced whole. Members hold no `null`. */
export const mergePatchOf = (before: Patch, after: Patch): Patch => {
  const patch: Patch = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, next] = [before[key], after[key]];
    if (sameJson(old, next)) continue;
    if (next === undefined) patch[key] = null;
    else patch[key] = isObject(old) && isObject(next) ? mergePatchOf(old, next) : next;
  }
  return patch;
};
