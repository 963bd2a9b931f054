import { ownOf } from "#nervous-system/kernel/own-of.ts";
import type { ModelOperation } from "#nervous-system/schemas/resources/model.ts";

/** Where in a request something is by which data may leave, what it is, and the operation that would have to be allowed. */
export type Reach = { readonly operation: ModelOperation; readonly path: string; readonly what: string };

/** A way through a request: where it is, and what is allowed of it. */
export type Walk = { readonly path: Array<string | number>; readonly allowed: ReadonlySet<ModelOperation> };

/** What a value may be; answers what in it is not allowed, the first if there is more. Each value is looked at once. */
export type Shape = (value: unknown, walk: Walk) => Reach | undefined;

const maxNameCharacters = 64;
// Content holds tool results, which hold content; nobody nests them further.
const maxDepth = 64;

const plainName = /^[A-Za-z_][\w-]*$/;

const pathText = (path: ReadonlyArray<string | number>): string =>
  path
    .map((part) => {
      if (typeof part === "number") return `[${part}]`;
      const name = part.slice(0, maxNameCharacters);
      return plainName.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    })
    .join("")
    .replace(/^\./, "");

/** A word of the request's for people, however long. */
export const quoted = (word: unknown): string =>
  typeof word === "string" ? JSON.stringify(word.slice(0, maxNameCharacters)) : `of JSON type ${typeof word}`;

/** Refuses unless an operation is allowed. */
export const need = (walk: Walk, operation: ModelOperation, what: string): Reach | undefined =>
  walk.allowed.has(operation) ? undefined : { operation, path: pathText(walk.path), what };

/** Refuses what has a shape that nobody foresaw, unless that is allowed. */
export const unknownShape = (walk: Walk, what = "has a shape that the gateway does not know"): Reach | undefined =>
  need(walk, "OtherMembers", what);

/** Whether a value is an object with members. */
export const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a value says nothing, or no: `null`, `false`, an empty list. */
export const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);

const inside = (name: string | number, value: unknown, shape: Shape, walk: Walk): Reach | undefined => {
  walk.path.push(name);
  const reach = shape(value, walk);
  // Where something was found nobody looks on.
  walk.path.pop();
  return reach;
};

/** Whatever it is, it stays in the request and its answer. */
export const anything: Shape = () => undefined;

/** Anything but nothing needs an operation. */
export const needing =
  (operation: ModelOperation, what: string): Shape =>
  (value, walk) =>
    isNothing(value) ? undefined : need(walk, operation, what);

/** A member that the gateway does not know. */
const unknownMember: Shape = (value, walk) =>
  value === null || value === undefined ? undefined : unknownShape(walk, "is a member that the gateway does not know");

/** An object with the members of a table, each of its shape. */
export const members =
  (table: Readonly<Record<string, Shape>>): Shape =>
  (value, walk) => {
    if (isNothing(value)) return undefined;
    if (!isFields(value) || walk.path.length > maxDepth) return unknownShape(walk);
    for (const name of Object.keys(value)) {
      const shape = ownOf(table, name);
      const reach = inside(name, value[name], shape ?? unknownMember, walk);
      if (reach !== undefined) return reach;
    }
    return undefined;
  };

/** A table in which all of these names have one shape. */
export const all = (shape: Shape, names: string): Readonly<Record<string, Shape>> =>
  Object.fromEntries(
    names
      .split(/\s+/)
      .filter((name) => name !== "")
      .map((name) => [name, shape]),
  );

/** A list of things of one shape. */
export const list =
  (shape: Shape): Shape =>
  (value, walk) => {
    if (isNothing(value)) return undefined;
    if (!Array.isArray(value)) return unknownShape(walk);
    for (const [at, item] of value.entries()) {
      const reach = inside(at, item, shape, walk);
      if (reach !== undefined) return reach;
    }
    return undefined;
  };

/** A text, or something of a shape. */
export const textOr =
  (shape: Shape): Shape =>
  (value, walk) =>
    typeof value === "string" ? undefined : shape(value, walk);

/** An object whose `type` tells its shape; `other` is asked about those that the table does not have. */
export const byType =
  (
    table: Readonly<Record<string, Shape>>,
    other: (type: unknown, value: Readonly<Record<string, unknown>>) => Shape,
  ): Shape =>
  (value, walk) => {
    if (isNothing(value)) return undefined;
    if (!isFields(value)) return unknownShape(walk);
    const { type } = value;
    const known = typeof type === "string" ? ownOf(table, type) : undefined;
    return (known ?? other(type, value))(value, walk);
  };

/** Something of a type that the gateway does not know. */
export const unknownType =
  (operation: ModelOperation, what: string) =>
  (type: unknown): Shape =>
  (_, walk) =>
    need(walk, operation, `is ${what} ${quoted(type)}`);
