import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { ConditionType } from "#nervous-system/schemas/conditions.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null;

const keysOf = (value: Members): string[] => Object.keys(value).filter((key) => value[key] !== undefined);

/** Whether two JSON values say the same; a member that is undefined is a member that is absent. */
export const sameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = keysOf(a);
  return keys.length === keysOf(b).length && keys.every((key) => sameJson(a[key], b[key]));
};

/** A JSON merge patch (RFC 7386) of an object. */
export type Patch = { [member: string]: unknown };

/** The smallest merge patch that turns `before` into `after`; lists are replaced whole. Members hold no `null`. */
export const mergePatchOf = (before: Patch, after: Patch): Patch => {
  const patch: Patch = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, next] = [before[key], after[key]];
    if (sameJson(old, next)) continue;
    if (next === undefined) patch[key] = null;
    else patch[key] = isJsonObject(old) && isJsonObject(next) ? mergePatchOf(old, next) : next;
  }
  return patch;
};

/**
 * How much a new status differs from the old one: `structure` is written at once (what the next decision rests on),
 * `condition` may flap and is written as the flap limits allow, `activity` is for people and waits its turn.
 */
export type Change = "structure" | "condition" | "activity" | "nothing";

type WithConditions = { conditions?: Condition[] | undefined };

/** Conditions that change in a life as it should be together with others, and are written with those. */
const quietTypes: ReadonlySet<string> = new Set([
  ConditionType.PodScheduled,
  ConditionType.WorkspaceReady,
  ConditionType.Recording,
]);

/** Conditions that end or hold a life: their coming and going is never held back. */
const structuralTypes: ReadonlySet<string> = new Set([
  ConditionType.Complete,
  ConditionType.Failed,
  ConditionType.Suspended,
]);

const shape = (conditions: readonly Condition[] | undefined, keep: (type: string) => boolean): string[] =>
  (conditions ?? []).filter(({ type }) => keep(type)).map(({ type, status, reason }) => `${type}=${status}/${reason}`);

const differsIn = <S extends WithConditions>(before: S, after: S, keep: (type: string) => boolean): boolean =>
  !sameJson(shape(before.conditions, keep), shape(after.conditions, keep));

/** Compares two statuses; `structural` names the members that decisions rest on. */
export const changeOf = <S extends WithConditions>(before: S, after: S, structural: readonly (keyof S)[]): Change => {
  if (structural.some((key) => !sameJson(before[key], after[key]))) return "structure";
  if (differsIn(before, after, (type) => structuralTypes.has(type))) return "structure";
  if (differsIn(before, after, (type) => !quietTypes.has(type))) return "condition";
  return sameJson(before, after) ? "nothing" : "activity";
};
