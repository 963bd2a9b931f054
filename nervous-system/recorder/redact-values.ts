import { createKnownTexts } from "./known-texts.ts";
import type { Replace } from "./redact-walk.ts";
import { formsOf } from "./secret-forms.ts";
import { leastSecretChars, type SecretValue } from "./secret-values.ts";

/** What replaces values that are secrets by their names, in whatever form they are written. */
export const replaceValues = (values: readonly SecretValue[]): Replace =>
  createKnownTexts(
    new Map(values.flatMap(({ name, value }) => formsOf(value).map((form) => [form, `[redacted:${name}]`] as const))),
    leastSecretChars,
  ).replace;
