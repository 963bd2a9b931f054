/** One environment variable of a container. */
export type EnvVar = { name: string; value: string };

/**
 * Environment of a container with exactly these values; what is undefined is left out. Every `$` is doubled, because
 * the kubelet expands `$(NAME)` and folds `$$`, and goals and criteria are texts of people.
 */
export const environment = (values: Readonly<Record<string, string | undefined>>): EnvVar[] =>
  Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: value.replaceAll("$", "$$$$") }],
  );
