import type { z } from "zod";

/** One environment variable that is wrong, and what to set it to. Never holds the variable's value: it may be a secret. */
type ConfigProblem = { variable: string; problem: string; remedy: string };

/** The typed configuration, or everything that is wrong with it at once. */
export type ConfigResult<T> =
  | { kind: "valid"; value: T }
  | { kind: "invalid"; problems: readonly ConfigProblem[]; message: string };

type Described = { description?: string | undefined; def?: { innerType?: unknown } };

// A description stands on the schema it was given to; `.optional()` and `.default()` wrap that schema.
const describe = (schema: unknown): string | undefined => {
  const { description, def } = (schema ?? {}) as Described;
  return description ?? (def?.innerType === undefined ? undefined : describe(def.innerType));
};

const remedyFor = (variable: string, schema: unknown): string => {
  const meaning = describe(schema);
  return meaning === undefined ? `set ${variable} to a valid value` : `set ${variable}: ${meaning}`;
};

// A rule of the whole object (`.refine`) names the variables in its own message.
const acrossVariables = (problem: string): ConfigProblem => ({
  variable: "(together)",
  problem,
  remedy: "change one of the variables that it names",
});

const message = (problems: readonly ConfigProblem[]): string =>
  [
    `the configuration is wrong in ${problems.length} environment variable(s):`,
    ...problems.map(({ variable, problem, remedy }) => `  ${variable}: ${problem}; ${remedy}`),
  ].join("\n");

/**
 * Compiles the environment into typed values by an object schema whose keys are variable names. A variable set to the
 * empty string counts as not set. Problems carry the fields' descriptions and never a value.
 */
export const parseConfig = <S extends z.ZodObject>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): ConfigResult<z.output<S>> => {
  const input = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, env[name] || undefined]));
  const parsed = schema.safeParse(input);
  if (parsed.success) return { kind: "valid", value: parsed.data };
  const problems = parsed.error.issues.map((issue): ConfigProblem => {
    const variable = issue.path[0];
    if (typeof variable !== "string") return acrossVariables(issue.message);
    const problem = input[variable] === undefined ? "is not set" : issue.message;
    return { variable, problem, remedy: remedyFor(variable, schema.shape[variable]) };
  });
  return { kind: "invalid", problems, message: message(problems) };
};
